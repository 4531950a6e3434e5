//! A trace of a file, recorded span by span.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use codomyrmex_core::{
    AttributeValue, Resource, Span, SpanContext, SpanKind, SpanOptions, SpanStatus, Tracer, Value,
};
use serde_json::Value as Json;

/// What the file says of the service.
pub(crate) fn resource(trace: &Json) -> Result<Resource, String> {
    Ok(Resource::from_iter(attributes(&trace["resource"])?))
}

/// Records all spans, parents before their children, and ends them the other way round. Returns the file's time 0 in
/// nanoseconds since the Unix epoch.
pub(crate) fn record(
    tracer: &Tracer,
    trace: &Json,
    traceparent: Option<&str>,
) -> Result<u128, String> {
    let base = base()?;
    let remote = match traceparent {
        Some(text) => Some(
            SpanContext::from_traceparent(text)
                .ok_or_else(|| format!("no valid traceparent: {text}"))?,
        ),
        None => None,
    };
    let mut contexts: HashMap<String, SpanContext> = HashMap::new();
    let mut open = Vec::new();
    for described in list(&trace["spans"]) {
        let name = text(&described["name"], "a span's name")?;
        let parent =
            match described["parent"].as_str() {
                Some(parent) => Some(contexts.get(parent).ok_or_else(|| {
                    format!("{name}: its parent {parent} does not stand before it")
                })?),
                None => remote.as_ref(),
            };
        let span = start(tracer, base, described, name, parent)?;
        fill(&span, base, described, &contexts)?;
        contexts.insert(name.to_owned(), span.context());
        open.push((span, described["end_us"].as_u64()));
    }
    for (span, end) in open.into_iter().rev() {
        match end {
            Some(end) => span.finish_at(base + Duration::from_micros(end)),
            None => span.finish(),
        }
    }
    base.duration_since(UNIX_EPOCH)
        .map(|base| base.as_nanos())
        .map_err(|error| error.to_string())
}

/// A second ago, in whole microseconds: more is not kept everywhere.
fn base() -> Result<SystemTime, String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?;
    let whole = Duration::from_micros(u64::try_from(now.as_micros()).map_err(|e| e.to_string())?);
    Ok(UNIX_EPOCH + whole.saturating_sub(Duration::from_secs(1)))
}

fn start(
    tracer: &Tracer,
    base: SystemTime,
    described: &Json,
    name: &str,
    parent: Option<&SpanContext>,
) -> Result<Span, String> {
    let kind: SpanKind = text(&described["kind"], "a span's kind")?
        .parse()
        .map_err(|error| format!("{name}: {error}"))?;
    let mut options = SpanOptions::new().kind(kind);
    options = match parent {
        Some(parent) => options.parent(parent),
        None => options.root(),
    };
    if let Some(start) = described["start_us"].as_u64() {
        options = options.start_time(base + Duration::from_micros(start));
    }
    Ok(tracer.start_span_with(name, options))
}

fn fill(
    span: &Span,
    base: SystemTime,
    described: &Json,
    contexts: &HashMap<String, SpanContext>,
) -> Result<(), String> {
    for (key, value) in &attributes(&described["attributes"])? {
        span.set_attribute(key, value);
    }
    for event in list(&described["events"]) {
        let attributes = attributes(&event["attributes"])?;
        let at = event["at_us"]
            .as_u64()
            .ok_or("an event has no time at_us")?;
        span.add_event_at(
            text(&event["name"], "an event's name")?,
            base + Duration::from_micros(at),
            &borrowed(&attributes),
        );
    }
    for link in list(&described["links"]) {
        let attributes = attributes(&link["attributes"])?;
        span.add_link(&linked(link, contexts)?, &borrowed(&attributes));
    }
    if let Some(code) = described["status"]["code"].as_str() {
        let code: SpanStatus = code
            .parse()
            .map_err(|error| format!("a span's status: {error}"))?;
        span.set_status(code, described["status"]["message"].as_str().unwrap_or(""));
    }
    Ok(())
}

/// A link names a span of the file, or has ids.
fn linked(link: &Json, contexts: &HashMap<String, SpanContext>) -> Result<SpanContext, String> {
    if let Some(name) = link["span"].as_str() {
        return contexts
            .get(name)
            .cloned()
            .ok_or_else(|| format!("a link to {name}, which does not stand before it"));
    }
    let mut context = SpanContext::new(
        text(&link["trace_id"], "a link's trace_id")?
            .parse()
            .map_err(|error| format!("a link's trace_id: {error}"))?,
        text(&link["span_id"], "a link's span_id")?
            .parse()
            .map_err(|error| format!("a link's span_id: {error}"))?,
    );
    context.is_remote = true;
    context.trace_state = link["trace_state"]
        .as_str()
        .unwrap_or("")
        .parse()
        .map_err(|error| format!("a link's trace_state: {error}"))?;
    Ok(context)
}

fn attributes(described: &Json) -> Result<Vec<(String, Value)>, String> {
    described
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| Ok((key.clone(), attribute(value)?)))
        .collect()
}

fn attribute(described: &Json) -> Result<Value, String> {
    Ok(match described {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(value) => Value::Str(value.clone()),
        Json::Number(value) => match value.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Double(value.as_f64().ok_or("a number that is none")?),
        },
        Json::Array(values) => {
            Value::Array(values.iter().map(attribute).collect::<Result<_, _>>()?)
        }
        Json::Object(_) => Value::Bytes(bytes(text(&described["bytes"], "an attribute's bytes")?)?),
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    (0..hex.len())
        .step_by(2)
        .map(|at| {
            hex.get(at..at + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| format!("no bytes in hex: {hex}"))
        })
        .collect()
}

fn borrowed(attributes: &[(String, Value)]) -> Vec<(&str, AttributeValue<'_>)> {
    attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value.into()))
        .collect()
}

fn list(described: &Json) -> &[Json] {
    described.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(described: &'a Json, what: &str) -> Result<&'a str, String> {
    described
        .as_str()
        .ok_or_else(|| format!("{what} is missing"))
}
