//! What can be wrong with an exporter's settings.

use std::fmt;
use std::path::PathBuf;

/// Settings that make no exporter. The text is one line that says what to do; it shows no header's value and no key.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint is no URL that spans can be sent to.
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The proxy is no URL of one that can be used.
    Proxy {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header has a name or a value that HTTP does not allow.
    Header {
        /// The header's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A list of headers cannot be read.
    HeaderList {
        /// Which of its entries, from 1.
        entry: usize,
    },
    /// A time or a size makes no sense.
    Limit {
        /// Which option.
        option: &'static str,
    },
    /// A file of certificates or keys.
    File {
        /// Which option names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate without its key, or the other way round.
    Incomplete {
        /// Which option is missing.
        missing: &'static str,
    },
    /// What was asked for is not compiled in.
    NotCompiledIn {
        /// The feature of the package that has it.
        feature: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { reason } => write!(f, "the OTLP endpoint {reason}"),
            Self::Proxy { reason } => write!(f, "the OTLP proxy {reason}"),
            Self::Header { name, reason } => write!(f, "the OTLP header {name:?} {reason}"),
            Self::HeaderList { entry } => write!(
                f,
                "entry {entry} of the OTLP headers is not of the form name=value with a percent-encoded value"
            ),
            Self::Limit { option } => write!(f, "the OTLP {option} must be more than zero"),
            Self::File {
                option,
                path,
                reason,
            } => write!(
                f,
                "the file of the OTLP {option}, {}, {reason}",
                path.display()
            ),
            Self::Incomplete { missing } => write!(
                f,
                "the OTLP {missing} is missing: client certificate and client key go together"
            ),
            Self::NotCompiledIn { feature } => write!(
                f,
                "this OTLP protocol is not compiled in: build with the feature {feature:?}"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}
