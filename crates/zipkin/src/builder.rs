//! An exporter to be configured.

use std::time::Duration;

use codomyrmex_otlp::{OtlpExporter, OtlpExporterBuilder, Protocol};

use crate::error::ConfigError;
use crate::exporter::ZipkinExporter;

/// Where Zipkin takes spans.
const PATH: &str = "/api/v2/spans";
/// A Zipkin on this machine (OTEL_EXPORTER_ZIPKIN_ENDPOINT's default).
const ENDPOINT: &str = "http://localhost:9411/api/v2/spans";
/// How the exporter names itself.
const USER_AGENT: &str = concat!("codomyrmex-zipkin/", env!("CARGO_PKG_VERSION"));

/// Address and timeout of a [`ZipkinExporter`] to be.
///
/// Without a call of its methods spans go to a Zipkin on this machine: `http://localhost:9411/api/v2/spans`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ZipkinExporterBuilder {
    transport: OtlpExporterBuilder,
}

impl ZipkinExporterBuilder {
    pub(crate) fn new() -> Self {
        Self {
            transport: OtlpExporter::builder()
                .protocol(Protocol::HttpJson)
                .endpoint(ENDPOINT)
                .header("user-agent", USER_AGENT),
        }
    }

    /// The URL that spans go to, as it stands; only where it has no path at all (`http://host:port`), `/api/v2/spans` is
    /// added.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        let mut url = url.into().trim().to_owned();
        let has_path = url
            .split_once("://")
            .is_none_or(|(_, rest)| rest.contains(['/', '?']));
        if !has_path {
            url.push_str(PATH);
        }
        self.transport = self.transport.endpoint(url);
        self
    }

    /// The longest that the export of a batch takes, with all its retries: 10 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.transport = self.transport.timeout(timeout);
        self
    }

    /// The exporter. Nothing is sent or connected yet.
    ///
    /// # Errors
    ///
    /// Where an option makes no sense; the error says which one.
    pub fn build(self) -> Result<ZipkinExporter, ConfigError> {
        Ok(ZipkinExporter::of(self.transport.build()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(url: &str) -> String {
        ZipkinExporter::builder()
            .endpoint(url)
            .build()
            .expect_err("no endpoint")
            .to_string()
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        assert!(error("zipkin:9411").starts_with("the Zipkin endpoint has no scheme"));
        assert!(error("ftp://zipkin").starts_with("the Zipkin endpoint has to begin"));
        let zero = ZipkinExporter::builder().timeout(Duration::ZERO).build();
        assert_eq!(zero.err(), Some(ConfigError::Timeout));
    }

    #[test]
    fn the_path_is_added_only_where_there_is_none() {
        let with = |url: &str| ZipkinExporter::builder().endpoint(url);
        assert_eq!(with("http://a:1"), with("http://a:1/api/v2/spans"));
        assert_eq!(with(ENDPOINT), ZipkinExporter::builder());
        assert_ne!(with("http://a:1/"), with("http://a:1/api/v2/spans"));
        assert_ne!(with("http://a:1/own"), with("http://a:1/api/v2/spans"));
    }
}
