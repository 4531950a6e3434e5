//! The ways of speaking OTLP.

use std::fmt;
use std::str::FromStr;

/// How requests are encoded and carried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP/1.1: `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP/1.1: `http/json`.
    HttpJson,
    /// gRPC, which is protobuf over HTTP/2: `grpc`.
    Grpc,
}

impl Protocol {
    /// The protocol's name in OpenTelemetry's environment variables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
            Self::Grpc => "grpc",
        }
    }

    /// Where a Collector on this machine listens.
    pub(crate) fn default_endpoint(self) -> &'static str {
        match self {
            Self::HttpProtobuf | Self::HttpJson => "http://localhost:4318",
            Self::Grpc => "http://localhost:4317",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = ParseProtocolError;

    /// The name in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::HttpProtobuf, Self::HttpJson, Self::Grpc]
            .into_iter()
            .find(|protocol| text.trim().eq_ignore_ascii_case(protocol.as_str()))
            .ok_or(ParseProtocolError {
                known: "http/protobuf, http/json and grpc",
            })
    }
}

/// How requests are made smaller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: `none`.
    #[default]
    None,
    /// `gzip`, which every receiver knows.
    Gzip,
    /// `zstd`: about as small as gzip in a fraction of its time. The Collector knows it.
    Zstd,
}

impl Compression {
    /// The name in OpenTelemetry's environment variables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Compression {
    type Err = ParseProtocolError;

    /// The name in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::Gzip, Self::Zstd]
            .into_iter()
            .find(|compression| text.trim().eq_ignore_ascii_case(compression.as_str()))
            .ok_or(ParseProtocolError {
                known: "none, gzip and zstd",
            })
    }
}

/// There is no protocol, or no compression, of this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseProtocolError {
    known: &'static str,
}

impl fmt::Display for ParseProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are only {}", self.known)
    }
}

impl std::error::Error for ParseProtocolError {}
