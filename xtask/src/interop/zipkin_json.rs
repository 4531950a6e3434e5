//! Zipkin's v2 JSON as its server answers.

use serde_json::Value as Json;

use super::seen::{Attributes, Event, Seen, Value};

/// Tags that the exporter adds to a span's attributes, beside the SDK's own name: what the format has no other place for.
const ADDED: [&str; 4] = [
    "otel.scope.name",
    "otel.scope.version",
    "otel.library.name",
    "otel.library.version",
];

/// The spans of one trace.
pub(crate) fn spans(body: &[u8]) -> Result<Vec<Seen>, String> {
    let answer: Json =
        serde_json::from_slice(body).map_err(|error| format!("Zipkin's answer: {error}"))?;
    answer
        .as_array()
        .ok_or_else(|| format!("Zipkin's answer is no list: {answer}"))?
        .iter()
        .map(span)
        .collect()
}

fn span(described: &Json) -> Result<Seen, String> {
    let mut tags: Attributes = described["tags"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), Value::Text(text(value))))
        .collect();
    tags.retain(|key, _| !ADDED.contains(&key.as_str()) && !key.starts_with("telemetry.sdk."));
    let mut take = |name: &str| match tags.remove(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let status = take("otel.status_code").map_or("unset".to_owned(), |code| code.to_lowercase());
    let message = take("error");
    if message.is_some() != (status == "error") {
        return Err(format!("status {status} with the tag error {message:?}"));
    }
    let start = micros(&described["timestamp"])?;
    Ok(Seen {
        trace_id: text(&described["traceId"]),
        span_id: text(&described["id"]),
        parent: text(&described["parentId"]),
        name: text(&described["name"]),
        kind: match described["kind"].as_str() {
            Some(kind) => kind.to_lowercase(),
            None => "internal".to_owned(),
        },
        start_ns: start,
        end_ns: start + micros(&described["duration"])?,
        service: text(&described["localEndpoint"]["serviceName"]),
        attributes: tags,
        events: described["annotations"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|annotation| {
                Ok(Event {
                    name: text(&annotation["value"]),
                    time_ns: micros(&annotation["timestamp"])?,
                    ..Event::default()
                })
            })
            .collect::<Result<_, String>>()?,
        status,
        message: message.unwrap_or_default(),
        ..Seen::default()
    })
}

fn micros(value: &Json) -> Result<u64, String> {
    value
        .as_u64()
        .map(|micros| micros * 1000)
        .ok_or_else(|| format!("no whole number of microseconds: {value}"))
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
