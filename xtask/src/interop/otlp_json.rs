//! OTLP/JSON as backends write it: the Collector's file exporter, Jaeger's third query interface.

use serde_json::Value as Json;

use super::seen::{Attributes, Event, Link, Seen, Value, from_base64};

/// The spans of one `TracesData`.
pub(crate) fn spans(data: &Json) -> Result<Vec<Seen>, String> {
    let mut spans = Vec::new();
    for resource_spans in list(&data["resourceSpans"]) {
        let resource = attributes(&resource_spans["resource"]["attributes"])?;
        let service = match resource.get("service.name") {
            Some(Value::Text(name)) => name.clone(),
            _ => String::new(),
        };
        for scope_spans in list(&resource_spans["scopeSpans"]) {
            for described in list(&scope_spans["spans"]) {
                spans.push(Seen {
                    service: service.clone(),
                    resource: resource.clone(),
                    ..span(described)?
                });
            }
        }
    }
    Ok(spans)
}

fn span(described: &Json) -> Result<Seen, String> {
    Ok(Seen {
        trace_id: text(&described["traceId"]),
        span_id: text(&described["spanId"]),
        parent: text(&described["parentSpanId"]),
        name: text(&described["name"]),
        kind: one_of(
            &described["kind"],
            &["", "internal", "server", "client", "producer", "consumer"],
            "SPAN_KIND_",
        )?,
        start_ns: long(&described["startTimeUnixNano"])?,
        end_ns: long(&described["endTimeUnixNano"])?,
        attributes: attributes(&described["attributes"])?,
        events: list(&described["events"])
            .iter()
            .map(|event| {
                Ok(Event {
                    name: text(&event["name"]),
                    time_ns: long(&event["timeUnixNano"])?,
                    attributes: attributes(&event["attributes"])?,
                })
            })
            .collect::<Result<_, String>>()?,
        links: list(&described["links"])
            .iter()
            .map(|link| {
                Ok(Link {
                    trace_id: text(&link["traceId"]),
                    span_id: text(&link["spanId"]),
                    trace_state: text(&link["traceState"]),
                    attributes: attributes(&link["attributes"])?,
                })
            })
            .collect::<Result<_, String>>()?,
        status: one_of(
            &described["status"]["code"],
            &["unset", "ok", "error"],
            "STATUS_CODE_",
        )?,
        message: text(&described["status"]["message"]),
        ..Seen::default()
    })
}

/// An enumeration's value, by number or by name.
fn one_of(value: &Json, names: &[&str], prefix: &str) -> Result<String, String> {
    let found = match value {
        Json::Null => names.first().copied(),
        Json::String(name) => names
            .iter()
            .copied()
            .find(|known| name.strip_prefix(prefix) == Some(&known.to_uppercase())),
        other => other
            .as_u64()
            .and_then(|number| names.get(usize::try_from(number).ok()?).copied()),
    };
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("no such value: {value}"))
}

fn attributes(described: &Json) -> Result<Attributes, String> {
    list(described)
        .iter()
        .map(|pair| Ok((text(&pair["key"]), value(&pair["value"])?)))
        .collect()
}

fn value(described: &Json) -> Result<Value, String> {
    let Some((name, value)) = described
        .as_object()
        .and_then(|fields| fields.iter().next())
    else {
        return Ok(Value::Empty);
    };
    let wrong = || format!("no value of OTLP: {described}");
    Ok(match name.as_str() {
        "stringValue" => Value::Text(text(value)),
        "boolValue" => Value::Bool(value.as_bool().ok_or_else(wrong)?),
        "intValue" => Value::Int(match value {
            Json::String(digits) => digits.parse().map_err(|_| wrong())?,
            other => other.as_i64().ok_or_else(wrong)?,
        }),
        "doubleValue" => Value::Double(value.as_f64().ok_or_else(wrong)?),
        "bytesValue" => Value::Bytes(from_base64(&text(value)).ok_or_else(wrong)?),
        "arrayValue" => Value::Array(
            list(&value["values"])
                .iter()
                .map(self::value)
                .collect::<Result<_, _>>()?,
        ),
        "kvlistValue" => Value::Map(attributes(&value["values"])?),
        _ => return Err(wrong()),
    })
}

fn long(value: &Json) -> Result<u64, String> {
    match value {
        Json::String(digits) => digits.parse().map_err(|_| format!("no number: {value}")),
        other => other.as_u64().ok_or_else(|| format!("no number: {value}")),
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}
