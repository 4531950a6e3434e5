//! The books balance, whatever happens: every span that starts is accounted for, by tracer and by exporter.

mod watched;

use std::collections::HashSet;
use std::sync::{Arc, Barrier, Mutex, mpsc};

use codomyrmex_core::{
    Delivery, Dropped, EndingSpan, InMemoryExporter, NullExporter, SpanContext, SpanHooks, SpanId,
    SpanOptions, Stats, TraceId, Tracer, binding,
};
use watched::{Call, Watched};

/// Runs the threads to their very end; a scope alone does not wait for the destructors of thread-locals.
fn threads<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    count: usize,
    work: impl Fn(usize) + Sync + Send + Copy + 'scope,
) {
    let threads: Vec<_> = (0..count)
        .map(|number| scope.spawn(move || work(number)))
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// The whole books in one line, as `Display` prints them.
fn check(tracer: &Tracer, expected: &str) {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(stats.to_string(), expected);
}

fn balanced(tracer: &Tracer) -> Stats {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert!(
        stats.queue_bytes <= stats.queue_limit,
        "{} bytes",
        stats.queue_bytes
    );
    stats
}

#[test]
fn an_overload_is_dropped_and_counted_and_nothing_else_is_lost() {
    const THREADS: u64 = 4;
    const SPANS: u64 = 5_000;
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let exporter = Watched::new(Delivery::Background).doing(move |_| {
        let _ = may_go_on.lock().unwrap().recv();
        Ok(())
    });
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .queue_bytes(64 << 10)
        .build();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let tracer = &tracer;
            scope.spawn(move || {
                for number in 0..SPANS {
                    let span = tracer.span(&format!("{thread}/{number}"));
                    span.set_attribute("thread", thread)
                        .set_attribute("number", number);
                    drop(span);
                    if number % 500 == 0 {
                        // Nothing is at rest, but no more than the limit is in use.
                        let stats = tracer.stats();
                        assert!(stats.queue_bytes <= stats.queue_limit);
                    }
                }
            });
        }
    });
    let stats = balanced(&tracer);
    assert_eq!(stats.recorded, THREADS * SPANS);
    assert!(stats.exporters[0].dropped.queue_full > 0, "{stats}");
    drop(go_on);
    tracer.flush();
    let stats = balanced(&tracer);
    let row = &stats.exporters[0];
    assert_eq!(row.queued, 0);
    assert_eq!(
        row.exported + row.dropped.queue_full,
        THREADS * SPANS,
        "{stats}"
    );
    assert_eq!(row.dropped.total(), row.dropped.queue_full, "{stats}");
    let names = log.names();
    assert_eq!(names.len() as u64, row.exported);
    assert_eq!(
        names.iter().collect::<HashSet<_>>().len(),
        names.len(),
        "a span came twice"
    );

    // What comes afterwards goes through again.
    tracer.span("afterwards").finish();
    tracer.flush();
    assert_eq!(log.names().last().unwrap(), "afterwards");
}

#[test]
fn threads_that_come_and_go_leave_their_spans_and_nothing_else() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        for round in 0..50 {
            std::thread::scope(|scope| {
                threads(scope, 4, |thread| {
                    tracer.span(&format!("{round}/{thread}")).finish()
                });
            });
        }
        tracer.flush();
        let names: HashSet<_> = log.names().into_iter().collect();
        assert_eq!(names.len(), 200);
        let stats = balanced(&tracer);
        assert_eq!(
            (stats.recorded, stats.exporters[0].exported),
            (200, 200),
            "{stats}"
        );
        assert_eq!(
            stats.queue_bytes, 0,
            "a thread that is gone still holds a buffer"
        );
    }
}

#[test]
fn threads_that_hold_all_buffers_between_them_starve_nobody() {
    const THREADS: usize = 16;
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(null.clone())
        .queue_bytes(256 << 10)
        .build();
    let step = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        threads(scope, THREADS, |_| {
            // More threads than there are buffers, and each has had spans before any other may go on.
            tracer.span("first").finish();
            step.wait();
            for round in 0..40 {
                for _ in 0..25 {
                    tracer.span("more").set_attribute("round", round);
                }
                tracer.flush();
                step.wait();
            }
        });
    });
    tracer.flush();
    let all = (THREADS * (1 + 40 * 25)) as u64;
    check(
        &tracer,
        &format!(
            "started {all} = unsampled 0 + recorded {all} + open 0 + abandoned 0\nnull: exported {all}, dropped 0, queued 0"
        ),
    );
    assert_eq!(null.spans(), all);
    assert_eq!(tracer.stats().queue_bytes, 0);
}

#[test]
fn a_span_may_be_larger_than_a_buffer() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        let lengths = Arc::new(Mutex::new(Vec::new()));
        let exporter = Watched::new(delivery).doing({
            let lengths = lengths.clone();
            move |batch| {
                let mut lengths = lengths.lock().unwrap();
                for span in batch.spans() {
                    lengths.push(span.attribute("text").unwrap().as_str().unwrap().len());
                }
                Ok(())
            }
        });
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .queue_bytes(16 << 20)
            .build();
        let sizes = [100, 10_000, 20_000, 3_000_000, 15_000];
        for size in sizes {
            tracer
                .span("large")
                .set_attribute("text", "x".repeat(size).as_str());
        }
        tracer.flush();
        let mut lengths = lengths.lock().unwrap().clone();
        lengths.sort_unstable();
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        assert_eq!(lengths, sizes);
        let stats = balanced(&tracer);
        assert_eq!((stats.exporters[0].exported, stats.truncated), (5, 0));
    }
}

#[test]
fn a_span_above_four_mebibytes_is_cut_and_counted() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let exporter = Watched::new(delivery).doing({
            let sizes = sizes.clone();
            move |batch| {
                for span in batch.spans() {
                    assert_eq!(span.attribute("first").unwrap().to_string(), "1");
                    assert_eq!(span.attribute("last").is_some(), span.name() == "one value");
                    sizes.lock().unwrap().push(span.bytes().len());
                }
                Ok(())
            }
        });
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .queue_bytes(32 << 20)
            .build();
        let text = "x".repeat(10 << 20);
        let span = tracer.span("one value");
        span.set_attribute("first", 1)
            .set_attribute("text", text.as_str());
        span.set_attribute("text", "short after all")
            .set_attribute("text", text.as_str());
        span.set_attribute("text", 1).set_attribute("last", 2);
        drop(span);
        let span = tracer.span("many values");
        span.set_attribute("first", 1);
        for number in 0..20 {
            span.set_attribute(&format!("text {number}"), text.as_str());
        }
        span.add_event("event", &[("text", text.as_str().into())]);
        span.add_link(
            &SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8])),
            &[("bytes", text.as_bytes().into())],
        );
        drop(span);
        tracer.flush();
        let sizes = sizes.lock().unwrap().clone();
        assert!(sizes[0] < 1000, "{sizes:?}");
        assert!(
            (4 << 20) - 200 < sizes[1] && sizes[1] < (4 << 20) + 4096,
            "{sizes:?}"
        );
        let stats = balanced(&tracer);
        assert!(stats.truncated >= 22, "{}", stats.truncated);
        assert_eq!(stats.exporters[0].exported, 2, "{stats}");
    }
}

#[test]
fn a_value_larger_than_the_buffers_is_cut_until_its_span_fits() {
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(null.clone())
        .queue_bytes(64 << 10)
        .build();
    tracer
        .span("too large")
        .set_attribute("text", "x".repeat(100_000).as_str());
    tracer.span("small").finish();
    tracer.flush();
    check(
        &tracer,
        "started 2 = unsampled 0 + recorded 2 + open 0 + abandoned 0\nnull: exported 2, dropped 0, queued 0",
    );
    assert_eq!(tracer.stats().truncated, 1);
    assert!(null.bytes() < 64 << 10);
}

#[test]
fn spans_that_are_open_at_shutdown_are_dropped_when_they_finish() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        let guard = tracer.span("guard");
        let moved = tracer.start_span("moved");
        let child = tracer.span("child");
        tracer.span("done").finish();
        tracer.shutdown();
        check(
            &tracer,
            "started 4 = unsampled 0 + recorded 1 + open 3 + abandoned 0\nwatched: exported 1, dropped 0, queued 0",
        );
        child.set_attribute("late", 1).add_event("late", &[]);
        drop(child);
        std::thread::spawn(move || drop(moved)).join().unwrap();
        assert!(!tracer.span("too late").is_recording());
        drop(guard);
        check(
            &tracer,
            "started 4 = unsampled 0 + recorded 4 + open 0 + abandoned 0\nwatched: exported 1, dropped 3 shutdown=3, queued 0",
        );
        assert_eq!(log.names(), ["done"]);
    }
}

#[test]
fn spans_may_outlive_their_tracer() {
    let exporter = Watched::new(Delivery::Background);
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop").exporter(exporter).build();
    let outer = tracer.span("outer");
    let moved = tracer.start_span("moved");
    tracer.span("done").finish();
    drop(tracer);
    assert_eq!(log.names(), ["done"]);
    assert_eq!(log.count(&Call::Dropped), 1);
    moved.set_attribute("late", true);
    assert!(outer.is_recording());
    drop(moved);
    drop(outer);
}

#[test]
fn what_a_dead_tracer_leaves_open_never_shows_up_with_another_one() {
    let memory = InMemoryExporter::new();
    for _ in 0..20 {
        let dead = Tracer::builder("dead")
            .exporter(NullExporter::new())
            .build();
        let root = dead.span("root");
        let held: Vec<_> = (0..3).map(|_| dead.start_span("of the dead")).collect();
        dead.shutdown();
        drop(root);
        // Another tracer's first span lets this thread leave the dead one's buffer.
        let null = NullExporter::new();
        let living = Tracer::builder("living")
            .exporter(null.clone())
            .exporter(memory.clone())
            .build();
        let own = living.span("own");
        dead.flush();
        let inner = living.span("inner");
        drop(held);
        drop(inner);
        drop(own);
        living.flush();
        assert_eq!(null.spans(), 2);
        let stats = balanced(&dead);
        assert_eq!(
            (stats.recorded, stats.exporters[0].dropped.shutdown),
            (4, 4),
            "{stats}"
        );
    }
    assert!(memory.spans().iter().all(|span| span.name != "of the dead"));
}

#[test]
fn two_tracers_live_side_by_side_on_the_same_threads() {
    let (shop, stock) = (InMemoryExporter::new(), InMemoryExporter::new());
    let null = NullExporter::new();
    let one = Tracer::builder("shop").exporter(shop.clone()).build();
    let two = Tracer::builder("stock")
        .exporter(stock.clone())
        .exporter(null.clone())
        .build();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let _order = one.span("order");
                    let _reserve = two.span("reserve");
                    one.span("pay").finish();
                }
            });
        }
    });
    one.flush();
    two.flush();
    check(
        &one,
        "started 60 = unsampled 0 + recorded 60 + open 0 + abandoned 0\nin_memory: exported 60, dropped 0, queued 0",
    );
    check(
        &two,
        "started 30 = unsampled 0 + recorded 30 + open 0 + abandoned 0\nin_memory: exported 30, dropped 0, queued 0\nnull: exported 30, dropped 0, queued 0",
    );
    // The current span is the thread's, whosever it is: one trace goes through both.
    let reserve = &stock.spans()[0];
    let trace = shop.get_spans(Some(reserve.context.trace_id));
    let names: Vec<_> = trace.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["pay", "order"]);
    assert_eq!(
        trace[0].context.parent_span_id,
        Some(reserve.context.span_id)
    );
    assert_eq!(
        reserve.context.parent_span_id,
        Some(trace[1].context.span_id)
    );
    one.shutdown();
    two.span("goes on").finish();
    two.flush();
    assert_eq!(null.spans(), 31);
}

#[test]
fn a_disabled_tracer_records_nothing_and_passes_contexts_through() {
    let exporter = Watched::new(Delivery::Background);
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .disabled(true)
        .build();
    {
        let span = tracer.span("nothing");
        span.set_attribute("k", 1).add_event("e", &[]);
        assert!(!span.is_recording());
        assert!(!span.context().is_valid());
        assert!(codomyrmex_core::get_current_span().is_none());
    }
    let mut incoming = SpanContext::from_text("trace123", "span456", None);
    incoming.baggage.insert("user", "ann");
    {
        let span = tracer.span_with("serve", SpanOptions::new().parent(&incoming));
        assert!(!span.is_recording());
        let outgoing = codomyrmex_core::current_context().unwrap();
        assert_eq!(outgoing.trace_id, incoming.trace_id);
        assert_eq!(outgoing.baggage.get("user"), Some("ann"));
        assert!(tracer.span("below").context().trace_id.to_bytes() == [0; 16]);
    }
    drop(tracer.start_span_with("job", SpanOptions::new().root()));
    tracer.flush();
    tracer.shutdown();
    assert_eq!(log.names(), Vec::<String>::new());
    check(
        &tracer,
        "started 0 = unsampled 0 + recorded 0 + open 0 + abandoned 0\nwatched: exported 0, dropped 0, queued 0",
    );
}

struct Discard;

impl SpanHooks for Discard {
    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        if span.name().starts_with("health") {
            span.discard();
        }
    }
}

#[test]
fn what_a_hook_discards_is_dropped_by_hook_for_each_exporter() {
    let memory = InMemoryExporter::new();
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .exporter(null.clone())
        .hooks(Discard)
        .build();
    tracer.span("GET /cart").finish();
    tracer.span("health check").finish();
    tracer.start_span("health check").finish();
    tracer.flush();
    assert_eq!((memory.spans().len(), null.spans()), (1, 1));
    check(
        &tracer,
        "started 3 = unsampled 0 + recorded 3 + open 0 + abandoned 0\nin_memory: exported 1, dropped 2 hook=2, queued 0\nnull: exported 1, dropped 2 hook=2, queued 0",
    );
}

#[test]
fn a_span_may_start_on_one_thread_and_finish_on_another_that_is_gone_already() {
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop").exporter(null.clone()).build();
    for _ in 0..30 {
        let spans = std::thread::scope(|scope| {
            let starter = scope.spawn(|| {
                let _parent = tracer.span("parent");
                (0..5)
                    .map(|_| tracer.start_span("moved"))
                    .collect::<Vec<_>>()
            });
            starter.join().unwrap()
        });
        std::thread::scope(|scope| {
            scope.spawn(|| drop(spans));
        });
    }
    tracer.flush();
    check(
        &tracer,
        "started 180 = unsampled 0 + recorded 180 + open 0 + abandoned 0\nnull: exported 180, dropped 0, queued 0",
    );
    assert_eq!(null.spans(), 180);
}

#[test]
fn spans_that_end_while_their_thread_does_are_not_lost() {
    use std::cell::RefCell;
    thread_local! {
        static EARLY: RefCell<Vec<codomyrmex_core::Span>> = const { RefCell::new(Vec::new()) };
        static LATE: RefCell<Vec<codomyrmex_core::Span>> = const { RefCell::new(Vec::new()) };
    }
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop").exporter(null.clone()).build();
    for _ in 0..20 {
        std::thread::scope(|scope| {
            threads(scope, 1, |_| {
                // Destructors run in some order: one of these comes before the tracer's own, one after it.
                EARLY.with(|spans| spans.borrow_mut().clear());
                let span = tracer.start_span("early");
                EARLY.with(|spans| spans.borrow_mut().push(span));
                let span = tracer.start_span("late");
                LATE.with(|spans| spans.borrow_mut().push(span));
            });
        });
    }
    tracer.flush();
    assert_eq!(null.spans(), 40);
    let stats = balanced(&tracer);
    assert_eq!(stats.open, 0, "{stats}");
    assert_eq!(
        stats.queue_bytes, 0,
        "a thread that is gone still holds a buffer"
    );
}

#[test]
fn the_books_balance_while_exporters_are_at_work() {
    // No span starts or ends, but batches move.
    for delivery in [Delivery::Background, Delivery::InProcess] {
        for _ in 0..50 {
            let tracer = Tracer::builder("shop")
                .exporter(Watched::new(delivery))
                .batch_size(1000)
                .build();
            for _ in 0..200 {
                tracer.span("a").finish();
            }
            std::thread::scope(|scope| {
                let flusher = scope.spawn(|| tracer.flush());
                while !flusher.is_finished() {
                    let stats = balanced(&tracer);
                    assert_eq!(stats.recorded, 200, "{stats}");
                }
            });
        }
    }
}

#[test]
fn a_shutdown_beside_threads_at_work_loses_nothing_silently() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        for _ in 0..30 {
            let tracer = Tracer::builder("shop")
                .exporter(Watched::new(delivery))
                .build();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while tracer.stats().started < 1000 {
                        std::thread::yield_now();
                    }
                    tracer.shutdown();
                });
                threads(scope, 2, |_| {
                    while tracer.is_enabled() {
                        let _root = tracer.span("root");
                        tracer.span("child").finish();
                    }
                });
            });
            let stats = balanced(&tracer);
            let row = &stats.exporters[0];
            assert_eq!((stats.open, row.queued), (0, 0), "{stats}");
            let Dropped {
                queue_full,
                shutdown,
                ..
            } = row.dropped;
            assert_eq!(
                row.exported + queue_full + shutdown,
                stats.recorded,
                "{stats}"
            );
            assert_eq!(stats.queue_bytes, 0);
        }
    }
}

#[test]
fn a_binding_counts_what_it_gives_up_and_what_comes_after_the_end() {
    let tracer = Tracer::builder("shop")
        .exporter(NullExporter::new())
        .build();
    let begun = binding::begin(&tracer, None).unwrap();
    assert!(begun.sampled);
    binding::count_abandoned(&tracer);
    binding::count_ignored(&tracer);
    check(
        &tracer,
        "started 1 = unsampled 0 + recorded 0 + open 0 + abandoned 1\nnull: exported 0, dropped 0, queued 0",
    );
    assert_eq!(tracer.stats().ignored_after_finish, 1);
}
