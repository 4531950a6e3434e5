//! OTLP/JSON: the JSON form of OTLP's messages, by the rules of the OTLP specification.
//!
//! Field names are lowerCamelCase; trace and span ids are hexadecimal; enumerations are integers; 64-bit integers are
//! strings; numbers that JSON does not know are the strings `NaN`, `Infinity` and `-Infinity`; bytes are base64. Empty
//! fields are left out, except a span's ids, name, kind and times.

use std::fmt::{Display, Result, Write};

use crate::event_view::EventView;
use crate::link_view::LinkView;
use crate::text::{write_base64, write_hex, write_string};
use crate::traces::{ResourceSpansView, ScopeSpansView, TracesView};
use crate::value_view::ValueView;
use crate::view::SpanView;

/// Appends a request as OTLP/JSON.
pub fn write_traces(traces: &TracesView<'_>, out: &mut String) {
    // Writing to a string does not fail.
    let _ = traces_object(out, traces);
}

/// Appends one span as an OTLP/JSON `Span`.
///
/// ```
/// use codomyrmex_wire::{json, SpanView};
/// let mut out = String::new();
/// json::write_span(&SpanView::parse(b"\x2a\x04work").unwrap(), &mut out);
/// assert!(out.contains(r#""name":"work""#));
/// ```
pub fn write_span(span: &SpanView<'_>, out: &mut String) {
    let _ = span_object(out, span);
}

pub(crate) fn span_to_string(span: &SpanView<'_>) -> String {
    let mut out = String::new();
    write_span(span, &mut out);
    out
}

/// Appends one value as an OTLP/JSON `AnyValue`.
pub fn write_value(value: &ValueView<'_>, out: &mut String) {
    let _ = any_value(out, value);
}

/// Appends a text as a JSON string. Beside what JSON demands, control and line-breaking characters are escaped too.
pub fn write_text(text: &str, out: &mut String) {
    let _ = write_string(out, text);
}

/// Appends bytes as a JSON string of padded base64.
pub fn write_bytes(bytes: &[u8], out: &mut String) {
    let _ = write_base64(out, bytes);
}

/// An object under way: the commas between its members.
struct Object<'o> {
    out: &'o mut dyn Write,
    empty: bool,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut dyn Write) -> std::result::Result<Self, std::fmt::Error> {
        out.write_char('{')?;
        Ok(Object { out, empty: true })
    }

    fn key(&mut self, key: &str) -> std::result::Result<&mut dyn Write, std::fmt::Error> {
        if !self.empty {
            self.out.write_char(',')?;
        }
        self.empty = false;
        write!(self.out, "\"{key}\":")?;
        Ok(self.out)
    }

    fn number(&mut self, key: &str, value: u32) -> Result {
        write!(self.key(key)?, "{value}")
    }

    fn count(&mut self, key: &str, value: u32) -> Result {
        if value == 0 {
            Ok(())
        } else {
            self.number(key, value)
        }
    }

    fn long(&mut self, key: &str, value: impl Display) -> Result {
        write!(self.key(key)?, "\"{value}\"")
    }

    fn text(&mut self, key: &str, value: &str) -> Result {
        if value.is_empty() {
            Ok(())
        } else {
            write_string(self.key(key)?, value)
        }
    }

    fn list<T>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = T>,
        write: impl Fn(&mut dyn Write, T) -> Result,
    ) -> Result {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return Ok(());
        }
        let out = self.key(key)?;
        array(out, items, write)
    }

    fn end(self) -> Result {
        self.out.write_char('}')
    }
}

fn array<T>(
    out: &mut dyn Write,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut dyn Write, T) -> Result,
) -> Result {
    out.write_char('[')?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.write_char(',')?;
        }
        write(out, item)?;
    }
    out.write_char(']')
}

fn traces_object(out: &mut dyn Write, traces: &TracesView<'_>) -> Result {
    out.write_str("{\"resourceSpans\":")?;
    array(out, traces.resource_spans(), |out, resource| {
        resource_object(out, &resource)
    })?;
    out.write_char('}')
}

fn resource_object(out: &mut dyn Write, resource: &ResourceSpansView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    let mut inner = Object::begin(object.key("resource")?)?;
    inner.list("attributes", resource.attributes(), attribute)?;
    inner.count("droppedAttributesCount", resource.dropped_attributes())?;
    inner.end()?;
    object.list("scopeSpans", resource.scope_spans(), |out, scope| {
        scope_object(out, &scope)
    })?;
    object.text("schemaUrl", &resource.schema_url())?;
    object.end()
}

fn scope_object(out: &mut dyn Write, scope: &ScopeSpansView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    let mut inner = Object::begin(object.key("scope")?)?;
    inner.text("name", &scope.name())?;
    inner.text("version", &scope.version())?;
    inner.list("attributes", scope.attributes(), attribute)?;
    inner.count("droppedAttributesCount", scope.dropped_attributes())?;
    inner.end()?;
    object.list("spans", scope.spans(), |out, span| span_object(out, &span))?;
    object.text("schemaUrl", &scope.schema_url())?;
    object.end()
}

fn span_object(out: &mut dyn Write, span: &SpanView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    write_hex(object.key("traceId")?, span.trace_id)?;
    write_hex(object.key("spanId")?, span.span_id)?;
    object.text("traceState", &span.trace_state())?;
    if !span.parent_span_id.is_empty() {
        write_hex(object.key("parentSpanId")?, span.parent_span_id)?;
    }
    object.count("flags", span.flags())?;
    write_string(object.key("name")?, &span.name())?;
    object.number("kind", span.kind().into())?;
    object.long("startTimeUnixNano", span.start_ns())?;
    object.long("endTimeUnixNano", span.end_ns())?;
    object.list("attributes", span.attributes(), attribute)?;
    object.count("droppedAttributesCount", span.dropped_attributes())?;
    object.list("events", span.events(), |out, event| {
        event_object(out, &event)
    })?;
    object.count("droppedEventsCount", span.dropped_events())?;
    object.list("links", span.links(), |out, link| link_object(out, &link))?;
    object.count("droppedLinksCount", span.dropped_links())?;
    if span.status_code() != 0 || !span.status_message().is_empty() {
        let mut status = Object::begin(object.key("status")?)?;
        status.text("message", &span.status_message())?;
        status.count("code", span.status_code().into())?;
        status.end()?;
    }
    object.end()
}

fn event_object(out: &mut dyn Write, event: &EventView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    object.long("timeUnixNano", event.time_ns())?;
    object.text("name", &event.name())?;
    object.list("attributes", event.attributes(), attribute)?;
    object.count("droppedAttributesCount", event.dropped_attributes())?;
    object.end()
}

fn link_object(out: &mut dyn Write, link: &LinkView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    write_hex(object.key("traceId")?, link.trace_id)?;
    write_hex(object.key("spanId")?, link.span_id)?;
    object.text("traceState", &link.trace_state())?;
    object.list("attributes", link.attributes(), attribute)?;
    object.count("droppedAttributesCount", link.dropped_attributes())?;
    object.count("flags", link.flags())?;
    object.end()
}

fn attribute(out: &mut dyn Write, (key, value): (impl AsRef<str>, ValueView<'_>)) -> Result {
    let mut object = Object::begin(out)?;
    write_string(object.key("key")?, key.as_ref())?;
    any_value(object.key("value")?, &value)?;
    object.end()
}

fn any_value(out: &mut dyn Write, value: &ValueView<'_>) -> Result {
    let mut object = Object::begin(out)?;
    match value {
        ValueView::Empty => {}
        ValueView::Str(value) => write_string(object.key("stringValue")?, value)?,
        ValueView::Bool(value) => write!(object.key("boolValue")?, "{value}")?,
        ValueView::Int(value) => object.long("intValue", value)?,
        ValueView::Double(value) => double(object.key("doubleValue")?, *value)?,
        ValueView::Bytes(value) => write_base64(object.key("bytesValue")?, value)?,
        ValueView::Array(values) => {
            let mut inner = Object::begin(object.key("arrayValue")?)?;
            array(inner.key("values")?, values.clone(), |out, value| {
                any_value(out, &value)
            })?;
            inner.end()?;
        }
        ValueView::Map(pairs) => {
            let mut inner = Object::begin(object.key("kvlistValue")?)?;
            array(inner.key("values")?, pairs.clone(), attribute)?;
            inner.end()?;
        }
    }
    object.end()
}

fn double(out: &mut dyn Write, value: f64) -> Result {
    if value.is_nan() {
        out.write_str("\"NaN\"")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        })
    } else {
        write!(out, "{value:?}")
    }
}
