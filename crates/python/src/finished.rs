//! A Span object as the engine's own value: what the console prints and draws.

use std::sync::Arc;

use codomyrmex_core::{
    FinishedEvent, FinishedSpan, Redact, SpanContext as Core, SpanKind, SpanStatus, Value,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::events;
use crate::span::SpanObject;
use crate::span_context::SpanContext;
use crate::times;

/// What is a secret, and where it is counted.
pub(crate) struct Secrets<'a> {
    pub(crate) redact: &'a Redact,
    pub(crate) count: &'a dyn Fn(),
}

type Attributes = Vec<(String, Value)>;

/// Reads a span, of a tracer or made by hand; with `secrets` these are left out.
pub(crate) fn finished(
    span: &Bound<'_, PyAny>,
    secrets: Option<&Secrets<'_>>,
) -> PyResult<FinishedSpan> {
    let py = span.py();
    let Some(object) = SpanObject::of(span) else {
        return Err(pyo3::exceptions::PyTypeError::new_err(
            "exporters take Span objects",
        ));
    };
    let context = match span.getattr("context")?.cast::<SpanContext>() {
        Ok(context) => context.borrow().to_core(py),
        Err(_) => Core::from_text("", "", None),
    };
    let mut attributes = match span.getattr("attributes")?.cast::<PyDict>() {
        Ok(dict) => convert::attributes(dict),
        Err(_) => Attributes::new(),
    };
    clean(&mut attributes, secrets);
    let service = attributes
        .iter()
        .find(|(key, _)| key == "service.name")
        .and_then(|(_, value)| value.as_str());
    let service_name: Arc<str> = service.unwrap_or_default().into();
    let mut read = Vec::new();
    if let Ok(list) = span.getattr("events")?.try_iter() {
        // Somebody may have assigned what never ends.
        for event in list.take(events::most(object)).flatten() {
            read.push(read_event(&event, secrets));
        }
    }
    Ok(FinishedSpan {
        name: convert::text(&span.getattr("name")?),
        context,
        kind: SpanKind::from_otlp(object.kind.get()),
        status: SpanStatus::from_otlp(object.status.get()),
        status_message: convert::text(&span.getattr("status_message")?),
        start_ns: times::start_ns(object),
        end_ns: times::end_ns(object).unwrap_or_else(|| times::start_ns(object)),
        service_name,
        attributes,
        events: read,
        links: Vec::new(),
    })
}

fn read_event(event: &Bound<'_, PyAny>, secrets: Option<&Secrets<'_>>) -> FinishedEvent {
    let get = |key: &str| event.get_item(key).ok();
    let mut attributes = match get("attributes").map(|attributes| attributes.cast_into::<PyDict>())
    {
        Some(Ok(dict)) => convert::attributes(&dict),
        _ => Attributes::new(),
    };
    clean(&mut attributes, secrets);
    FinishedEvent {
        name: get("name").map_or_else(String::new, |name| convert::text(&name)),
        time_ns: get("timestamp")
            .and_then(|time| convert::time_ns(&time))
            .unwrap_or(0),
        attributes,
    }
}

fn clean(attributes: &mut Attributes, secrets: Option<&Secrets<'_>>) {
    let Some(secrets) = secrets.filter(|secrets| secrets.redact.is_on()) else {
        return;
    };
    for (key, value) in attributes {
        for _ in 0..secrets.redact.clean(key, value) {
            (secrets.count)();
        }
    }
}
