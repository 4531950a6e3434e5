//! 100 MB of spans at once.

use std::thread;

use codomyrmex_core::{FlushResult, WhenFull};

use crate::collector::Collector;
use crate::sdk::{LONG, NOTHING, Sdk, in_time, record};

/// Spans of this many bytes, and so many of them by each of two threads.
const BYTES: usize = 10_000;
const SPANS: usize = 5_000;

/// Two threads at once.
fn flood(sdk: &Sdk) {
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..SPANS / 100 {
                    record(&sdk.tracer, 100, BYTES);
                    sdk.stats_now();
                }
            });
        }
    });
}

#[test]
fn what_finds_no_room_is_counted_and_the_rest_arrives() {
    in_time(|| {
        let mut collector = Collector::new([]);
        let sdk = Sdk::new(collector.receiver.exporter());
        flood(&sdk);
        let _ = sdk.tracer.shutdown_within(LONG);
        let (exported, dropped) = sdk.settled(&mut collector);
        assert!(exported > 0);
        assert_eq!(exported + dropped.queue_full, 2 * SPANS as u64);
    });
}

#[test]
fn who_waits_for_room_loses_nothing() {
    in_time(|| {
        let mut collector = Collector::new([]);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.when_full(WhenFull::Wait(LONG))
        });
        flood(&sdk);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(sdk.settled(&mut collector), (2 * SPANS as u64, NOTHING));
    });
}

#[test]
fn one_span_of_100_mb_is_cut_and_arrives() {
    in_time(|| {
        let mut collector = Collector::new([]);
        let sdk = Sdk::new(collector.receiver.exporter());
        let span = sdk.tracer.span("huge");
        let text = "x".repeat(1 << 20);
        for number in 0..100 {
            span.set_attribute(&format!("text {number}"), &*text);
        }
        span.finish();
        sdk.record(10, 10);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(sdk.settled(&mut collector), (11, NOTHING));
        let stats = sdk.stats();
        assert!(stats.truncated + stats.over_limit > 0, "{stats:?}");
    });
}
