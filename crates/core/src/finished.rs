//! A finished span as a value: what the in-memory exporter keeps and the console prints.

use std::sync::Arc;

use codomyrmex_wire::{SpanView, Value};

use crate::context::SpanContext;
use crate::ids::{SpanId, TraceId};
use crate::json;
use crate::kind::SpanKind;
use crate::record::{RANDOM, REMOTE, SAMPLED};
use crate::status::SpanStatus;
use crate::text_id::{PARENT_SPAN_ID_ATTRIBUTE, SPAN_ID_ATTRIBUTE, TRACE_ID_ATTRIBUTE, TextIds};

/// A span that is over, read back from its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedSpan {
    /// The span's name.
    pub name: String,
    /// Ids, flags and trace state. Baggage is not among a span's bytes and is empty here.
    pub context: SpanContext,
    /// Internal, server, client, producer or consumer.
    pub kind: SpanKind,
    /// Unset, OK or error.
    pub status: SpanStatus,
    /// The error's description.
    pub status_message: String,
    /// Start, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the Unix epoch; 0 where it has none.
    pub end_ns: u64,
    /// The service that recorded it; empty where none is known.
    pub service_name: Arc<str>,
    /// Attributes in the order in which they were set.
    pub attributes: Vec<(String, Value)>,
    /// Events in order.
    pub events: Vec<FinishedEvent>,
    /// Links in order.
    pub links: Vec<FinishedLink>,
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedEvent {
    /// The event's name.
    pub name: String,
    /// Nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Its attributes.
    pub attributes: Vec<(String, Value)>,
}

/// A reference to another span.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedLink {
    /// The other span.
    pub context: SpanContext,
    /// The link's attributes.
    pub attributes: Vec<(String, Value)>,
}

impl FinishedSpan {
    /// Reads a span from its bytes.
    pub fn from_view(view: &SpanView<'_>, service_name: &Arc<str>) -> Self {
        let mut attributes = owned(view.attributes());
        let context = context(view, &mut attributes);
        Self {
            name: view.name().into_owned(),
            context,
            kind: SpanKind::from_otlp(view.kind()),
            status: SpanStatus::from_otlp(view.status_code()),
            status_message: view.status_message().into_owned(),
            start_ns: view.start_ns(),
            end_ns: view.end_ns(),
            service_name: service_name.clone(),
            attributes,
            events: view
                .events()
                .map(|event| FinishedEvent {
                    name: event.name().into_owned(),
                    time_ns: event.time_ns(),
                    attributes: owned(event.attributes()),
                })
                .collect(),
            links: view
                .links()
                .map(|link| {
                    let mut context = SpanContext::new(
                        TraceId::from_bytes(link.trace_id()),
                        SpanId::from_bytes(link.span_id()),
                    );
                    context.sampled = link.flags() & SAMPLED != 0;
                    context.is_remote = link.flags() & REMOTE != 0;
                    context.trace_state = link.trace_state().parse().unwrap_or_default();
                    FinishedLink {
                        context,
                        attributes: owned(link.attributes()),
                    }
                })
                .collect(),
        }
    }

    /// End minus start in milliseconds.
    pub fn duration_ms(&self) -> f64 {
        (i128::from(self.end_ns) - i128::from(self.start_ns)) as f64 / 1e6
    }

    /// The attribute of this key.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The seed's dictionary: name, ids, kind, status, status_message, start_time and end_time (seconds since the Unix
    /// epoch), duration_ms, attributes, events (each with name, timestamp, attributes). As pairs, in this order. Without an
    /// end there is no duration, without a service no `service.name`.
    pub fn to_map(&self) -> Vec<(String, Value)> {
        let text = |text: &str| Value::Str(text.to_owned());
        // Whole and fraction apart: as one float the nanoseconds would be rounded to hundreds.
        let seconds = |ns: u64| {
            Value::Double((ns / 1_000_000_000) as f64 + (ns % 1_000_000_000) as f64 / 1e9)
        };
        let mut attributes = Vec::with_capacity(self.attributes.len() + 1);
        if !self.service_name.is_empty() {
            attributes.push(("service.name".to_owned(), text(&self.service_name)));
        }
        attributes.extend(
            self.attributes
                .iter()
                .filter(|(key, _)| key != "service.name")
                .cloned(),
        );
        let ended = |value| {
            if self.end_ns == 0 {
                Value::Empty
            } else {
                value
            }
        };
        let events = self.events.iter().map(|event| {
            Value::Map(vec![
                ("name".to_owned(), text(&event.name)),
                ("timestamp".to_owned(), seconds(event.time_ns)),
                (
                    "attributes".to_owned(),
                    Value::Map(event.attributes.clone()),
                ),
            ])
        });
        let parent = self
            .context
            .parent_span_id_text()
            .map_or(Value::Empty, |id| text(&id));
        [
            ("name", text(&self.name)),
            ("trace_id", text(&self.context.trace_id_text())),
            ("span_id", text(&self.context.span_id_text())),
            ("parent_span_id", parent),
            ("kind", text(self.kind.as_str())),
            ("status", text(self.status.as_str())),
            ("status_message", text(&self.status_message)),
            ("start_time", seconds(self.start_ns)),
            ("end_time", ended(seconds(self.end_ns))),
            ("duration_ms", ended(Value::Double(self.duration_ms()))),
            ("attributes", Value::Map(attributes)),
            ("events", Value::Array(events.collect())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// [`to_map`](Self::to_map) as JSON on one line, control and bidirectional characters escaped.
    pub fn to_json(&self) -> String {
        json::line(&Value::Map(self.to_map()))
    }

    /// [`to_map`](Self::to_map) as indented JSON.
    pub fn to_json_pretty(&self) -> String {
        json::indented(&Value::Map(self.to_map()))
    }
}

fn owned(attributes: codomyrmex_wire::Attributes<'_>) -> Vec<(String, Value)> {
    attributes
        .map(|(key, value)| (key.into_owned(), value.to_value()))
        .collect()
}

/// The context, with ids of any text restored from the attributes that carry them.
fn context(view: &SpanView<'_>, attributes: &mut Vec<(String, Value)>) -> SpanContext {
    let mut context = SpanContext::new(
        TraceId::from_bytes(view.trace_id()),
        SpanId::from_bytes(view.span_id()),
    );
    context.parent_span_id = view.parent_span_id().map(SpanId::from_bytes);
    context.sampled = view.flags() & SAMPLED != 0;
    context.set_random_trace_id(view.flags() & RANDOM != 0);
    context.trace_state = view.trace_state().parse().unwrap_or_default();
    let mut take = |key: &str| {
        let at = attributes
            .iter()
            .position(|(name, value)| name == key && value.as_str().is_some())?;
        match attributes.remove(at).1 {
            Value::Str(text) => Some(text),
            _ => None,
        }
    };
    let texts = [
        take(TRACE_ID_ATTRIBUTE),
        take(SPAN_ID_ATTRIBUTE),
        take(PARENT_SPAN_ID_ATTRIBUTE),
    ];
    let mut ids = TextIds::default();
    let [trace, span, parent] = texts;
    trace.map(|text| ids.set_trace_id(&text));
    span.map(|text| ids.set_span_id(&text));
    parent.map(|text| ids.set_parent_span_id(&text));
    context.set_text_ids(ids.shared());
    context
}
