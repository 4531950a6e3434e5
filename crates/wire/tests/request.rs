//! Whole requests: the header in front of the spans, the view of them, and OTLP/JSON.

mod official;

use codomyrmex_wire::{ScopeHeader, SpanView, TracesView, Value, json};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = (
        official::text(),
        official::text(),
        official::attributes(),
        any::<u32>(),
    );
    (scope, vec(official::span(), 0..3), official::text()).prop_map(|(scope, spans, schema_url)| {
        ScopeSpans {
            scope: Some(InstrumentationScope {
                name: scope.0,
                version: scope.1,
                attributes: scope.2,
                dropped_attributes_count: scope.3,
            }),
            spans,
            schema_url,
        }
    })
}

fn traces() -> impl Strategy<Value = TracesData> {
    let resource = (
        official::attributes(),
        any::<u32>(),
        vec(scope_spans(), 0..3),
        official::text(),
    );
    let resource =
        resource.prop_map(
            |(attributes, dropped, scope_spans, schema_url)| ResourceSpans {
                resource: Some(Resource {
                    attributes,
                    dropped_attributes_count: dropped,
                    ..Resource::default()
                }),
                scope_spans,
                schema_url,
            },
        );
    vec(resource, 0..3).prop_map(|resource_spans| TracesData { resource_spans })
}

/// What our view reads, as the official message.
fn from_view(view: &TracesView<'_>) -> TracesData {
    let mut traces = TracesData::default();
    for resource in view.resource_spans() {
        let mut resource_spans = ResourceSpans {
            resource: Some(Resource {
                attributes: official::from_view_pairs(resource.attributes()),
                dropped_attributes_count: resource.dropped_attributes(),
                ..Resource::default()
            }),
            scope_spans: Vec::new(),
            schema_url: resource.schema_url().into_owned(),
        };
        for scope in resource.scope_spans() {
            resource_spans.scope_spans.push(ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: scope.name().into_owned(),
                    version: scope.version().into_owned(),
                    attributes: official::from_view_pairs(scope.attributes()),
                    dropped_attributes_count: scope.dropped_attributes(),
                }),
                spans: scope
                    .spans()
                    .map(|span| official::from_view(&span))
                    .collect(),
                schema_url: scope.schema_url().into_owned(),
            });
        }
        traces.resource_spans.push(resource_spans);
    }
    traces
}

/// OTLP/JSON's official reader knows no numbers beyond the finite ones.
fn has_odd_number(value: &Value) -> bool {
    match value {
        Value::Double(number) => !number.is_finite(),
        Value::Array(values) => values.iter().any(has_odd_number),
        Value::Map(pairs) => pairs.iter().any(|(_, value)| has_odd_number(value)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_official_decoder_reads_header_and_spans(
        resource in official::attributes(),
        scope in (official::text(), official::text(), official::text(), official::attributes()),
        spans in vec(official::span(), 0..4),
    ) {
        let (name, version, schema_url, attributes) = scope;
        let header = ScopeHeader::new(
            &official::to_pairs(&resource), &name, &version, &schema_url, &official::to_pairs(&attributes),
        );
        let bytes: Vec<u8> = spans.iter().flat_map(official::encode).collect();
        let request = header.request(&bytes);
        prop_assert_eq!(&request, &[header.prefix(bytes.len()), bytes].concat());

        let expected = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: resource, ..Resource::default() }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() }),
                    spans,
                    schema_url,
                }],
                schema_url: String::new(),
            }],
        };
        let decoded = ExportTraceServiceRequest::decode(&request[..]).unwrap();
        prop_assert!(decoded.encode_to_vec() == expected.encode_to_vec(), "{decoded:#?}\nis not\n{expected:#?}");
        let view = TracesView::parse(&request).unwrap();
        prop_assert!(from_view(&view).encode_to_vec() == expected.encode_to_vec());

        // Requests one behind the other are one request.
        let twice = request.repeat(2);
        prop_assert_eq!(TracesView::parse(&twice).unwrap().resource_spans().count(), 2);
        prop_assert_eq!(
            TracesView::parse(&twice).unwrap().spans().count(),
            2 * expected.resource_spans[0].scope_spans[0].spans.len()
        );
    }

    #[test]
    fn our_view_reads_official_requests(traces in traces()) {
        let bytes = traces.encode_to_vec();
        let found = from_view(&TracesView::parse(&bytes).unwrap());
        prop_assert!(found.encode_to_vec() == bytes, "{found:#?}\nis not\n{traces:#?}");
    }

    #[test]
    fn cut_requests_are_refused_where_the_official_decoder_refuses_them(
        traces in traces(),
        at in any::<prop::sample::Index>(),
    ) {
        let bytes = traces.encode_to_vec();
        let cut = &bytes[..at.index(bytes.len() + 1)];
        prop_assert_eq!(TracesView::parse(cut).is_ok(), TracesData::decode(cut).is_ok());
    }

    #[test]
    fn the_official_json_reader_reads_ours(traces in traces()) {
        let bytes = traces.encode_to_vec();
        let mut out = String::new();
        json::write_traces(&TracesView::parse(&bytes).unwrap(), &mut out);
        let parsed: serde_json::Value = serde_json::from_str(&out).unwrap();
        prop_assert!(parsed.is_object());
        let resources = &traces.resource_spans;
        let scopes = || resources.iter().flat_map(|resource| &resource.scope_spans);
        let spans = || scopes().flat_map(|scope| &scope.spans);
        let mut attributes = resources.iter().flat_map(|resource| &resource.resource.as_ref().unwrap().attributes)
            .chain(scopes().flat_map(|scope| &scope.scope.as_ref().unwrap().attributes))
            .chain(spans().flat_map(|span| &span.attributes))
            .chain(spans().flat_map(|span| span.events.iter().flat_map(|event| &event.attributes)))
            .chain(spans().flat_map(|span| span.links.iter().flat_map(|link| &link.attributes)));
        if attributes.any(|kv| has_odd_number(&official::to_value(kv.value.as_ref().unwrap()))) {
            return Ok(());
        }
        let read: TracesData = serde_json::from_str(&out).unwrap();
        prop_assert!(read.encode_to_vec() == bytes, "{read:#?}\nis not\n{traces:#?}\nin\n{out}");
    }
}

#[test]
fn json_follows_the_rules_to_the_letter() {
    use codomyrmex_wire as wire;
    let mut body = Vec::new();
    wire::push_name(&mut body, "say \"hi\"");
    let tree = Value::Array(vec![
        Value::Int(-1),
        Value::Map(vec![("k".into(), Value::Empty)]),
    ]);
    for (key, value) in [
        ("int", wire::AttributeValue::Int(i64::MAX)),
        ("nan", f64::NAN.into()),
        ("up", f64::INFINITY.into()),
        ("down", f64::NEG_INFINITY.into()),
        ("half", 0.5.into()),
        ("big", 1e300.into()),
        ("yes", true.into()),
        ("raw", (&[0xfb_u8, 0xff]).into()),
        ("tree", (&tree).into()),
    ] {
        wire::push_attribute(&mut body, wire::Field::Span, key, value, usize::MAX);
    }
    let mark = wire::begin_event(&mut body, 5, "retry");
    wire::end_event(&mut body, mark, 0);
    let mark = wire::begin_link(&mut body, [0xab; 16], [0xcd; 8], "", 1);
    wire::end_link(&mut body, mark, 0);
    let head = wire::SpanHead {
        kind: 2,
        status: 2,
        flags: 0x101,
        start_ns: 10,
        end_ns: 20,
        ..Default::default()
    }
    .with_trace_id([0x1a; 16])
    .with_span_id([0x2b; 8])
    .with_parent_span_id([0x3c; 8]);
    let tail = wire::SpanTail {
        status_message: "no",
        trace_state: "a=b",
        dropped_links: 3,
        ..Default::default()
    };
    let mut out = vec![0; wire::span_bound_with_tail(body.len(), &tail)];
    let written = wire::encode_span_with_tail(&mut out, &head, &body, &tail).unwrap();

    let span = wire::SpanIter::new(&out[..written])
        .next()
        .unwrap()
        .unwrap();
    let mut text = String::new();
    json::write_span(&span, &mut text);
    let expected = concat!(
        r#"{"traceId":"1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a","spanId":"2b2b2b2b2b2b2b2b","traceState":"a=b","#,
        r#""parentSpanId":"3c3c3c3c3c3c3c3c","flags":257,"name":"say \"hi\"","kind":2,"#,
        r#""startTimeUnixNano":"10","endTimeUnixNano":"20","attributes":["#,
        r#"{"key":"int","value":{"intValue":"9223372036854775807"}},"#,
        r#"{"key":"nan","value":{"doubleValue":"NaN"}},"#,
        r#"{"key":"up","value":{"doubleValue":"Infinity"}},"#,
        r#"{"key":"down","value":{"doubleValue":"-Infinity"}},"#,
        r#"{"key":"half","value":{"doubleValue":0.5}},"#,
        r#"{"key":"big","value":{"doubleValue":1e300}},"#,
        r#"{"key":"yes","value":{"boolValue":true}},"#,
        r#"{"key":"raw","value":{"bytesValue":"+/8="}},"#,
        r#"{"key":"tree","value":{"arrayValue":{"values":[{"intValue":"-1"},"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":{}}]}}]}}}],"#,
        r#""events":[{"timeUnixNano":"5","name":"retry"}],"#,
        r#""links":[{"traceId":"abababababababababababababababab","spanId":"cdcdcdcdcdcdcdcd","flags":1}],"#,
        r#""droppedLinksCount":3,"status":{"message":"no","code":2}}"#,
    );
    assert_eq!(text, expected);
    assert_eq!(format!("{span:?}"), expected);
}

#[test]
fn an_empty_request_is_an_empty_list() {
    let mut text = String::new();
    json::write_traces(&TracesView::parse(&[]).unwrap(), &mut text);
    assert_eq!(text, r#"{"resourceSpans":[]}"#);
}

#[test]
fn the_status_given_in_pieces_is_put_together() {
    let status = |bytes: &[u8]| [&[0x7a, bytes.len() as u8], bytes].concat();
    let bytes = [status(b"\x18\x02"), status(b"\x12\x02no")].concat();
    let view = SpanView::parse(&bytes).unwrap();
    assert_eq!(
        (view.status_code(), view.status_message().as_ref()),
        (2, "no")
    );
    assert_eq!(Span::decode(&bytes[..]).unwrap().status.unwrap().code, 2);
}

#[test]
fn resource_and_scope_given_in_pieces_are_put_together() {
    let pair = b"\x0a\x05\x0a\x01k\x12\x00";
    let resource = [&[0x0a, pair.len() as u8], &pair[..]].concat();
    let scope = b"\x12\x0a\x0a\x03\x0a\x01s\x0a\x03\x12\x01v";
    let inner = [&resource[..], &resource[..], scope].concat();
    let bytes = [&[0x0a, inner.len() as u8], &inner[..]].concat();
    let view = TracesView::parse(&bytes).unwrap();
    let resource = view.resource_spans().next().unwrap();
    assert_eq!(resource.attributes().count(), 2);
    let scope = resource.scope_spans().next().unwrap();
    assert_eq!(
        (scope.name().as_ref(), scope.version().as_ref()),
        ("s", "v")
    );
    let official = TracesData::decode(&bytes[..]).unwrap();
    assert_eq!(
        official.resource_spans[0]
            .resource
            .as_ref()
            .unwrap()
            .attributes
            .len(),
        2
    );
    assert!(!matches!(
        official.resource_spans[0]
            .resource
            .as_ref()
            .unwrap()
            .attributes[0]
            .value
            .as_ref()
            .unwrap()
            .value,
        Some(any_value::Value::StringValue(_))
    ));
}
