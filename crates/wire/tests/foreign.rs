//! Bytes that somebody else encoded: fields in any order, unknown and repeated ones, padded numbers, bad UTF-8, broken
//! and hostile input. The official decoder says what is right.

mod official;

use codomyrmex_wire::{DecodeReason, SpanIter, SpanView, TracesView, ValueView, json};
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

/// A varint, padded with `pad` needless bytes where there is room for them.
fn padded(mut value: u64, pad: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    for _ in 0..pad.min(10 - bytes.len()) {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
    }
    bytes
}

fn field(number: u32, kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = padded(u64::from(number) << 3 | kind, 0);
    bytes.extend_from_slice(payload);
    bytes
}

fn bytes_field(number: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = padded(payload.len() as u64, 0);
    bytes.extend_from_slice(payload);
    field(number, 2, &bytes)
}

fn bytes(number: u32, payload: impl Strategy<Value = Vec<u8>> + 'static) -> BoxedStrategy<Vec<u8>> {
    (payload, 0..4_usize)
        .prop_map(move |(payload, pad)| {
            let mut bytes = padded(payload.len() as u64, pad);
            bytes.extend_from_slice(&payload);
            field(number, 2, &bytes)
        })
        .boxed()
}

fn text(number: u32) -> BoxedStrategy<Vec<u8>> {
    bytes(number, official::text().prop_map(String::into_bytes))
}

fn id(number: u32) -> BoxedStrategy<Vec<u8>> {
    let right = if number == 1 { 16 } else { 8 };
    bytes(
        number,
        prop_oneof![3 => vec(any::<u8>(), right), 1 => vec(any::<u8>(), 0..20), 1 => Just(vec![0; right])],
    )
}

fn number(number: u32) -> BoxedStrategy<Vec<u8>> {
    let value = prop_oneof![0..7_u64, any::<u64>(), Just(u64::MAX), Just(0x1_0000_0002)];
    (value, 0..10_usize)
        .prop_map(move |(value, pad)| field(number, 0, &padded(value, pad)))
        .boxed()
}

fn fixed64(number: u32) -> BoxedStrategy<Vec<u8>> {
    any::<[u8; 8]>()
        .prop_map(move |word| field(number, 1, &word))
        .boxed()
}

fn fixed32(number: u32) -> BoxedStrategy<Vec<u8>> {
    any::<[u8; 4]>()
        .prop_map(move |word| field(number, 5, &word))
        .boxed()
}

/// Fields that no version of the messages has yet, groups among them.
fn unknown() -> BoxedStrategy<Vec<u8>> {
    let leaf = (100..200_u32).prop_flat_map(|n| {
        prop_oneof![
            number(n),
            fixed64(n),
            fixed32(n),
            bytes(n, vec(any::<u8>(), 0..10))
        ]
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        (100..200_u32, vec(inner, 0..3)).prop_map(|(number, fields)| {
            let mut bytes = field(number, 3, &fields.concat());
            bytes.extend(field(number, 4, &[]));
            bytes
        })
    })
    .boxed()
}

/// A message of these fields: any number of each, in any order.
fn message(fields: Vec<BoxedStrategy<Vec<u8>>>, length: usize) -> BoxedStrategy<Vec<u8>> {
    let known = proptest::strategy::Union::new(fields);
    vec(prop_oneof![6 => known, 1 => unknown()], 0..length)
        .prop_map(|fields| fields.concat())
        .boxed()
}

/// An `AnyValue`, in which a list stands at most once.
fn value() -> BoxedStrategy<Vec<u8>> {
    let scalars = || {
        message(
            vec![
                text(1),
                number(2),
                number(3),
                fixed64(4),
                bytes(7, vec(any::<u8>(), 0..9)),
            ],
            3,
        )
    };
    scalars()
        .prop_recursive(3, 12, 3, move |inner| {
            let list = bytes(5, message(vec![bytes(1, inner.clone())], 4));
            let map = bytes(6, message(vec![bytes(1, key_value(inner.boxed()))], 4));
            (
                scalars(),
                prop_oneof![list, map],
                prop_oneof![4 => Just(Vec::new()), 1 => scalars()],
            )
                .prop_map(|(before, list, after)| [before, list, after].concat())
        })
        .boxed()
}

/// A `KeyValue`, in which a value that may be a list stands at most once.
fn key_value(value: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let early = bytes(2, message(vec![text(1), number(3)], 3));
    let before = message(vec![text(1), early], 3);
    let value = prop_oneof![1 => Just(Vec::new()).boxed(), 6 => bytes(2, value)];
    let after = message(vec![text(1)], 2);
    (before, value, after)
        .prop_map(|(before, value, after)| [before, value, after].concat())
        .boxed()
}

fn attribute(number: u32) -> BoxedStrategy<Vec<u8>> {
    bytes(number, key_value(value()))
}

fn span() -> BoxedStrategy<Vec<u8>> {
    let event = message(vec![fixed64(1), text(2), attribute(3), number(4)], 6);
    let link = message(
        vec![id(1), id(2), text(3), attribute(4), number(5), fixed32(6)],
        7,
    );
    let status = message(vec![text(2), number(3)], 4);
    let fields = vec![
        id(1),
        id(2),
        text(3),
        id(4),
        text(5),
        number(6),
        fixed64(7),
        fixed64(8),
        attribute(9),
        number(10),
        bytes(11, event),
        number(12),
        bytes(13, link),
        number(14),
        bytes(15, status),
        fixed32(16),
    ];
    message(fields, 20)
}

/// Reads everything that a view offers.
fn exhaust(view: &SpanView<'_>) {
    let mut out = String::new();
    json::write_span(view, &mut out);
    serde_json::from_str::<serde_json::Value>(&out).unwrap();
    official::from_view(view);
    for (_, value) in view.attributes() {
        let _ = value.to_string();
    }
    let _ = (
        view.has_valid_ids(),
        view.attribute("key"),
        format!("{view:?}"),
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_encoding_is_read_as_the_official_decoder_reads_it(bytes in span()) {
        let expected = official::normal(Span::decode(&bytes[..]).unwrap());
        let view = SpanView::parse(&bytes).unwrap();
        let found = official::from_view(&view);
        prop_assert!(found.encode_to_vec() == expected.encode_to_vec(), "{found:#?}\nis not\n{expected:#?}");
        exhaust(&view);
    }

    #[test]
    fn cut_bytes_are_refused_where_the_official_decoder_refuses_them(bytes in span(), at in any::<prop::sample::Index>()) {
        let cut = &bytes[..at.index(bytes.len() + 1)];
        let ours = SpanView::parse(cut);
        prop_assert_eq!(ours.is_ok(), Span::decode(cut).is_ok());
        if let Err(error) = ours {
            prop_assert!(error.offset <= cut.len(), "{error:?}");
        }
    }

    #[test]
    fn changed_bytes_never_panic(
        mut bytes in span(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let ours = SpanView::parse(&bytes);
        // We read bad UTF-8 and skip fields of the wrong type, which the official decoder refuses.
        prop_assert!(ours.is_ok() || Span::decode(&bytes[..]).is_err());
        if let Ok(view) = ours {
            exhaust(&view);
        }
        let _ = TracesView::parse(&bytes);
        SpanIter::new(&bytes).filter_map(Result::ok).for_each(|view| exhaust(&view));
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(prop_oneof![0..0x80_u8, any::<u8>()], 0..80)) {
        if let Ok(view) = SpanView::parse(&bytes) {
            exhaust(&view);
        }
        let spans = SpanIter::new(&bytes);
        for view in spans.clone().filter_map(Result::ok) {
            exhaust(&view);
        }
        if let Ok(traces) = TracesView::parse(&bytes) {
            let mut out = String::new();
            json::write_traces(&traces, &mut out);
            serde_json::from_str::<serde_json::Value>(&out).unwrap();
        }
    }

    #[test]
    fn bad_utf8_is_replaced(raw in vec(any::<u8>(), 0..20)) {
        let lossy = String::from_utf8_lossy(&raw);
        let value = bytes_field(2, &bytes_field(1, &raw));
        let attribute = [bytes_field(1, &raw), value].concat();
        let event = bytes_field(2, &raw);
        let link = bytes_field(3, &raw);
        let status = bytes_field(2, &raw);
        let bytes = [
            bytes_field(3, &raw), bytes_field(5, &raw), bytes_field(9, &attribute), bytes_field(11, &event),
            bytes_field(13, &link), bytes_field(15, &status),
        ].concat();
        let view = SpanView::parse(&bytes).unwrap();
        prop_assert_eq!(&view.trace_state(), &lossy);
        prop_assert_eq!(&view.name(), &lossy);
        let (key, value) = view.attributes().next().unwrap();
        prop_assert_eq!(&key, &lossy);
        prop_assert_eq!(value.as_str(), Some(&lossy[..]));
        prop_assert_eq!(&view.events().next().unwrap().name(), &lossy);
        prop_assert_eq!(&view.links().next().unwrap().trace_state(), &lossy);
        prop_assert_eq!(&view.status_message(), &lossy);
        exhaust(&view);
    }
}

fn reason(bytes: &[u8]) -> (DecodeReason, usize) {
    let error = SpanView::parse(bytes).unwrap_err();
    assert!(Span::decode(bytes).is_err());
    (error.reason, error.offset)
}

#[test]
fn errors_say_what_and_where() {
    assert_eq!(reason(b"\x2a\x05work"), (DecodeReason::Truncated, 2));
    assert_eq!(reason(b"\x39\x01\x02"), (DecodeReason::Truncated, 1));
    assert_eq!(reason(b"\x2a\x01n\x30"), (DecodeReason::Truncated, 4));
    assert_eq!(
        reason(b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        (DecodeReason::Varint, 1)
    );
    assert_eq!(
        reason(b"\x30\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
        (DecodeReason::Varint, 1)
    );
    assert_eq!(reason(b"\x02\x00"), (DecodeReason::Tag, 0));
    assert_eq!(reason(b"\x2f"), (DecodeReason::Tag, 0));
    assert_eq!(reason(b"\xf3\x01"), (DecodeReason::Group, 0));
    assert_eq!(reason(b"\xf4\x01"), (DecodeReason::Group, 0));
    assert_eq!(reason(b"\xf3\x01\xfc\x01"), (DecodeReason::Group, 2));
    assert_eq!(
        reason(b"\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (DecodeReason::Truncated, 11)
    );
    // Inside an attribute's value.
    assert_eq!(
        reason(b"\x2a\x01n\x4a\x05\x12\x03\x0a\x05a"),
        (DecodeReason::Truncated, 9)
    );
    let error = SpanView::parse(b"\x2a\x05work").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the bytes end within a field (at byte 2)"
    );
}

#[test]
fn what_is_broken_inside_is_found_at_any_level() {
    let within = |path: &[u32]| {
        let broken = b"\x0a\x05a".to_vec();
        path.iter()
            .rev()
            .fold(broken, |inner, number| bytes_field(*number, &inner))
    };
    let of_a_span: [&[u32]; 14] = [
        &[9],
        &[9, 2],
        &[9, 2, 5],
        &[9, 2, 5, 1],
        &[9, 2, 6],
        &[9, 2, 6, 1],
        &[9, 2, 6, 1, 2],
        &[9, 2, 6, 1, 2, 5, 1],
        &[11],
        &[11, 3],
        &[11, 3, 2],
        &[13],
        &[13, 4, 2],
        &[15],
    ];
    for path in of_a_span {
        let bytes = within(path);
        assert!(Span::decode(&bytes[..]).is_err());
        let error = SpanView::parse(&bytes).expect_err(&format!("{path:?}"));
        assert_eq!(
            (error.reason, error.offset),
            (DecodeReason::Truncated, bytes.len() - 1),
            "{path:?}"
        );
        let traces = within(&[&[1, 2, 2], path].concat());
        let error = TracesView::parse(&traces).expect_err(&format!("{path:?}"));
        assert_eq!(error.offset, traces.len() - 1, "{path:?}");
    }
    let of_a_request: [&[u32]; 8] = [
        &[1],
        &[1, 1],
        &[1, 1, 1],
        &[1, 1, 1, 2],
        &[1, 2],
        &[1, 2, 1],
        &[1, 2, 1, 3],
        &[1, 2, 1, 3, 2],
    ];
    for path in of_a_request {
        let bytes = within(path);
        assert!(TracesData::decode(&bytes[..]).is_err());
        let error = TracesView::parse(&bytes).expect_err(&format!("{path:?}"));
        assert_eq!(
            (error.reason, error.offset),
            (DecodeReason::Truncated, bytes.len() - 1),
            "{path:?}"
        );
    }
}

#[test]
fn nesting_ends_somewhere() {
    let nest = |levels: usize| {
        let inner = (0..levels).fold(Vec::new(), |value, _| {
            bytes_field(5, &bytes_field(1, &value))
        });
        bytes_field(
            9,
            &[bytes_field(1, b"key"), bytes_field(2, &inner)].concat(),
        )
    };
    let bytes = nest(99);
    let view = SpanView::parse(&bytes).unwrap();
    official::from_view(&view);
    assert_eq!(
        view.attribute("key")
            .unwrap()
            .to_string()
            .matches('[')
            .count(),
        99
    );
    assert_eq!(
        SpanView::parse(&nest(100)).unwrap_err().reason,
        DecodeReason::Depth
    );
    assert_eq!(
        SpanView::parse(&nest(5_000)).unwrap_err().reason,
        DecodeReason::Depth
    );

    let group = |levels: usize| [[0xf3, 0x01].repeat(levels), [0xf4, 0x01].repeat(levels)].concat();
    assert!(SpanView::parse(&group(90)).is_ok());
    assert_eq!(
        SpanView::parse(&group(100_000)).unwrap_err().reason,
        DecodeReason::Depth
    );
}

#[test]
fn a_field_of_the_wrong_type_is_unknown() {
    // The name as a number, the kind as text, the start as a 32-bit word.
    let bytes = b"\x28\x05\x32\x01x\x3d\x01\x02\x03\x04\x2a\x04work";
    let view = SpanView::parse(bytes).unwrap();
    assert_eq!(
        (view.name().as_ref(), view.kind(), view.start_ns()),
        ("work", 0, 0)
    );
}

#[test]
fn the_last_of_equal_keys_counts() {
    let mut bytes = Vec::new();
    for value in ["first", "last"] {
        let attribute = [
            bytes_field(1, b"key"),
            bytes_field(2, &bytes_field(1, value.as_bytes())),
        ]
        .concat();
        bytes.extend(bytes_field(9, &attribute));
    }
    let view = SpanView::parse(&bytes).unwrap();
    assert_eq!(view.attribute("key").unwrap().as_str(), Some("last"));
    assert_eq!(view.attributes().count(), 2);
    assert!(view.attribute("other").is_none());
}

#[test]
fn odd_ids_are_invalid() {
    let ids = |trace: &[u8], span: &[u8]| [bytes_field(1, trace), bytes_field(2, span)].concat();
    let valid = |bytes: &[u8]| SpanView::parse(bytes).unwrap().has_valid_ids();
    assert!(valid(&ids(&[1; 16], &[1; 8])));
    assert!(!valid(&ids(&[1; 15], &[1; 8])));
    assert!(!valid(&ids(&[1; 16], &[1; 9])));
    assert!(!valid(&ids(&[0; 16], &[1; 8])));
    assert!(!valid(&ids(&[1; 16], &[0; 8])));
    assert!(!valid(&[]));
    let parent = |id: &[u8]| {
        SpanView::parse(&bytes_field(4, id))
            .unwrap()
            .parent_span_id()
    };
    assert_eq!(parent(&[7; 8]), Some([7; 8]));
    assert_eq!(parent(&[0; 8]), None);
    assert_eq!(parent(&[7; 7]), None);
    assert_eq!(parent(&[]), None);
}

#[test]
fn a_broken_span_does_not_hide_the_next() {
    let good = bytes_field(2, &bytes_field(5, b"good"));
    let bytes = [
        good.clone(),
        bytes_field(2, b"\x2a\x7f"),
        bytes_field(9, b"other"),
        good.clone(),
        vec![0x12, 9],
    ]
    .concat();
    let found: Vec<_> = SpanIter::new(&bytes)
        .map(|span| {
            span.map(|span| span.name().into_owned())
                .map_err(|e| e.reason)
        })
        .collect();
    let broken = Err(DecodeReason::Truncated);
    assert_eq!(
        found,
        [Ok("good".into()), broken.clone(), Ok("good".into()), broken]
    );
    let error = SpanIter::new(&bytes).nth(1).unwrap().unwrap_err();
    assert_eq!(error.offset, good.len() + 4);
}

#[test]
fn values_are_shown_like_json() {
    let pair = |key: &str, value: Vec<u8>| {
        [bytes_field(1, key.as_bytes()), bytes_field(2, &value)].concat()
    };
    let values: [(Vec<u8>, &str); 8] = [
        (bytes_field(1, b"a \"b\""), "a \"b\""),
        (b"\x10\x01".to_vec(), "true"),
        (b"\x18\x07".to_vec(), "7"),
        (field(4, 1, &0.5_f64.to_le_bytes()), "0.5"),
        (bytes_field(7, b"foo"), "\"Zm9v\""),
        (Vec::new(), "null"),
        (
            bytes_field(
                5,
                &[
                    bytes_field(1, b"\x18\x01"),
                    bytes_field(1, &bytes_field(1, b"a\"\n")),
                ]
                .concat(),
            ),
            r#"[1, "a\"\n"]"#,
        ),
        (
            bytes_field(
                6,
                &[
                    bytes_field(1, &pair("x", b"\x18\x01".to_vec())),
                    bytes_field(1, &pair("y", vec![])),
                ]
                .concat(),
            ),
            r#"{"x": 1, "y": null}"#,
        ),
    ];
    for (value, shown) in values {
        let bytes = bytes_field(9, &pair("key", value));
        let view = SpanView::parse(&bytes).unwrap();
        let value = view.attribute("key").unwrap();
        assert_eq!(value.to_string(), shown);
        assert_eq!(value.to_value().to_string(), shown);
        assert_eq!(value.as_str().is_some(), matches!(value, ValueView::Str(_)));
    }
}
