//! The official messages: made at random, encoded by us, and made again from what our view reads.
#![allow(dead_code)]

use codomyrmex_wire as wire;
use codomyrmex_wire::{AttributeValue, Field, SpanHead, SpanTail, SpanView, Value, ValueView};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;

/// Texts around the lengths at which the encoding changes its form.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => vec(any::<char>(), 0..40).prop_map(|chars| chars.into_iter().collect()),
        4 => "[a-z.]{0,70}",
        1 => (0..400_usize).prop_map(|length| "x".repeat(length)),
        1 => (16_370..16_400_usize).prop_map(|length| "y".repeat(length)),
    ]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3..300_i64,
        any::<i64>(),
        (0..64_u32).prop_map(|bit| 1_i64 << bit)
    ]
}

fn scalar() -> impl Strategy<Value = any_value::Value> {
    prop_oneof![
        text().prop_map(any_value::Value::StringValue),
        any::<bool>().prop_map(any_value::Value::BoolValue),
        integer().prop_map(any_value::Value::IntValue),
        any::<u64>().prop_map(|bits| any_value::Value::DoubleValue(f64::from_bits(bits))),
        vec(any::<u8>(), 0..40).prop_map(any_value::Value::BytesValue),
    ]
}

pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        9 => scalar().prop_map(|value| AnyValue { value: Some(value) }),
        1 => Just(AnyValue { value: None }),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let list = vec(inner.clone(), 0..5)
            .prop_map(|values| any_value::Value::ArrayValue(ArrayValue { values }));
        let pair = (text(), inner).prop_map(|(key, value)| key_value(key, value));
        let map = vec(pair, 0..4)
            .prop_map(|values| any_value::Value::KvlistValue(KeyValueList { values }));
        prop_oneof![list, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(key: String, value: AnyValue) -> KeyValue {
    KeyValue {
        key,
        value: Some(value),
        ..KeyValue::default()
    }
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(
        (text(), any_value()).prop_map(|(key, value)| key_value(key, value)),
        0..5,
    )
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count: dropped,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        text(),
        attributes(),
        count(),
        any::<u32>(),
    )
        .prop_map(
            |(trace_id, span_id, trace_state, attributes, dropped, flags)| Link {
                trace_id: trace_id.to_vec(),
                span_id: span_id.to_vec(),
                trace_state,
                attributes,
                dropped_attributes_count: dropped,
                flags,
            },
        )
}

/// Any span that can be recorded.
pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        prop_oneof![Just([0; 8]), any::<[u8; 8]>()],
    );
    let texts = (text(), prop_oneof![Just(String::new()), text()]);
    let numbers = (
        0..=5_i32,
        any::<u64>(),
        any::<u64>(),
        any::<u32>(),
        count(),
        count(),
        count(),
    );
    let status = (prop_oneof![Just(String::new()), text()], 0..=2_i32);
    let parts = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    (ids, texts, numbers, status, parts).prop_map(
        |(ids, texts, numbers, (message, code), parts)| Span {
            trace_id: ids.0.to_vec(),
            span_id: ids.1.to_vec(),
            parent_span_id: if ids.2 == [0; 8] {
                Vec::new()
            } else {
                ids.2.to_vec()
            },
            name: texts.0,
            trace_state: texts.1,
            kind: numbers.0,
            start_time_unix_nano: numbers.1,
            end_time_unix_nano: numbers.2,
            flags: numbers.3,
            dropped_attributes_count: numbers.4,
            dropped_events_count: numbers.5,
            dropped_links_count: numbers.6,
            status: (code != 0 || !message.is_empty()).then_some(Status { message, code }),
            attributes: parts.0,
            events: parts.1,
            links: parts.2,
        },
    )
}

pub(crate) fn to_value(value: &AnyValue) -> Value {
    match &value.value {
        None => Value::Empty,
        Some(any_value::Value::StringValue(v)) => Value::Str(v.clone()),
        Some(any_value::Value::BoolValue(v)) => Value::Bool(*v),
        Some(any_value::Value::IntValue(v)) => Value::Int(*v),
        Some(any_value::Value::DoubleValue(v)) => Value::Double(*v),
        Some(any_value::Value::BytesValue(v)) => Value::Bytes(v.clone()),
        Some(any_value::Value::ArrayValue(v)) => {
            Value::Array(v.values.iter().map(to_value).collect())
        }
        Some(any_value::Value::KvlistValue(v)) => Value::Map(to_pairs(&v.values)),
        Some(any_value::Value::StringValueStrindex(_)) => panic!("no strategy makes it"),
    }
}

pub(crate) fn to_pairs(attributes: &[KeyValue]) -> Vec<(String, Value)> {
    let pair = |kv: &KeyValue| {
        (
            kv.key.clone(),
            to_value(&kv.value.clone().unwrap_or_default()),
        )
    };
    attributes.iter().map(pair).collect()
}

fn push_attributes(body: &mut Vec<u8>, field: Field, attributes: &[KeyValue]) {
    for (key, value) in to_pairs(attributes) {
        // As a caller would have it: the simple types directly, everything else as a tree.
        let value = match &value {
            Value::Empty => AttributeValue::Empty,
            Value::Str(v) => v.into(),
            Value::Bool(v) => (*v).into(),
            Value::Int(v) => (*v).into(),
            Value::Double(v) => (*v).into(),
            Value::Bytes(v) => v.into(),
            tree => tree.into(),
        };
        assert!(!wire::push_attribute(body, field, &key, value, usize::MAX));
    }
}

/// The body of this span.
pub(crate) fn body(span: &Span) -> Vec<u8> {
    let mut body = Vec::new();
    wire::push_name(&mut body, &span.name);
    push_attributes(&mut body, Field::Span, &span.attributes);
    for event in &span.events {
        let mark = wire::begin_event(&mut body, event.time_unix_nano, &event.name);
        push_attributes(&mut body, Field::Event, &event.attributes);
        wire::end_event(&mut body, mark, event.dropped_attributes_count);
    }
    for link in &span.links {
        let trace_id = link.trace_id[..].try_into().unwrap();
        let span_id = link.span_id[..].try_into().unwrap();
        let mark = wire::begin_link(&mut body, trace_id, span_id, &link.trace_state, link.flags);
        push_attributes(&mut body, Field::Link, &link.attributes);
        wire::end_link(&mut body, mark, link.dropped_attributes_count);
    }
    body
}

pub(crate) fn head(span: &Span) -> SpanHead {
    SpanHead {
        kind: span.kind as u8,
        status: span.status.as_ref().map_or(0, |status| status.code as u8),
        flags: span.flags,
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        ..SpanHead::default()
    }
    .with_trace_id(span.trace_id[..].try_into().unwrap())
    .with_span_id(span.span_id[..].try_into().unwrap())
    .with_parent_span_id(span.parent_span_id[..].try_into().unwrap_or_default())
}

pub(crate) fn tail(span: &Span) -> SpanTail<'_> {
    SpanTail {
        trace_state: &span.trace_state,
        status_message: span.status.as_ref().map_or("", |status| &status.message),
        dropped_attributes: span.dropped_attributes_count,
        dropped_events: span.dropped_events_count,
        dropped_links: span.dropped_links_count,
    }
}

/// The span as a `ScopeSpans.spans` field, through our encoder.
pub(crate) fn encode(span: &Span) -> Vec<u8> {
    let (head, body, tail) = (head(span), body(span), tail(span));
    let mut out = vec![0xff; wire::span_bound_with_tail(body.len(), &tail)];
    let written = wire::encode_span_with_tail(&mut out, &head, &body, &tail).unwrap();
    out.truncate(written);
    out
}

pub(crate) fn from_view_value(value: &ValueView<'_>) -> AnyValue {
    let value = match value {
        ValueView::Empty => None,
        ValueView::Str(v) => Some(any_value::Value::StringValue(v.to_string())),
        ValueView::Bool(v) => Some(any_value::Value::BoolValue(*v)),
        ValueView::Int(v) => Some(any_value::Value::IntValue(*v)),
        ValueView::Double(v) => Some(any_value::Value::DoubleValue(*v)),
        ValueView::Bytes(v) => Some(any_value::Value::BytesValue(v.to_vec())),
        ValueView::Array(v) => Some(any_value::Value::ArrayValue(ArrayValue {
            values: v.clone().map(|value| from_view_value(&value)).collect(),
        })),
        ValueView::Map(v) => Some(any_value::Value::KvlistValue(KeyValueList {
            values: from_view_pairs(v.clone()),
        })),
    };
    AnyValue { value }
}

pub(crate) fn from_view_pairs<'a>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, ValueView<'a>)>,
) -> Vec<KeyValue> {
    pairs
        .map(|(key, value)| key_value(key.into_owned(), from_view_value(&value)))
        .collect()
}

/// What our view reads, as the official message.
pub(crate) fn from_view(view: &SpanView<'_>) -> Span {
    let status = Status {
        message: view.status_message().into_owned(),
        code: view.status_code().into(),
    };
    let event = |event: wire::EventView<'_>| Event {
        time_unix_nano: event.time_ns(),
        name: event.name().into_owned(),
        attributes: from_view_pairs(event.attributes()),
        dropped_attributes_count: event.dropped_attributes(),
    };
    let link = |link: wire::LinkView<'_>| Link {
        trace_id: link.trace_id().to_vec(),
        span_id: link.span_id().to_vec(),
        trace_state: link.trace_state().into_owned(),
        attributes: from_view_pairs(link.attributes()),
        dropped_attributes_count: link.dropped_attributes(),
        flags: link.flags(),
    };
    Span {
        trace_id: view.trace_id().to_vec(),
        span_id: view.span_id().to_vec(),
        trace_state: view.trace_state().into_owned(),
        parent_span_id: view
            .parent_span_id()
            .map(|id| id.to_vec())
            .unwrap_or_default(),
        flags: view.flags(),
        name: view.name().into_owned(),
        kind: view.kind().into(),
        start_time_unix_nano: view.start_ns(),
        end_time_unix_nano: view.end_ns(),
        attributes: from_view_pairs(view.attributes()),
        dropped_attributes_count: view.dropped_attributes(),
        events: view.events().map(event).collect(),
        dropped_events_count: view.dropped_events(),
        links: view.links().map(link).collect(),
        dropped_links_count: view.dropped_links(),
        status: (status != Status::default()).then_some(status),
    }
}

/// Brings a message into the form in which [`from_view`] gives it: an id of the wrong length is zero, an unknown number
/// is unspecified, a missing value is an empty one.
pub(crate) fn normal(mut span: Span) -> Span {
    let id = |id: &mut Vec<u8>, length: usize| {
        if id.len() != length {
            *id = vec![0; length];
        }
    };
    id(&mut span.trace_id, 16);
    id(&mut span.span_id, 8);
    id(&mut span.parent_span_id, 8);
    if span.parent_span_id == [0; 8] {
        span.parent_span_id.clear();
    }
    if !(0..=5).contains(&span.kind) {
        span.kind = 0;
    }
    if let Some(status) = &mut span.status
        && !(0..=2).contains(&status.code)
    {
        status.code = 0;
    }
    span.status = span.status.filter(|status| *status != Status::default());
    span.attributes.iter_mut().for_each(normal_pair);
    for event in &mut span.events {
        event.attributes.iter_mut().for_each(normal_pair);
    }
    for link in &mut span.links {
        id(&mut link.trace_id, 16);
        id(&mut link.span_id, 8);
        link.attributes.iter_mut().for_each(normal_pair);
    }
    span
}

fn normal_pair(pair: &mut KeyValue) {
    pair.key_strindex = 0;
    normal_value(pair.value.get_or_insert_default());
}

fn normal_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(any_value::Value::ArrayValue(list)) => list.values.iter_mut().for_each(normal_value),
        Some(any_value::Value::KvlistValue(list)) => list.values.iter_mut().for_each(normal_pair),
        _ => {}
    }
}
