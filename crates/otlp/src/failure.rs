//! Why one attempt to send a request failed.

use std::time::Duration;

/// One attempt's end without an answer that counts as success.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) retry: Retry,
}

/// Whether the same request may be sent again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would fail again.
    Never,
    /// After a while, which the receiver may have named.
    After(Option<Duration>),
}

impl Failure {
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: Retry::Never,
        }
    }

    /// No connection, or one that broke.
    pub(crate) fn lost(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: Retry::After(None),
        }
    }
}
