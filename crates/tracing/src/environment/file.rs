//! The variables of the exporter that writes OTLP to a file.

use codomyrmex_otlp::{OtlpFileExporter, OtlpFileExporterBuilder};

use super::reader::Reader;

impl Reader<'_> {
    /// The exporter with everything that the environment says of it; None where it names no file.
    pub(super) fn file(&mut self) -> Option<OtlpFileExporterBuilder> {
        let (_, path) = self.first("EXPORTER_FILE_PATH")?;
        let mut file = OtlpFileExporter::builder().path(path);
        if let Some(bytes) = self.parsed("EXPORTER_FILE_MAX_BYTES", |text| match text.parse() {
            Ok(0) => Err("a file of zero bytes holds no line".to_owned()),
            Ok(bytes) => Ok(bytes),
            Err(_) => Err(format!("{text:?} is no whole number of bytes")),
        }) {
            file = file.max_bytes(bytes);
        }
        if let Some(kept) = self.number("EXPORTER_FILE_KEPT") {
            file = file.kept(kept);
        }
        Some(file)
    }
}
