//! What a Tracer is made with: the constructor's arguments, and the environment where they say nothing.

use std::sync::OnceLock;
use std::time::Duration;

use codomyrmex_core::{Limits as CoreLimits, Redact, Resource, TracerBuilder};
use codomyrmex_tracing::environment::{Environment, ExporterChoice, Settings};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use crate::convert;
use crate::limits::Limits;
use crate::null_exporter::NullExporter;
use crate::otlp_exporter::OTLPExporter;
use crate::queue_options::QueueOptions;
use crate::sampler;

/// What the environment says now.
pub(crate) fn environment() -> Settings {
    let settings = Environment::from_process().settings();
    settings.report();
    settings
}

/// The rules for secrets where no tracer says otherwise: in headers, and for spans made by hand.
pub(crate) fn default_redact() -> &'static Redact {
    static DEFAULT: OnceLock<Redact> = OnceLock::new();
    DEFAULT.get_or_init(|| environment().redact.unwrap_or_default())
}

/// The engine's builder of a new tracer, and its in-process exporters.
pub(crate) struct Made<'py> {
    pub(crate) builder: TracerBuilder,
    pub(crate) service_name: String,
    /// What `Tracer.exporter` shows.
    pub(crate) exporter: Option<Bound<'py, PyAny>>,
    /// Exporters that take Span objects.
    pub(crate) in_process: Vec<Bound<'py, PyAny>>,
    /// How long a finished span waits for its batch.
    pub(crate) interval: Option<Duration>,
}

/// The keyword arguments of `Tracer`.
pub(crate) struct Options<'py> {
    pub(crate) sampler: Option<Bound<'py, PyAny>>,
    pub(crate) resource: Option<Bound<'py, PyDict>>,
    pub(crate) limits: Option<Limits>,
    pub(crate) batch_size: usize,
    pub(crate) flush_interval: Option<f64>,
    pub(crate) redact: Option<Bound<'py, PyAny>>,
    pub(crate) queue: QueueOptions<'py>,
}

pub(crate) fn make<'py>(
    py: Python<'py>,
    service_name: &str,
    exporter: Option<Bound<'py, PyAny>>,
    options: &Options<'py>,
) -> PyResult<Made<'py>> {
    let settings = environment();
    settings.prepare_process();
    let service_name = settings
        .service_name
        .clone()
        .unwrap_or_else(|| service_name.to_owned());
    let redact = match &options.redact {
        Some(given) => read_redact(given)?,
        None => settings.redact.clone().unwrap_or_default(),
    };
    let limits = options
        .limits
        .as_ref()
        .map_or(settings.limits, |limits| limits.to_core());
    let mut builder = settings
        .builder(&service_name)
        .resource(Resource::sdk("python"))
        .limits(limits)
        .redact(redact)
        .batch_size(options.batch_size)
        .without_exporter_notice();
    builder = options.queue.add_to(builder)?;
    if let Some(given) = &options.sampler {
        builder = builder.sampler(sampler::read(given)?);
    }
    if let Some(given) = &options.resource {
        let mut resource = Resource::default();
        for (key, value) in convert::attributes(given) {
            resource.set(key, value);
        }
        builder = builder.resource(resource);
    }
    let mut waits = settings.flush_interval;
    if let Some(seconds) = options.flush_interval {
        let given = interval(seconds)?;
        builder = builder.flush_interval(given);
        waits = Some(given);
    }
    let mut in_process = Vec::new();
    match &exporter {
        Some(given) => {
            if let Ok(null) = given.cast::<NullExporter>() {
                builder = builder.exporter(null.get().core.clone());
            } else if let Ok(otlp) = given.cast::<OTLPExporter>() {
                builder = builder.exporter(otlp.get().build()?);
            } else {
                in_process.push(given.clone());
            }
        }
        None => {
            // Existing callers know the console as the exporter that is there without one.
            for choice in settings
                .exporters
                .unwrap_or_else(|| vec![ExporterChoice::Console])
            {
                match choice {
                    ExporterChoice::Console => in_process.push(console(py)?),
                    other => builder = other.add_to(builder),
                }
            }
        }
    }
    let exporter = exporter.or_else(|| in_process.first().cloned());
    Ok(Made {
        builder,
        service_name,
        exporter,
        in_process,
        interval: waits,
    })
}

fn console(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("codomyrmex.telemetry.tracing.exporters")?
        .getattr("ConsoleExporter")?
        .call0()
}

/// Seconds as a time span.
pub(crate) fn interval(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err("a time must be seconds, zero or more"))
}

/// True is the default, False is off, text is the syntax of CODOMYRMEX_REDACT, anything else is more words.
fn read_redact(given: &Bound<'_, PyAny>) -> PyResult<Redact> {
    if let Ok(on) = given.cast::<PyBool>() {
        return Ok(if on.is_true() {
            Redact::standard().clone()
        } else {
            Redact::off()
        });
    }
    if let Ok(text) = given.cast::<PyString>() {
        return text
            .to_str()?
            .parse()
            .map_err(|error| PyValueError::new_err(format!("redact: {error}")));
    }
    let words = given
        .try_iter()
        .map_err(|_| PyTypeError::new_err("redact must be a bool, text, or words"))?;
    let words: Vec<String> = words
        .map(|word| word.map(|word| convert::text(&word)))
        .collect::<PyResult<_>>()?;
    Ok(Redact::standard()
        .clone()
        .with_words(words.iter().map(String::as_str)))
}

impl Limits {
    fn to_core(self) -> CoreLimits {
        self.core
    }
}
