//! Why one attempt to send a request failed.

use std::time::Duration;

/// One attempt's end without an answer that counts as success.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) retry: Retry,
    /// Whether it was the connection that failed.
    pub(crate) is_lost: bool,
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
            is_lost: false,
        }
    }

    /// An answer that is no success.
    pub(crate) fn refused(message: String, retry: Retry) -> Self {
        Self {
            message,
            retry,
            is_lost: false,
        }
    }

    /// No connection, or one that broke.
    pub(crate) fn lost(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: Retry::After(None),
            is_lost: true,
        }
    }
}
