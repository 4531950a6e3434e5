//! What we encode, the official messages read; and what they encode, our view reads.

mod official;

use codomyrmex_wire as wire;
use codomyrmex_wire::{AttributeValue, Field, SpanHead, SpanIter, SpanView, Value};
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use prost::Message;

/// As bytes, because a NaN is not equal to itself.
fn same(left: &Span, right: &Span) -> Result<(), TestCaseError> {
    prop_assert!(
        left.encode_to_vec() == right.encode_to_vec(),
        "{left:?}\nis not\n{right:?}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn official_decoder_reads_our_bytes(spans in proptest::collection::vec(official::span(), 1..3)) {
        let bytes: Vec<u8> = spans.iter().flat_map(official::encode).collect();
        let decoded = ScopeSpans::decode(&bytes[..]).unwrap();
        prop_assert_eq!(decoded.spans.len(), spans.len());
        for (decoded, span) in decoded.spans.iter().zip(&spans) {
            same(decoded, span)?;
        }
    }

    #[test]
    fn our_view_reads_our_bytes(spans in proptest::collection::vec(official::span(), 1..3)) {
        let bytes: Vec<u8> = spans.iter().flat_map(official::encode).collect();
        let views: Vec<_> = SpanIter::new(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(views.len(), spans.len());
        for (view, span) in views.iter().zip(&spans) {
            same(&official::from_view(view), span)?;
        }
    }

    #[test]
    fn our_view_reads_official_bytes(span in official::span()) {
        let bytes = span.encode_to_vec();
        same(&official::from_view(&SpanView::parse(&bytes).unwrap()), &span)?;
    }

    #[test]
    fn without_a_tail_both_functions_write_the_same(span in official::span(), spare in 0..3_usize) {
        let (head, body) = (official::head(&span), official::body(&span));
        let mut out = vec![0; wire::span_bound(body.len()) + spare];
        let mut other = vec![0; wire::span_bound_with_tail(body.len(), &Default::default())];
        let written = wire::encode_span(&mut out, &head, &body).unwrap();
        let also = wire::encode_span_with_tail(&mut other, &head, &body, &Default::default()).unwrap();
        prop_assert_eq!(&out[..written], &other[..also]);
    }

    #[test]
    fn too_little_room_is_refused(span in official::span(), missing in 1..200_usize) {
        let (head, body, tail) = (official::head(&span), official::body(&span), official::tail(&span));
        let room = wire::span_bound(body.len()).saturating_sub(missing);
        prop_assert_eq!(wire::encode_span(&mut vec![0; room], &head, &body), None);
        let room = wire::span_bound_with_tail(body.len(), &tail).saturating_sub(missing);
        prop_assert_eq!(wire::encode_span_with_tail(&mut vec![0; room], &head, &body, &tail), None);
    }

    #[test]
    fn a_replaced_attribute_is_there_once(
        keys in proptest::collection::vec("[ab]{0,2}|[k]{30,35}|[k]{126,130}", 1..8),
    ) {
        let mut body = Vec::new();
        wire::push_name(&mut body, "name");
        let mark = wire::begin_event(&mut body, 1, "event");
        // An event's attribute of the same name is not the span's.
        wire::push_attribute(&mut body, Field::Event, &keys[0], "event".into(), usize::MAX);
        wire::end_event(&mut body, mark, 0);
        let mut expected: Vec<(String, i64)> = Vec::new();
        for (i, key) in (0..).zip(&keys) {
            prop_assert_eq!(wire::find_attribute(&body, key).is_some(), expected.iter().any(|(k, _)| k == key));
            if let Some(range) = wire::find_attribute(&body, key) {
                body.drain(range);
                expected.retain(|(k, _)| k != key);
            }
            wire::push_attribute(&mut body, Field::Span, key, i.into(), usize::MAX);
            expected.push((key.clone(), i));
        }
        let span = Span::decode(&body[..]).unwrap();
        let found: Vec<_> = official::to_pairs(&span.attributes);
        let expected: Vec<_> = expected.into_iter().map(|(k, v)| (k, Value::Int(v))).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(span.events[0].attributes.len(), 1);
    }

    #[test]
    fn find_attribute_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60), key in "[a-z]{0,3}") {
        if let Some(range) = wire::find_attribute(&bytes, &key) {
            prop_assert!(bytes.get(range).is_some());
        }
    }

    #[test]
    fn text_is_cut_at_a_character(text in official::text(), limit in 0..50_usize) {
        let expected: String = text.chars().take(limit).collect();
        let is_cut = expected != text;
        let nested = Value::Array(vec![Value::from(&text), Value::Map(vec![("k".into(), Value::from(&text))])]);
        let strs = [text.as_str()];
        let variants: [(AttributeValue<'_>, Value); 4] = [
            (AttributeValue::from(&text), Value::from(&expected)),
            (AttributeValue::Strs(&strs), Value::from(vec![expected.as_str()])),
            (
                AttributeValue::Value(&nested),
                Value::Array(vec![Value::from(&expected), Value::Map(vec![("k".into(), Value::from(&expected))])]),
            ),
            (AttributeValue::Bytes(text.as_bytes()), Value::from(&text.as_bytes()[..limit.min(text.len())])),
        ];
        for (value, expected) in variants {
            let mut body = Vec::new();
            let reported = wire::push_attribute(&mut body, Field::Span, "key", value, limit);
            let span = SpanView::parse(&body).unwrap();
            prop_assert_eq!(span.attribute("key").unwrap().to_value(), expected);
            prop_assert_eq!(reported, if let AttributeValue::Bytes(b) = value { b.len() > limit } else { is_cut });
        }
        let mut body = Vec::new();
        let reported = wire::push_attribute(&mut body, Field::Span, "key", format_args!("{text:.0}{}", text).into(), limit);
        let found = SpanView::parse(&body).unwrap().attribute("key").unwrap().to_value();
        prop_assert_eq!(found, Value::from(&expected));
        prop_assert_eq!(reported, is_cut);
    }
}

fn read_back(value: AttributeValue<'_>) -> Value {
    let mut body = Vec::new();
    wire::push_attribute(&mut body, Field::Span, "key", value, usize::MAX);
    let span = Span::decode(&body[..]).unwrap();
    assert_eq!(span.attributes.len(), 1);
    official::to_pairs(&span.attributes).remove(0).1
}

#[test]
fn every_type_of_value_arrives() {
    let tree = Value::Map(vec![
        ("list".into(), Value::from(vec!["a", "b"])),
        ("none".into(), Value::Empty),
    ]);
    let owned = String::from("owned");
    let values: Vec<AttributeValue<'_>> = vec![
        "text".into(),
        (&owned).into(),
        true.into(),
        false.into(),
        0.into(),
        (-1_i8).into(),
        i64::MIN.into(),
        u32::MAX.into(),
        u64::MAX.into(),
        i128::MIN.into(),
        1.5_f32.into(),
        f64::NEG_INFINITY.into(),
        (&b"\x00\xff"[..]).into(),
        (&["a", "", "b"]).into(),
        (&[1_i64, -1, i64::MAX]).into(),
        (&[0.0_f64, -0.5]).into(),
        (&[true, false]).into(),
        (&tree).into(),
        AttributeValue::Wide {
            negative: true,
            magnitude: [7, 0],
        },
        AttributeValue::Empty,
    ];
    for value in values {
        assert_eq!(read_back(value), value.to_value(), "{value:?}");
    }
    assert_eq!(
        read_back(format_args!("{}-{}", 1, owned).into()),
        Value::from("1-owned")
    );
    assert_eq!(
        read_back(format_args!("plain").into()),
        Value::from("plain")
    );
    let nan = read_back(f64::NAN.into());
    assert!(matches!(nan, Value::Double(value) if value.is_nan()));
}

#[test]
fn every_length_of_key_and_text_arrives() {
    for key_len in (0..36).chain([90, 126, 127, 128, 129, 16_384]) {
        let key = "k".repeat(key_len);
        for text_len in (0..36).chain([60, 88, 89, 90, 91, 92, 126, 127, 128, 16_384]) {
            let text = "t".repeat(text_len);
            let mut body = Vec::new();
            wire::push_attribute(
                &mut body,
                Field::Span,
                &key,
                text.as_str().into(),
                usize::MAX,
            );
            let mut roomy = Vec::with_capacity(64 << 10);
            wire::push_attribute(
                &mut roomy,
                Field::Span,
                &key,
                text.as_str().into(),
                usize::MAX,
            );
            assert_eq!(body, roomy, "the room that there is does not count");
            let span = Span::decode(&body[..]).unwrap();
            assert_eq!(
                official::to_pairs(&span.attributes),
                [(key.clone(), Value::from(&text))]
            );
            assert_eq!(wire::find_attribute(&body, &key), Some(0..body.len()));
            assert_eq!(wire::find_attribute(&body, &format!("{key}x")), None);
        }
        let numbers = (0..64).flat_map(|bit| {
            [
                1_i64 << bit,
                (1_i64 << bit).wrapping_sub(1),
                !(1_i64 << bit),
            ]
        });
        let numbers = numbers.map(AttributeValue::Int);
        for value in numbers.chain([true.into(), false.into(), 0.5.into(), f64::MAX.into()]) {
            let mut body = Vec::new();
            wire::push_attribute(&mut body, Field::Link, &key, value, usize::MAX);
            let mut roomy = Vec::with_capacity(64 << 10);
            wire::push_attribute(&mut roomy, Field::Link, &key, value, usize::MAX);
            assert_eq!(body, roomy, "the room that there is does not count");
            let link =
                opentelemetry_proto::tonic::trace::v1::span::Link::decode(&body[..]).unwrap();
            assert_eq!(
                official::to_pairs(&link.attributes),
                [(key.clone(), value.to_value())]
            );
        }
    }
    for name_len in (0..40).chain([126, 127, 128, 16_384]) {
        let name = "n".repeat(name_len);
        let mut body = Vec::new();
        wire::push_name(&mut body, &name);
        let mut roomy = Vec::with_capacity(64 << 10);
        wire::push_name(&mut roomy, &name);
        assert_eq!(body, roomy);
        assert_eq!(Span::decode(&body[..]).unwrap().name, name);
    }
}

#[test]
fn every_length_of_body_arrives() {
    for name_len in (0..200).chain([16_300, 16_384]) {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "n".repeat(name_len),
            ..Span::default()
        };
        assert_eq!(
            ScopeSpans::decode(&official::encode(&span)[..])
                .unwrap()
                .spans,
            [span]
        );
    }
}

#[test]
fn a_long_span_has_a_longer_length() {
    for length in [
        2_097_000, 2_097_060, 2_097_070, 2_097_080, 2_097_152, 3_000_000,
    ] {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: vec![3; 8],
            trace_state: "k=v".to_owned(),
            name: "n".repeat(length),
            ..Span::default()
        };
        let bytes = official::encode(&span);
        assert_eq!(
            ScopeSpans::decode(&bytes[..]).unwrap().spans,
            std::slice::from_ref(&span)
        );

        let body = official::body(&span);
        let mut out = vec![0; wire::span_bound(body.len())];
        let written = wire::encode_span(&mut out, &official::head(&span), &body).unwrap();
        let expected = Span {
            trace_state: String::new(),
            ..span
        };
        assert_eq!(
            ScopeSpans::decode(&out[..written]).unwrap().spans,
            [expected]
        );
    }
}

#[test]
fn long_events_links_and_values_have_longer_lengths() {
    let text = "x".repeat(2_200_000);
    let mut body = Vec::new();
    let tree = Value::Map(vec![("deep".into(), Value::from(vec![text.as_str()]))]);
    let mark = wire::begin_event(&mut body, 1, "event");
    wire::push_attribute(&mut body, Field::Event, "tree", (&tree).into(), usize::MAX);
    wire::push_attribute(
        &mut body,
        Field::Event,
        "shown",
        format_args!("{text}.").into(),
        usize::MAX,
    );
    wire::end_event(&mut body, mark, 1);
    let mark = wire::begin_link(&mut body, [1; 16], [2; 8], "", 0x101);
    wire::push_attribute(&mut body, Field::Link, "text", (&text).into(), usize::MAX);
    wire::end_link(&mut body, mark, 2);

    let span = Span::decode(&body[..]).unwrap();
    assert_eq!(official::to_pairs(&span.events[0].attributes)[0].1, tree);
    assert_eq!(
        official::to_pairs(&span.events[0].attributes)[1].1,
        Value::Str(format!("{text}."))
    );
    assert_eq!(span.events[0].dropped_attributes_count, 1);
    assert_eq!(
        official::to_pairs(&span.links[0].attributes),
        [("text".to_owned(), Value::Str(text))]
    );
    assert_eq!(
        (span.links[0].flags, span.links[0].dropped_attributes_count),
        (0x101, 2)
    );
}

#[test]
fn what_is_too_deep_becomes_an_ellipsis() {
    let nest =
        |levels: usize, inner: Value| (0..levels).fold(inner, |value, _| Value::Array(vec![value]));
    let fits = nest(wire::MAX_DEPTH, Value::Int(1));
    let mut body = Vec::new();
    assert!(!wire::push_attribute(
        &mut body,
        Field::Span,
        "key",
        (&fits).into(),
        usize::MAX
    ));
    assert_eq!(read_back((&fits).into()), fits);

    let deeper = nest(wire::MAX_DEPTH + 1, Value::Int(1));
    assert!(wire::push_attribute(
        &mut body,
        Field::Span,
        "key",
        (&deeper).into(),
        usize::MAX
    ));
    assert_eq!(
        read_back((&deeper).into()),
        nest(wire::MAX_DEPTH, Value::from("…"))
    );
}

#[test]
fn a_display_that_panics_leaves_nothing() {
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            panic!("broken on purpose");
        }
    }
    let mut body = Vec::new();
    wire::push_attribute(&mut body, Field::Span, "before", 1.into(), usize::MAX);
    let before = body.clone();
    let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wire::push_attribute(
            &mut body,
            Field::Span,
            "broken",
            format_args!("{Broken}").into(),
            usize::MAX,
        )
    }));
    assert!(pushed.is_err());
    assert_eq!(body, before);
}

#[test]
fn a_display_that_gives_up_keeps_what_it_wrote() {
    struct Short;
    impl std::fmt::Display for Short {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            Err(std::fmt::Error)
        }
    }
    assert_eq!(
        read_back(format_args!("{Short}").into()),
        Value::from("half")
    );
}

#[test]
fn formatting_ends_at_the_limit() {
    struct Endless;
    impl std::fmt::Display for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            loop {
                f.write_str("ab")?;
            }
        }
    }
    let mut body = Vec::new();
    assert!(wire::push_attribute(
        &mut body,
        Field::Span,
        "k",
        format_args!("{Endless}").into(),
        5
    ));
    assert_eq!(
        SpanView::parse(&body)
            .unwrap()
            .attribute("k")
            .unwrap()
            .as_str(),
        Some("ababa")
    );
}

#[test]
fn a_text_beyond_the_limit_is_cut_where_there_is_room_too() {
    let mut body = Vec::with_capacity(1 << 10);
    assert!(wire::push_attribute(
        &mut body,
        Field::Span,
        "k",
        "abcdef".into(),
        5
    ));
    assert!(!wire::push_attribute(
        &mut body,
        Field::Span,
        "l",
        "abcde".into(),
        5
    ));
    let span = SpanView::parse(&body).unwrap();
    assert_eq!(span.attribute("k").unwrap().as_str(), Some("abcde"));
    assert_eq!(span.attribute("l").unwrap().as_str(), Some("abcde"));
}

#[test]
fn a_link_is_no_attribute() {
    let mut body = Vec::new();
    let mark = wire::begin_link(&mut body, *b"0123456789abcdef", [1; 8], "", 1);
    wire::end_link(&mut body, mark, 0);
    assert_eq!(wire::find_attribute(&body, "0123456789abcdef"), None);
    let link = body.len();
    wire::push_attribute(
        &mut body,
        Field::Span,
        "0123456789abcdef",
        1.into(),
        usize::MAX,
    );
    assert_eq!(
        wire::find_attribute(&body, "0123456789abcdef"),
        Some(link..body.len())
    );
}

#[test]
fn the_status_is_written_once() {
    let head = SpanHead {
        trace_id: [1, 2],
        span_id: 3,
        kind: 1,
        status: 2,
        ..SpanHead::default()
    };
    let tail = wire::SpanTail {
        status_message: "no",
        ..Default::default()
    };
    let mut out = vec![0; wire::span_bound_with_tail(0, &tail)];
    let written = wire::encode_span_with_tail(&mut out, &head, &[], &tail).unwrap();
    assert_eq!(out[58..written], *b"\x7a\x06\x12\x02no\x18\x02");
}

#[test]
fn root_and_unset_write_no_parent_and_no_status() {
    let head = SpanHead {
        trace_id: [1, 2],
        span_id: 3,
        kind: 1,
        ..SpanHead::default()
    };
    let mut out = [0; wire::span_bound(0)];
    assert_eq!(wire::encode_span(&mut out, &head, &[]), Some(58));
    let child = SpanHead {
        parent_span_id: 4,
        ..head
    };
    assert_eq!(wire::encode_span(&mut out, &child, &[]), Some(68));
    let failed = SpanHead { status: 2, ..head };
    assert_eq!(wire::encode_span(&mut out, &failed, &[]), Some(62));
}

#[test]
fn numbers_out_of_range_do_not_break_the_bytes() {
    let head = SpanHead {
        trace_id: [1, 2],
        span_id: 3,
        kind: 255,
        status: 200,
        ..SpanHead::default()
    };
    let mut out = [0; wire::span_bound(0)];
    let written = wire::encode_span(&mut out, &head, &[]).unwrap();
    assert_eq!(ScopeSpans::decode(&out[..written]).unwrap().spans.len(), 1);
}

#[test]
fn a_short_attribute_has_lengths_of_one_byte() {
    let mut body = Vec::new();
    wire::push_attribute(&mut body, Field::Span, "n", 300.into(), usize::MAX);
    assert_eq!(body, b"\x4a\x08\x0a\x01n\x12\x03\x18\xac\x02");
    body.clear();
    wire::push_attribute(&mut body, Field::Event, "s", "text".into(), usize::MAX);
    assert_eq!(body, b"\x1a\x0b\x0a\x01s\x12\x06\x0a\x04text");
}

#[test]
fn the_strategy_makes_every_type() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [false; 8];
    for _ in 0..500 {
        let value = official::any_value()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        seen[match value.value {
            None => 0,
            Some(any_value::Value::StringValue(_)) => 1,
            Some(any_value::Value::BoolValue(_)) => 2,
            Some(any_value::Value::IntValue(_)) => 3,
            Some(any_value::Value::DoubleValue(_)) => 4,
            Some(any_value::Value::ArrayValue(_)) => 5,
            Some(any_value::Value::KvlistValue(_)) => 6,
            Some(any_value::Value::BytesValue(_)) => 7,
            Some(any_value::Value::StringValueStrindex(_)) => unreachable!(),
        }] = true;
    }
    assert_eq!(seen, [true; 8]);
}
