//! Spans as Zipkin's v2 JSON.

use std::borrow::Cow;

use codomyrmex_wire::{ResourceSpansView, SpanView, TracesView};

use crate::event::write_annotation;
use crate::object::{Object, write_array};
use crate::remote_endpoint;
use crate::tags::Shared;

/// The name of a service that has none (OpenTelemetry: the default resource).
const UNKNOWN: &str = "unknown_service";

const CLIENT: u8 = 3;
const PRODUCER: u8 = 4;

/// Appends all spans as the JSON array that `POST /api/v2/spans` takes.
///
/// ```
/// use codomyrmex_wire::{ScopeHeader, TracesView};
/// let resource = [("service.name".to_owned(), "shop".into())];
/// let request = ScopeHeader::new(&resource, "", "", "", &[]).request(&[]);
/// let mut out = String::new();
/// codomyrmex_zipkin::write_spans(&TracesView::parse(&request)?, &mut out);
/// assert_eq!(out, "[]");
/// # Ok::<(), codomyrmex_wire::DecodeError>(())
/// ```
pub fn write_spans(traces: &TracesView<'_>, out: &mut String) {
    let scopes = traces.resource_spans().flat_map(|resource| {
        let service = service(&resource);
        resource
            .scope_spans()
            .map(move |scope| (service.clone(), Shared::new(&resource, &scope), scope))
    });
    let mut first = true;
    out.push('[');
    for (service, shared, scope) in scopes {
        for span in scope.spans() {
            if !first {
                out.push(',');
            }
            first = false;
            write_span(&span, &service, &shared, out);
        }
    }
    out.push(']');
}

fn service<'a>(resource: &ResourceSpansView<'a>) -> Cow<'a, str> {
    match resource.attribute("service.name") {
        Some(name) => crate::value::text(&name).into(),
        None => UNKNOWN.into(),
    }
}

fn write_span(span: &SpanView<'_>, service: &str, shared: &Shared<'_>, out: &mut String) {
    let mut object = Object::begin(out);
    object.text("traceId", &hex(&span.trace_id()));
    object.text("id", &hex(&span.span_id()));
    if let Some(parent) = span.parent_span_id() {
        object.text("parentId", &hex(&parent));
    }
    object.text("name", &span.name());
    if let Some(kind) = kind(span.kind()) {
        object.text("kind", kind);
    }
    object.number("timestamp", micros(span.start_ns()));
    object.number("duration", duration(span));
    let mut local = Object::begin(object.member("localEndpoint"));
    local.text("serviceName", service);
    local.end();
    if [CLIENT, PRODUCER].contains(&span.kind()) {
        remote_endpoint::write(span, &mut object);
    }
    let mut events = span.events().peekable();
    if events.peek().is_some() {
        write_array(events, object.member("annotations"), |event, out| {
            write_annotation(&event, out);
        });
    }
    shared.write(span, &mut object);
    object.end();
}

/// Internal spans have none.
fn kind(otlp: u8) -> Option<&'static str> {
    match otlp {
        2 => Some("SERVER"),
        CLIENT => Some("CLIENT"),
        PRODUCER => Some("PRODUCER"),
        5 => Some("CONSUMER"),
        _ => None,
    }
}

pub(crate) fn micros(nanoseconds: u64) -> u64 {
    nanoseconds / 1000
}

/// Zipkin takes a duration of zero for an unknown one.
fn duration(span: &SpanView<'_>) -> u64 {
    micros(span.end_ns().saturating_sub(span.start_ns())).max(1)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
