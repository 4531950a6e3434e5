//! A thousand threads, coming and going.

use std::thread;

use codomyrmex_core::FlushResult;

use crate::collector::{Collector, refuses, refuses_with, success};
use crate::receiver::Answer;
use crate::sdk::{LONG, NOTHING, Sdk, in_time, record};

const THREADS: usize = 1000;
const AT_ONCE: usize = 64;
const SPANS: usize = 10;

/// Each thread records its spans and ends.
fn waves(sdk: &Sdk) {
    let threads: Vec<usize> = (0..THREADS).collect();
    for wave in threads.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for _ in wave {
                scope.spawn(|| record(&sdk.tracer, SPANS, 10));
            }
        });
        sdk.stats();
    }
}

#[test]
fn the_spans_of_threads_that_ended_arrive() {
    in_time(|| {
        let mut collector = Collector::new([]);
        let sdk = Sdk::new(collector.receiver.exporter());
        waves(&sdk);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(
            sdk.settled(&mut collector),
            ((THREADS * SPANS) as u64, NOTHING)
        );
    });
}

#[test]
fn faults_meanwhile_lose_none_of_them() {
    in_time(|| {
        let script = (0..1000).map(|number| match number % 5 {
            0 => refuses(Answer::Break),
            2 => refuses_with(503, ""),
            3 => refuses_with(429, "retry-after: 0\r\n"),
            _ => success(),
        });
        let mut collector = Collector::new(script);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.max_export_batch_size(100)
        });
        waves(&sdk);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(
            sdk.settled(&mut collector),
            ((THREADS * SPANS) as u64, NOTHING)
        );
    });
}
