//! What a backend should show of the trace in `interop/trace.json`: the file, and the ids and times that its sender
//! printed.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value as Json;

use super::seen::{Attributes, Event, Link, Seen, Value};

/// What a sender printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The file's time 0, nanoseconds since the Unix epoch.
    base: u64,
    spans: HashMap<String, SentSpan>,
}

#[derive(Debug, PartialEq, Eq)]
struct SentSpan {
    trace_id: String,
    span_id: String,
    parent: String,
    start_ns: u64,
    end_ns: u64,
}

impl Sent {
    /// Reads a sender's output.
    pub(crate) fn parse(output: &str) -> Result<Self, String> {
        let mut sent = Self::default();
        for line in output.lines() {
            let wrong = || format!("a sender printed {line}");
            match line.split_once(' ') {
                Some(("base", time)) => sent.base = time.parse().map_err(|_| wrong())?,
                Some(("span", rest)) => {
                    let mut words = rest.splitn(6, ' ');
                    let mut word = || words.next().map(str::to_owned).ok_or_else(wrong);
                    let span = SentSpan {
                        trace_id: word()?,
                        span_id: word()?,
                        parent: word()?.trim_start_matches('-').to_owned(),
                        start_ns: word()?.parse().map_err(|_| wrong())?,
                        end_ns: word()?.parse().map_err(|_| wrong())?,
                    };
                    sent.spans.insert(word()?, span);
                }
                _ => {}
            }
        }
        if sent.base == 0 || sent.spans.is_empty() {
            return Err(format!("a sender printed no spans: {output}"));
        }
        Ok(sent)
    }

    /// The id of the trace.
    pub(crate) fn trace_id(&self) -> Result<&str, String> {
        let mut ids: Vec<&str> = self.spans.values().map(|span| &*span.trace_id).collect();
        ids.dedup();
        match ids[..] {
            [id] => Ok(id),
            _ => Err(format!("a sender sent {} traces, not one", ids.len())),
        }
    }

    /// A `traceparent` of the span with this name.
    pub(crate) fn traceparent(&self, name: &str) -> Result<String, String> {
        let span = self.span(name)?;
        Ok(format!("00-{}-{}-01", span.trace_id, span.span_id))
    }

    fn span(&self, name: &str) -> Result<&SentSpan, String> {
        self.spans
            .get(name)
            .ok_or_else(|| format!("the sender sent no span {name}"))
    }
}

/// The file's spans with the sender's ids.
pub(crate) fn expected(trace: &Json, sent: &Sent, service: &str) -> Result<Vec<Seen>, String> {
    let mut resource = attributes(&trace["resource"]);
    resource.insert("service.name".to_owned(), Value::Text(service.to_owned()));
    list(&trace["spans"])
        .iter()
        .map(|described| {
            Ok(Seen {
                service: service.to_owned(),
                resource: resource.clone(),
                ..span(described, sent)?
            })
        })
        .collect()
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<Json, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn span(described: &Json, sent: &Sent) -> Result<Seen, String> {
    let name = text(&described["name"]);
    let ids = sent.span(&name)?;
    let parent = match described["parent"].as_str() {
        Some(parent) => sent.span(parent)?.span_id.clone(),
        None => ids.parent.clone(),
    };
    let at = |value: &Json, otherwise: u64| match value.as_u64() {
        Some(micros) => sent.base + micros * 1000,
        None => otherwise,
    };
    Ok(Seen {
        trace_id: ids.trace_id.clone(),
        span_id: ids.span_id.clone(),
        parent,
        name,
        kind: text(&described["kind"]),
        start_ns: at(&described["start_us"], ids.start_ns),
        end_ns: at(&described["end_us"], ids.end_ns),
        attributes: attributes(&described["attributes"]),
        events: list(&described["events"])
            .iter()
            .map(|event| Event {
                name: text(&event["name"]),
                time_ns: at(&event["at_us"], 0),
                attributes: attributes(&event["attributes"]),
            })
            .collect(),
        links: list(&described["links"])
            .iter()
            .map(|link| {
                let (trace_id, span_id) = match link["span"].as_str() {
                    Some(name) => {
                        let to = sent.span(name)?;
                        (to.trace_id.clone(), to.span_id.clone())
                    }
                    None => (text(&link["trace_id"]), text(&link["span_id"])),
                };
                Ok(Link {
                    trace_id,
                    span_id,
                    trace_state: text(&link["trace_state"]),
                    attributes: attributes(&link["attributes"]),
                })
            })
            .collect::<Result<_, String>>()?,
        status: match described["status"]["code"].as_str() {
            Some(code) => code.to_owned(),
            None => "unset".to_owned(),
        },
        message: text(&described["status"]["message"]),
        ..Seen::default()
    })
}

fn attributes(described: &Json) -> Attributes {
    described
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, described)| (key.clone(), value(described)))
        .collect()
}

fn value(described: &Json) -> Value {
    match described {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(value) => Value::Text(value.clone()),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::Array(values) => Value::Array(values.iter().map(value).collect()),
        Json::Object(fields) => {
            let hex = fields.get("bytes").and_then(Json::as_str).unwrap_or("");
            Value::Bytes(
                hex.as_bytes()
                    .chunks(2)
                    .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                    .collect(),
            )
        }
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}
