//! Finished spans as the drawing wants them.

use std::collections::HashMap;

use codomyrmex_draw::DrawnSpan;
use codomyrmex_wire::Value;

use crate::finished::{FinishedEvent, FinishedSpan};
use crate::json;
use crate::status::SpanStatus;

/// The spans with each one's parent found among them, for [`codomyrmex_draw::tree`] and [`codomyrmex_draw::shape`].
pub fn drawn(spans: &[FinishedSpan]) -> Vec<DrawnSpan> {
    let places: HashMap<_, _> = spans
        .iter()
        .enumerate()
        .map(|(at, span)| ((span.context.trace_id, span.context.span_id), at))
        .collect();
    spans
        .iter()
        .map(|span| {
            let parent_id = span.context.parent_span_id;
            let parent = parent_id.and_then(|id| places.get(&(span.context.trace_id, id)).copied());
            DrawnSpan {
                name: span.name.clone(),
                service: span.service_name.to_string(),
                kind: span.kind.as_str(),
                start_ns: span.start_ns,
                end_ns: span.end_ns,
                error: (span.status == SpanStatus::Error).then(|| span.status_message.clone()),
                attributes: span
                    .attributes
                    .iter()
                    .map(|(key, value)| (key.clone(), text(value)))
                    .collect(),
                notes: notes(span),
                parent,
                missing_parent: parent_id.is_some() && parent.is_none(),
            }
        })
        .collect()
}

fn notes(span: &FinishedSpan) -> Vec<String> {
    let events = span
        .events
        .iter()
        .filter(|event| !is_the_error(span, event));
    let events = events.map(|event| {
        let attributes = event
            .attributes
            .iter()
            .filter(|(key, _)| key != "exception.stacktrace");
        attributes.fold(event.name.clone(), |note, (key, value)| {
            format!("{note} {key}={}", text(value))
        })
    });
    let links = span
        .links
        .iter()
        .map(|link| format!("link to {}", link.context.span_id_text()));
    events.chain(links).collect()
}

/// Whether the event says what the span's error says already.
fn is_the_error(span: &FinishedSpan, event: &FinishedEvent) -> bool {
    let message = event
        .attributes
        .iter()
        .find(|(key, _)| key == "exception.message");
    span.status == SpanStatus::Error
        && event.name == "exception"
        && message.is_some_and(|(_, value)| value.as_str() == Some(&span.status_message))
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => json::line(other),
    }
}
