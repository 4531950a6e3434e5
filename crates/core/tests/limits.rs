//! Limits: what is over them is dropped or cut, counted in the span and in the books, and everything else stays.

mod watched;

use std::sync::{Arc, Mutex};

use codomyrmex_core::{
    Delivery, FinishedSpan, InMemoryExporter, Limits, SpanContext, SpanId, Stats, TraceId, Tracer,
    Value, binding,
};
use codomyrmex_wire::{SpanHead, SpanTail};
use watched::Watched;

/// One span under these limits, and the counts that go along in its bytes (attributes, events, links).
fn recorded(
    limits: Limits,
    record: impl FnOnce(&codomyrmex_core::SpanGuard),
) -> (FinishedSpan, (u32, u32, u32), Stats) {
    let memory = InMemoryExporter::new();
    let counts = Arc::new(Mutex::new((0, 0, 0)));
    let encoded = Watched::new(Delivery::Background).doing({
        let counts = counts.clone();
        move |batch| {
            for span in batch.spans() {
                *counts.lock().unwrap() = (
                    span.dropped_attributes(),
                    span.dropped_events(),
                    span.dropped_links(),
                );
            }
            Ok(())
        }
    });
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .exporter(encoded)
        .limits(limits)
        .build();
    let span = tracer.span("a");
    record(&span);
    drop(span);
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    let counts = *counts.lock().unwrap();
    (memory.spans().pop().unwrap(), counts, stats)
}

fn link() -> SpanContext {
    SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]))
}

fn keys(pairs: &[(String, Value)]) -> Vec<&str> {
    pairs.iter().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn the_first_attributes_stay_and_equal_keys_count_once() {
    let limits = Limits {
        attributes: 3,
        ..Limits::default()
    };
    let (span, dropped, stats) = recorded(limits, |span| {
        span.set_attribute("a", 1)
            .set_attribute("b", 2)
            .set_attribute("a", 3);
        span.set_attribute("c", 4)
            .set_attribute("d", 5)
            .set_attribute("e", 6);
        span.set_attribute("b", "changed");
    });
    assert_eq!(keys(&span.attributes), ["a", "c", "b"]);
    assert_eq!(span.attribute("a"), Some(&Value::Int(3)));
    assert_eq!(span.attribute("b").unwrap().as_str(), Some("changed"));
    assert_eq!((dropped, stats.over_limit), ((2, 0, 0), 2));
}

#[test]
fn the_default_is_128_of_everything() {
    let (span, dropped, stats) = recorded(Limits::default(), |span| {
        for number in 0..130 {
            let key = format!("k{number}");
            span.set_attribute(&key, number);
            span.add_event(&key, &[]);
            span.add_link(&link(), &[]);
        }
        let many: Vec<_> = (0..130).map(|n| format!("k{n}")).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), 1.into())).collect();
        span.add_link(&link(), &many);
    });
    assert_eq!(
        (span.attributes.len(), span.events.len(), span.links.len()),
        (128, 128, 128)
    );
    assert_eq!((dropped, stats.over_limit), ((2, 2, 3), 7));
    let (span, dropped, _) = recorded(Limits::default(), |span| {
        let many: Vec<_> = (0..130).map(|n| format!("k{n}")).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), 1.into())).collect();
        span.add_event("e", &many).add_link(&link(), &many);
    });
    assert_eq!(
        (
            span.events[0].attributes.len(),
            span.links[0].attributes.len()
        ),
        (128, 128)
    );
    assert_eq!(
        dropped,
        (0, 0, 0),
        "these are counted in the event and in the link"
    );
}

#[test]
fn limits_of_events_and_links_hold_for_each_of_them() {
    let limits = Limits {
        attributes_per_event: 1,
        attributes_per_link: 2,
        events: 2,
        links: 1,
        ..Limits::default()
    };
    let three = [("a", 1.into()), ("b", 2.into()), ("c", 3.into())];
    let (span, dropped, stats) = recorded(limits, |span| {
        for _ in 0..3 {
            span.add_event("e", &three).add_link(&link(), &three);
        }
    });
    assert_eq!((span.events.len(), span.links.len()), (2, 1));
    assert_eq!(keys(&span.events[1].attributes), ["a"]);
    assert_eq!(keys(&span.links[0].attributes), ["a", "b"]);
    assert_eq!(dropped, (0, 1, 2));
    assert!(stats.over_limit >= 6, "{}", stats.over_limit);
}

#[test]
fn a_limit_of_zero_leaves_nothing() {
    let limits = Limits {
        attributes: 0,
        events: 0,
        links: 0,
        ..Limits::default()
    };
    let (span, dropped, _) = recorded(limits, |span| {
        span.set_attribute("a", 1)
            .add_event("e", &[])
            .add_link(&link(), &[]);
    });
    assert!(span.attributes.is_empty() && span.events.is_empty() && span.links.is_empty());
    assert_eq!(dropped, (1, 1, 1));
}

#[test]
fn values_are_cut_at_a_characters_boundary_and_counted() {
    for length in [0, 1, 3, 5] {
        let limits = Limits {
            attribute_value_length: Some(length),
            ..Limits::default()
        };
        let length = length as usize;
        let (span, _, stats) = recorded(limits, |span| {
            span.set_attribute("text", "äöü𝄞x")
                .set_attribute("number", 123_456_789);
            span.set_attribute("texts", &["äöü𝄞x", "a"][..]);
            span.set_attribute(
                "tree",
                &Value::Map(vec![("k".into(), Value::from("äöü𝄞x"))]),
            );
            span.add_event("an event's name is not cut", &[("text", "äöü𝄞x".into())]);
        });
        let cut: String = "äöü𝄞x".chars().take(length).collect();
        assert_eq!(span.attribute("text").unwrap().as_str(), Some(cut.as_str()));
        assert_eq!(span.attribute("number"), Some(&Value::Int(123_456_789)));
        let Some(Value::Array(texts)) = span.attribute("texts") else {
            panic!()
        };
        assert_eq!(texts[0].as_str(), Some(cut.as_str()));
        let Some(Value::Map(tree)) = span.attribute("tree") else {
            panic!()
        };
        assert_eq!(tree[0].1.as_str(), Some(cut.as_str()));
        assert_eq!(span.events[0].name, "an event's name is not cut");
        assert_eq!(span.events[0].attributes[0].1.as_str(), Some(cut.as_str()));
        let cuts = if length == 5 { 0 } else { 4 };
        assert_eq!(stats.truncated, cuts, "{length}");
    }
}

#[test]
fn names_of_events_and_spans_are_whole() {
    let limits = Limits {
        attribute_value_length: Some(2),
        ..Limits::default()
    };
    let (span, ..) = recorded(limits, |span| {
        span.update_name("a long name")
            .set_status(codomyrmex_core::SpanStatus::Error, "a message");
    });
    assert_eq!(
        (span.name.as_str(), span.status_message.as_str()),
        ("a long name", "a message")
    );
}

#[test]
fn limits_hold_the_same_whichever_way_attributes_come() {
    // Short attributes take another way into the bytes than long ones; the limit counts both together.
    for first_long in [0, 5, 10] {
        let limits = Limits {
            attributes: 20,
            ..Limits::default()
        };
        let long = "x".repeat(300);
        let (span, dropped, _) = recorded(limits, |span| {
            for number in 0..30 {
                let key = format!("key.number.{number}");
                if number % 10 < first_long {
                    span.set_attribute(&key, long.as_str());
                } else {
                    span.set_attribute(&key, number);
                }
            }
        });
        assert_eq!((span.attributes.len(), dropped.0), (20, 10));
        let expected: Vec<_> = (0..20).map(|n| format!("key.number.{n}")).collect();
        assert_eq!(keys(&span.attributes), expected);
    }
}

#[test]
fn what_a_binding_dropped_itself_goes_along_with_what_the_body_dropped() {
    let counts = Arc::new(Mutex::new((0, 0, 0)));
    let encoded = Watched::new(Delivery::Background).doing({
        let counts = counts.clone();
        move |batch| {
            for span in batch.spans() {
                *counts.lock().unwrap() = (
                    span.dropped_attributes(),
                    span.dropped_events(),
                    span.dropped_links(),
                );
            }
            Ok(())
        }
    });
    let limits = Limits {
        attributes: 1,
        ..Limits::default()
    };
    let tracer = Tracer::builder("shop")
        .exporter(encoded)
        .limits(limits)
        .build();
    let begun = binding::begin(&tracer, None).unwrap();
    let rules = binding::rules(&tracer);
    let mut body = binding::SpanBody::new();
    body.adopt(rules);
    body.start("a");
    body.set(rules, "kept", 1.into());
    body.set(rules, "over", 2.into());
    let head = SpanHead {
        trace_id: begun.trace_id,
        span_id: begun.span_id,
        parent_span_id: 0,
        kind: 1,
        status: 0,
        flags: begun.flags,
        start_ns: 1,
        end_ns: 2,
    };
    let tail = SpanTail {
        dropped_attributes: 10,
        dropped_events: 20,
        dropped_links: 30,
        ..SpanTail::default()
    };
    rules.count_over_limit(60);
    assert!(binding::emit(&tracer, &head, &body, &tail));
    tracer.flush();
    assert_eq!(*counts.lock().unwrap(), (11, 20, 30));
    assert_eq!(tracer.stats().over_limit, 61);
}
