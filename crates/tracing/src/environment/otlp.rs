//! The variables of the OTLP exporter.

use std::time::Duration;

use codomyrmex_otlp::{OtlpExporter, OtlpExporterBuilder, ParseProtocolError, Protocol};

use super::reader::{Reader, parse_bool, parse_millis};

/// A time below this is rather one in seconds than one in milliseconds.
const SUSPICIOUS: u64 = 100;

impl<'a> Reader<'a> {
    /// The OTLP exporter with everything that the environment says of it.
    pub(super) fn otlp(&mut self) -> OtlpExporterBuilder {
        let mut otlp = OtlpExporter::builder();
        let protocol = self.option("PROTOCOL", |text| {
            let protocol = text
                .parse()
                .map_err(|error: ParseProtocolError| error.to_string())?;
            valid(OtlpExporter::builder().protocol(protocol)).map(|_| protocol)
        });
        let protocol = protocol.unwrap_or_default();
        otlp = otlp.protocol(protocol);
        if let Some(insecure) = self.option("INSECURE", parse_bool) {
            otlp = otlp.insecure(insecure);
        }
        otlp = self.endpoint(otlp, protocol);
        otlp = self.proxies(otlp);
        if let Some(with) = self.option("HEADERS", |list| valid(otlp.clone().headers(list))) {
            otlp = with;
        }
        if let Some(timeout) = self.timeout() {
            otlp = otlp.timeout(timeout);
        }
        if let Some(compression) = self.option("COMPRESSION", |text| {
            text.parse()
                .map_err(|error: ParseProtocolError| error.to_string())
        }) {
            otlp = otlp.compression(compression);
        }
        if let Some(path) = self.path("CERTIFICATE") {
            otlp = otlp.certificate(path);
        }
        if let Some(path) = self.path("CLIENT_CERTIFICATE") {
            otlp = otlp.client_certificate(path);
        }
        if let Some(path) = self.path("CLIENT_KEY") {
            otlp = otlp.client_key(path);
        }
        otlp
    }

    /// The signal's own endpoint is taken as it stands; below the one for all signals lies that of traces.
    fn endpoint(&mut self, otlp: OtlpExporterBuilder, protocol: Protocol) -> OtlpExporterBuilder {
        let own = self.named("EXPORTER_OTLP_TRACES_ENDPOINT", |url| {
            let at_root = protocol != Protocol::Grpc && has_no_path(url);
            let root = if at_root { "/" } else { "" };
            Ok((
                valid(otlp.clone().endpoint(format!("{url}{root}")))?,
                at_root,
            ))
        });
        if let Some((name, (with, at_root))) = own {
            if at_root {
                self.warnings.push(format!(
                    "{name} has no path, so spans go to /: append /v1/traces, or set EXPORTER_OTLP_ENDPOINT instead"
                ));
            }
            return with;
        }
        self.parsed("EXPORTER_OTLP_ENDPOINT", |url| {
            valid(otlp.clone().base_endpoint(url))
        })
        .unwrap_or(otlp)
    }

    fn timeout(&mut self) -> Option<Duration> {
        let (name, millis) = self
            .named("EXPORTER_OTLP_TRACES_TIMEOUT", parse_millis)
            .or_else(|| self.named("EXPORTER_OTLP_TIMEOUT", parse_millis))?;
        if millis < SUSPICIOUS {
            self.warnings.push(format!(
                "{name} counts milliseconds: {millis} of them are little time (for seconds, write {millis}000)"
            ));
        }
        Some(Duration::from_millis(millis))
    }

    /// An option that traces may have for themselves.
    fn option<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.parsed(&format!("EXPORTER_OTLP_TRACES_{name}"), &parse)
            .or_else(|| self.parsed(&format!("EXPORTER_OTLP_{name}"), &parse))
    }

    fn path(&self, name: &str) -> Option<&'a str> {
        self.first(&format!("EXPORTER_OTLP_TRACES_{name}"))
            .or_else(|| self.first(&format!("EXPORTER_OTLP_{name}")))
            .map(|(_, path)| path)
    }
}

/// The builder, if an exporter can be made of it.
pub(super) fn valid(otlp: OtlpExporterBuilder) -> Result<OtlpExporterBuilder, String> {
    match otlp.clone().build() {
        Ok(_) => Ok(otlp),
        Err(error) => Err(error.to_string()),
    }
}

fn has_no_path(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(_, rest)| !rest.contains(['/', '?']))
}
