//! Times of spans and events: the clock's, and the caller's own.

mod watched;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use codomyrmex_core::{Delivery, FinishedSpan, InMemoryExporter, SpanOptions, Tracer};
use watched::Watched;

fn tracer() -> (Tracer, InMemoryExporter) {
    let memory = InMemoryExporter::with_capacity(100_000);
    let tracer = Tracer::builder("shop").exporter(memory.clone()).build();
    (tracer, memory)
}

fn ns(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn times_of_ones_own_come_through_exactly() {
    let (tracer, memory) = tracer();
    let start = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let event = start + Duration::from_nanos(1);
    let end = start + Duration::new(3_600, 1);
    tracer
        .span_with("guard", SpanOptions::new().start_time(start))
        .add_event_at("e", event, &[]);
    let span = tracer.start_span_with("both", SpanOptions::new().start_time_ns(7));
    span.add_event_at("e", event, &[]);
    span.finish_at(end);
    tracer
        .span_with("guard, both", SpanOptions::new().start_time(start))
        .finish_at(end);
    let before = ns(SystemTime::now());
    tracer.span("only the end").finish_at(end);
    tracer.flush();
    let spans = memory.spans();
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let times = |name: &str| (find(name).start_ns, find(name).end_ns);
    assert_eq!(times("both"), (7, ns(end)));
    assert_eq!(times("guard, both"), (ns(start), ns(end)));
    assert_eq!(find("guard").start_ns, ns(start));
    assert!(find("guard").end_ns >= before - 1_000_000);
    assert_eq!(find("only the end").end_ns, ns(end));
    assert!(find("only the end").start_ns >= before - 1_000_000);
    for name in ["guard", "both"] {
        assert_eq!(find(name).events[0].time_ns, ns(event), "{name}");
    }
}

#[test]
fn times_out_of_range_become_the_nearest() {
    let (tracer, memory) = tracer();
    let early = UNIX_EPOCH - Duration::from_secs(1);
    let late = UNIX_EPOCH + Duration::from_secs(600 * 365 * 24 * 3600);
    let span = tracer.start_span_with("a", SpanOptions::new().start_time(early));
    span.add_event_at("early", early, &[])
        .add_event_at("late", late, &[]);
    span.finish_at(late);
    // An end before the start is the caller's own.
    tracer
        .start_span_with("b", SpanOptions::new().start_time_ns(100))
        .finish_at(early);
    tracer.flush();
    let spans = memory.spans();
    assert_eq!((spans[0].start_ns, spans[0].end_ns), (0, u64::MAX));
    assert_eq!(spans[0].events[0].time_ns, 0);
    assert_eq!(spans[0].events[1].time_ns, u64::MAX);
    assert_eq!((spans[1].start_ns, spans[1].end_ns), (100, 0));
    assert!(spans[1].duration_ms() < 0.0);
    assert!(!memory.tree().is_empty() && !spans[1].to_json().is_empty());
}

/// The clocks are read one after the other, and their common reading is good to some hundred nanoseconds.
const SLACK_NS: u64 = 50_000;

#[test]
fn spans_lie_between_the_system_clocks_readings_around_them() {
    let (tracer, memory) = tracer();
    let mut around = Vec::new();
    for _ in 0..2_000 {
        let before = ns(SystemTime::now());
        tracer.span("a").add_event("e", &[]);
        around.push((before, ns(SystemTime::now())));
    }
    tracer.flush();
    for (span, (before, after)) in memory.spans().iter().zip(around) {
        let times = [span.start_ns, span.events[0].time_ns, span.end_ns];
        assert!(times.is_sorted(), "{times:?}");
        assert!(
            before - SLACK_NS <= times[0] && times[2] <= after + SLACK_NS,
            "{before} {times:?} {after}"
        );
    }
}

/// How far a child sticks out of its parent, nanoseconds.
fn overhang(parent: &FinishedSpan, child: &FinishedSpan) -> u64 {
    parent
        .start_ns
        .saturating_sub(child.start_ns)
        .max(child.end_ns.saturating_sub(parent.end_ns))
}

#[test]
fn children_lie_inside_their_parents() {
    let (tracer, memory) = tracer();
    for _ in 0..3_000 {
        let _outer = tracer.span("outer");
        let _middle = tracer.span("middle");
        tracer.span("inner").finish();
    }
    tracer.flush();
    let spans = memory.spans();
    for three in spans.chunks(3) {
        let [inner, middle, outer] = three else {
            panic!()
        };
        for (parent, child) in [(outer, middle), (middle, inner)] {
            assert_eq!(child.context.parent_span_id, Some(parent.context.span_id));
            // They may be converted under two readings of the system's clock.
            assert!(overhang(parent, child) < 1_000, "{parent:?} {child:?}");
        }
    }
}

#[test]
fn both_ways_to_finish_tell_the_same_time() {
    let memory = InMemoryExporter::with_capacity(100_000);
    let encoded = Arc::new(Mutex::new(Vec::new()));
    let exporter = Watched::new(Delivery::Background).doing({
        let encoded = encoded.clone();
        move |batch| {
            encoded
                .lock()
                .unwrap()
                .extend(batch.spans().map(|span| (span.start_ns(), span.end_ns())));
            Ok(())
        }
    });
    let short = Tracer::builder("short").exporter(exporter).build();
    let long = Tracer::builder("long").exporter(memory.clone()).build();
    for _ in 0..2_000 {
        let _outer = long.span("outer");
        short.span("inner").finish();
    }
    short.flush();
    long.flush();
    let outer = memory.spans();
    for (outer, inner) in outer.iter().zip(encoded.lock().unwrap().iter()) {
        assert!(
            outer.start_ns <= inner.0 + 1_000 && inner.1 <= outer.end_ns + 1_000,
            "{outer:?} {inner:?}"
        );
        assert!(inner.0 <= inner.1);
    }
}
