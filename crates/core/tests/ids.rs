//! Where ids come from.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use codomyrmex_core::{IdGenerator, InMemoryExporter, SpanId, TraceId, Tracer};

fn tracer() -> (Tracer, InMemoryExporter) {
    let memory = InMemoryExporter::with_capacity(1_000_000);
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .queue_bytes(64 << 20)
        .build();
    (tracer, memory)
}

#[test]
fn ids_are_valid_and_differ_on_all_threads() {
    const THREADS: usize = 16;
    const TRACES: usize = 500;
    let (tracer, memory) = tracer();
    for _ in 0..2 {
        // New threads, which may get the memory of those before.
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TRACES {
                        let _root = tracer.span("root");
                        tracer.span("child").finish();
                        tracer.start_span("moved").finish();
                    }
                });
            }
        });
    }
    tracer.flush();
    let spans = memory.spans();
    assert_eq!(spans.len(), 2 * THREADS * TRACES * 3);
    let span_ids: HashSet<_> = spans.iter().map(|span| span.context.span_id).collect();
    let trace_ids: HashSet<_> = spans.iter().map(|span| span.context.trace_id).collect();
    assert_eq!(
        (span_ids.len(), trace_ids.len()),
        (spans.len(), 2 * THREADS * TRACES)
    );
    assert!(
        spans
            .iter()
            .all(|span| span.context.is_valid() && span.context.random_trace_id())
    );
    // Each bit of an id is set in about half of them: six standard deviations to each side.
    let count = spans.len() as f64;
    let slack = 3.0 * count.sqrt();
    for bit in 0..64 {
        let set = spans
            .iter()
            .filter(|span| span.context.span_id.to_word() >> bit & 1 == 1)
            .count();
        assert!(
            (set as f64 - count / 2.0).abs() < slack,
            "bit {bit}: {set} of {count}"
        );
    }
}

/// 1, 2, 3…
#[derive(Default)]
struct Counting {
    traces: AtomicU64,
    spans: AtomicU64,
}

impl IdGenerator for Counting {
    fn trace_id(&self) -> TraceId {
        let number = self.traces.fetch_add(1, Ordering::Relaxed) + 1;
        TraceId::from_bytes(u128::from(number).to_be_bytes())
    }

    fn span_id(&self) -> SpanId {
        SpanId::from_bytes((self.spans.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes())
    }
}

#[test]
fn a_generator_of_ones_own_is_asked_for_every_span_and_for_new_traces_only() {
    let memory = InMemoryExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .id_generator(Counting::default())
        .build();
    {
        let root = tracer.span("root");
        assert_eq!(
            root.trace_id().to_string(),
            "00000000000000000000000000000001"
        );
        let child = tracer.span("child");
        assert_eq!(child.span_id().to_string(), "0000000000000002");
        assert!(
            !child.context().random_trace_id(),
            "nobody knows whether they are random"
        );
    }
    tracer.start_span("next").finish();
    tracer.flush();
    let ids: Vec<_> = memory
        .spans()
        .iter()
        .map(|span| {
            (
                span.context.trace_id.to_bytes()[15],
                span.context.span_id.to_bytes()[7],
            )
        })
        .collect();
    assert_eq!(ids, [(1, 2), (1, 1), (2, 3)]);
}

struct Zero;

impl IdGenerator for Zero {
    fn trace_id(&self) -> TraceId {
        TraceId::INVALID
    }

    fn span_id(&self) -> SpanId {
        SpanId::INVALID
    }
}

struct Panics;

impl IdGenerator for Panics {
    fn trace_id(&self) -> TraceId {
        std::panic::resume_unwind(Box::new("expected"))
    }

    fn span_id(&self) -> SpanId {
        std::panic::resume_unwind(Box::new("expected"))
    }
}

#[test]
fn where_a_generator_fails_a_random_id_stands_in() {
    for tracer in [
        Tracer::builder("zero")
            .id_generator(Zero)
            .exporter(InMemoryExporter::new())
            .build(),
        Tracer::builder("panics")
            .id_generator(Panics)
            .exporter(InMemoryExporter::new())
            .build(),
    ] {
        let ids: HashSet<_> = (0..20)
            .map(|_| {
                let root = tracer.span("root");
                let child = tracer.span("child");
                assert!(root.context().is_valid() && child.context().is_valid());
                (root.trace_id(), root.span_id(), child.span_id())
            })
            .collect();
        assert_eq!(ids.len(), 20);
        let stats = tracer.stats();
        assert!(stats.balanced() && stats.recorded == 40, "{stats}");
    }
}
