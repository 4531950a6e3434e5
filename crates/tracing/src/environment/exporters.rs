//! Which exporters the environment names.

#[cfg(feature = "otlp")]
use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{ConsoleExporter, NullExporter, TracerBuilder};

use super::reader::Reader;

/// An exporter that `TRACES_EXPORTER` can name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExporterChoice {
    /// JSON on standard output.
    Console,
    /// Spans are encoded, counted and dropped: what recording costs, without where it goes.
    Null,
    /// To an OTLP receiver, with everything that the environment says of it.
    #[cfg(feature = "otlp")]
    Otlp(Box<codomyrmex_otlp::OtlpExporterBuilder>),
}

impl ExporterChoice {
    /// Adds the exporter to a tracer.
    pub fn add_to(self, builder: TracerBuilder) -> TracerBuilder {
        match self {
            Self::Console => builder.exporter(ConsoleExporter::new()),
            Self::Null => builder.exporter(NullExporter::new()),
            #[cfg(feature = "otlp")]
            Self::Otlp(otlp) => match otlp.build() {
                Ok(exporter) => builder.exporter(exporter),
                Err(error) => {
                    diagnostics::report(Kind::Configuration, &no_otlp(&error));
                    builder
                }
            },
        }
    }
}

/// The words of `TRACES_EXPORTER`, in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Console,
    Null,
    Otlp,
    Zipkin,
}

fn words(list: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    for word in list.split(',').map(|word| word.trim().to_ascii_lowercase()) {
        let word = match word.as_str() {
            "" | "none" => continue,
            "console" => Word::Console,
            "null" => Word::Null,
            "otlp" => Word::Otlp,
            "zipkin" => Word::Zipkin,
            _ => {
                return Err(format!(
                    "there is no exporter {word:?}, only otlp, console, null and none"
                ));
            }
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words)
}

impl Reader<'_> {
    pub(super) fn exporters(
        &mut self,
        #[cfg(feature = "otlp")] otlp: &codomyrmex_otlp::OtlpExporterBuilder,
    ) -> Option<Vec<ExporterChoice>> {
        let mut chosen = Vec::new();
        for word in self.parsed("TRACES_EXPORTER", words)? {
            match word {
                Word::Console => chosen.push(ExporterChoice::Console),
                Word::Null => chosen.push(ExporterChoice::Null),
                #[cfg(feature = "otlp")]
                Word::Otlp => match otlp.clone().build() {
                    Ok(_) => chosen.push(ExporterChoice::Otlp(Box::new(otlp.clone()))),
                    Err(error) => self.warnings.push(no_otlp(&error)),
                },
                #[cfg(not(feature = "otlp"))]
                Word::Otlp => self.warnings.push(
                    "the exporter otlp is not compiled in: build with the feature \"otlp\""
                        .to_owned(),
                ),
                Word::Zipkin => self.warnings.push(
                    "the exporter zipkin is not part of this version yet: no spans are sent to it"
                        .to_owned(),
                ),
            }
        }
        Some(chosen)
    }
}

#[cfg(feature = "otlp")]
fn no_otlp(error: &codomyrmex_otlp::ConfigError) -> String {
    format!("no spans are sent by OTLP: {error}")
}
