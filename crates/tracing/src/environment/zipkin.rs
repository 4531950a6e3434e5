//! The variables of the Zipkin exporter.

use std::time::Duration;

use codomyrmex_zipkin::{ZipkinExporter, ZipkinExporterBuilder};

use super::reader::{Reader, parse_millis};

impl Reader<'_> {
    /// The Zipkin exporter with everything that the environment says of it.
    pub(super) fn zipkin(&mut self) -> ZipkinExporterBuilder {
        let mut zipkin = ZipkinExporter::builder();
        if let Some(with) = self.parsed("EXPORTER_ZIPKIN_ENDPOINT", |url| {
            let with = ZipkinExporter::builder().endpoint(url);
            match with.clone().build() {
                Ok(_) => Ok(with),
                Err(error) => Err(error.to_string()),
            }
        }) {
            zipkin = with;
        }
        if let Some(millis) = self.parsed("EXPORTER_ZIPKIN_TIMEOUT", parse_millis) {
            zipkin = zipkin.timeout(Duration::from_millis(millis));
        }
        zipkin
    }
}
