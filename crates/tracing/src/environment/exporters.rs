//! Which exporters the environment names.

#[cfg(feature = "otlp")]
use codomyrmex_core::SpanExporter;
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
    /// OTLP as lines of JSON, to standard output or to a file.
    #[cfg(feature = "otlp")]
    OtlpFile(codomyrmex_otlp::OtlpFileExporterBuilder),
    /// To a Zipkin, with everything that the environment says of it.
    #[cfg(feature = "zipkin")]
    Zipkin(Box<codomyrmex_zipkin::ZipkinExporterBuilder>),
}

impl ExporterChoice {
    /// Adds the exporter to a tracer.
    pub fn add_to(self, builder: TracerBuilder) -> TracerBuilder {
        match self {
            Self::Console => builder.exporter(ConsoleExporter::new()),
            Self::Null => builder.exporter(NullExporter::new()),
            #[cfg(feature = "otlp")]
            Self::Otlp(otlp) => add(builder, otlp.build(), no_otlp),
            #[cfg(feature = "otlp")]
            Self::OtlpFile(file) => add(builder, file.build(), no_file),
            #[cfg(feature = "zipkin")]
            Self::Zipkin(zipkin) => add(builder, zipkin.build(), no_zipkin),
        }
    }
}

#[cfg(feature = "otlp")]
fn add<E>(
    builder: TracerBuilder,
    exporter: Result<impl SpanExporter + 'static, E>,
    why_not: impl Fn(&E) -> String,
) -> TracerBuilder {
    match exporter {
        Ok(exporter) => builder.exporter(exporter),
        Err(error) => {
            diagnostics::report(Kind::Configuration, &why_not(&error));
            builder
        }
    }
}

/// The words of `TRACES_EXPORTER`, in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Console,
    Null,
    Otlp,
    OtlpFile,
    OtlpStdout,
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
            "otlp/file" => Word::OtlpFile,
            "otlp/stdout" => Word::OtlpStdout,
            "zipkin" => Word::Zipkin,
            _ => {
                return Err(format!(
                    "there is no exporter {word:?}, only otlp, otlp/file, otlp/stdout, zipkin, console, null and none"
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
        #[cfg(feature = "zipkin")] zipkin: &codomyrmex_zipkin::ZipkinExporterBuilder,
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
                #[cfg(feature = "otlp")]
                Word::OtlpStdout => chosen.push(ExporterChoice::OtlpFile(
                    codomyrmex_otlp::OtlpFileExporter::builder(),
                )),
                #[cfg(feature = "otlp")]
                Word::OtlpFile => match self.file() {
                    Some(file) => chosen.push(ExporterChoice::OtlpFile(file)),
                    None => self.warnings.push(
                        "no spans are written to a file: CODOMYRMEX_EXPORTER_FILE_PATH does not name it"
                            .to_owned(),
                    ),
                },
                #[cfg(not(feature = "otlp"))]
                Word::Otlp | Word::OtlpFile | Word::OtlpStdout => self.warnings.push(
                    "the exporter otlp is not compiled in: build with the feature \"otlp\""
                        .to_owned(),
                ),
                #[cfg(feature = "zipkin")]
                Word::Zipkin => chosen.push(ExporterChoice::Zipkin(Box::new(zipkin.clone()))),
                #[cfg(not(feature = "zipkin"))]
                Word::Zipkin => self.warnings.push(
                    "the exporter zipkin is not compiled in: build with the feature \"zipkin\""
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

#[cfg(feature = "otlp")]
fn no_file(error: &codomyrmex_otlp::ConfigError) -> String {
    format!("no spans are written to a file: {error}")
}

#[cfg(feature = "zipkin")]
fn no_zipkin(error: &codomyrmex_zipkin::ConfigError) -> String {
    format!("no spans are sent to Zipkin: {error}")
}
