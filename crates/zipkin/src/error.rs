//! What can be wrong with an exporter's settings.

use std::fmt;

/// Settings that make no exporter. The text is one line that says what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint is no URL that spans can be sent to.
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The timeout is zero.
    Timeout,
    /// Something else that the transport does not accept.
    Transport(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { reason } => write!(f, "the Zipkin endpoint {reason}"),
            Self::Timeout => f.write_str("the Zipkin timeout must be more than zero"),
            Self::Transport(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<codomyrmex_otlp::ConfigError> for ConfigError {
    fn from(error: codomyrmex_otlp::ConfigError) -> Self {
        match error {
            codomyrmex_otlp::ConfigError::Endpoint { reason } => Self::Endpoint { reason },
            codomyrmex_otlp::ConfigError::Limit { .. } => Self::Timeout,
            other => Self::Transport(other.to_string()),
        }
    }
}
