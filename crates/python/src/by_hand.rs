//! Exporters of bytes that are called directly, with Span objects: each batch on its way before the call returns.

use std::sync::Arc;

use codomyrmex_core::binding::{LooseSpans, Rules, SpanBody};
use codomyrmex_core::{Batch, Resource, SpanExporter};
use codomyrmex_tracing::environment::Settings;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::span::SpanObject;
use crate::tracer::Tracer;
use crate::{encode, waiting};

/// Exports the spans and waits for it, without the interpreter.
///
/// # Errors
///
/// A TypeError for what is no Span, then nothing is exported; a RuntimeError for what could not be exported, once everything
/// was tried; what a signal's handler raises, and then the export goes on.
pub(crate) fn export(
    spans: &Bound<'_, PyAny>,
    settings: &Settings,
    exporter: &Arc<dyn SpanExporter>,
) -> PyResult<()> {
    let batches: Arc<[Batch]> = encoded(spans, settings)?.into();
    if batches.is_empty() {
        return Ok(());
    }
    let exporter = exporter.clone();
    let failure = waiting::wait(spans.py(), move || {
        let mut first = None;
        for batch in batches.iter() {
            if let Err(error) = exporter.export(batch) {
                first.get_or_insert_with(|| error.to_string());
            }
        }
        first
    })?;
    match failure.flatten() {
        Some(failure) => Err(PyRuntimeError::new_err(failure)),
        None => Ok(()),
    }
}

/// What the spans of one batch have in common.
enum Source<'py> {
    Tracer(Bound<'py, Tracer>),
    /// Of spans made by hand, with the service that they name.
    Service(String, Rules),
}

impl<'py> Source<'py> {
    fn rules(&self) -> &Rules {
        match self {
            Self::Tracer(tracer) => tracer.get().engine().rules(),
            Self::Service(_, rules) => rules,
        }
    }

    fn is_tracer(&self, other: &Bound<'py, Tracer>) -> bool {
        matches!(self, Self::Tracer(tracer) if tracer.is(other))
    }

    fn is_service(&self, other: &str) -> bool {
        matches!(self, Self::Service(name, _) if name == other)
    }
}

type Groups<'py> = Vec<(Source<'py>, LooseSpans)>;

/// The spans, each with the resource and under the rules of its tracer; those made by hand with the environment's, and the
/// service that they name.
fn encoded(spans: &Bound<'_, PyAny>, settings: &Settings) -> PyResult<Vec<Batch>> {
    let mut groups = Groups::new();
    let mut body = SpanBody::default();
    for span in spans.try_iter()? {
        let span = span?;
        let (source, spans) = group(&mut groups, &span, settings)?;
        encode::add_loose(&span, source.rules(), &mut body, spans);
    }
    let batches = groups.into_iter().map(|(_, spans)| spans.into_batch());
    Ok(batches.collect())
}

/// The group that a span belongs to.
fn group<'a, 'py>(
    groups: &'a mut Groups<'py>,
    span: &Bound<'py, PyAny>,
    settings: &Settings,
) -> PyResult<&'a mut (Source<'py>, LooseSpans)> {
    let Some(object) = SpanObject::of(span) else {
        return Err(PyTypeError::new_err("exporters take Span objects"));
    };
    let tracer = object.tracer.get(span.py());
    let at = if let Some(tracer) = tracer.and_then(|tracer| tracer.cast_into::<Tracer>().ok()) {
        let known = groups
            .iter()
            .position(|(source, _)| source.is_tracer(&tracer));
        known.unwrap_or_else(|| {
            let spans = LooseSpans::of(tracer.get().engine().tracer());
            groups.push((Source::Tracer(tracer), spans));
            groups.len() - 1
        })
    } else {
        let name = service_name(span, settings);
        let known = groups
            .iter()
            .position(|(source, _)| source.is_service(&name));
        known.unwrap_or_else(|| {
            let (spans, rules) = by_hand(&name, settings);
            groups.push((Source::Service(name, rules), spans));
            groups.len() - 1
        })
    };
    Ok(&mut groups[at])
}

/// The service that a span made by hand names among its attributes, else the environment's.
fn service_name(span: &Bound<'_, PyAny>, settings: &Settings) -> String {
    let attributes = span.getattr("attributes").ok();
    let attributes = attributes.and_then(|attributes| attributes.cast_into::<PyDict>().ok());
    attributes
        .and_then(|attributes| attributes.get_item("service.name").ok().flatten())
        .and_then(|name| name.cast_into::<PyString>().ok())
        .map(|name| name.to_string_lossy().into_owned())
        .or_else(|| settings.service_name.clone())
        .unwrap_or_else(|| "default".to_owned())
}

fn by_hand(service_name: &str, settings: &Settings) -> (LooseSpans, Rules) {
    let mut settings = settings.clone();
    settings.service_name = Some(service_name.to_owned());
    LooseSpans::like(
        settings
            .builder(service_name)
            .resource(Resource::sdk("python")),
    )
}
