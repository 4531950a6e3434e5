//! Which exporters the environment names.

use codomyrmex_core::{ConsoleExporter, NullExporter, TracerBuilder};

use super::reader::Reader;

/// An exporter that `TRACES_EXPORTER` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExporterChoice {
    /// JSON on standard output.
    Console,
    /// Spans are encoded, counted and dropped: what recording costs, without where it goes.
    Null,
}

impl ExporterChoice {
    /// Adds the exporter to a tracer.
    pub fn add_to(self, builder: TracerBuilder) -> TracerBuilder {
        match self {
            Self::Console => builder.exporter(ConsoleExporter::new()),
            Self::Null => builder.exporter(NullExporter::new()),
        }
    }
}

impl Reader<'_> {
    pub(super) fn exporters(&mut self) -> Option<Vec<ExporterChoice>> {
        let (chosen, later) = self.parsed("TRACES_EXPORTER", |list| {
            let mut chosen = Vec::new();
            let mut later = Vec::new();
            for word in list.split(',').map(|word| word.trim().to_ascii_lowercase()) {
                match word.as_str() {
                    "" | "none" => {}
                    "console" => chosen.push(ExporterChoice::Console),
                    "null" => chosen.push(ExporterChoice::Null),
                    "otlp" | "zipkin" => later.push(word),
                    _ => {
                        return Err(format!(
                            "there is no exporter {word:?}, only console, null and none"
                        ));
                    }
                }
            }
            Ok((chosen, later))
        })?;
        for word in later {
            self.warnings.push(format!(
                "the exporter {word} is not part of this version yet: no spans are sent to it"
            ));
        }
        Some(chosen)
    }
}
