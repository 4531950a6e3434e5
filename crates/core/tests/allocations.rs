//! The hot path allocates nothing once it is warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use codomyrmex_core::{
    FutureExt, HeaderSink, InMemoryExporter, NullExporter, Propagator, Propagators, Sampler,
    SpanContext, SpanId, SpanOptions, TraceContext, TraceId, Tracer,
};

/// Counts each thread's allocations, and the bytes in use by all.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}
static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is the system allocator's; the counters allocate nothing and need no drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        LIVE.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM: usize = 2_000;
const COUNTED: usize = 5_000;

/// Allocations of this thread while `work` runs 5,000 times, after it has run 2,000 times.
fn allocations(mut work: impl FnMut()) -> u64 {
    (0..WARM).for_each(|_| work());
    let before = ALLOCATIONS.with(Cell::get);
    (0..COUNTED).for_each(|_| work());
    ALLOCATIONS.with(Cell::get) - before
}

fn tracer() -> Tracer {
    Tracer::builder("shop")
        .exporter(NullExporter::new())
        .queue_bytes(64 << 20)
        .build()
}

/// Nothing was dropped, so all of it went the way that is measured.
fn check(tracer: &Tracer) {
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(stats.exporters[0].exported, stats.recorded, "{stats}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(Box::new(1))), COUNTED as u64);
}

/// A buffer's chunk that was never used before is an allocation, and when one is needed depends on the drain's thread; so
/// one turn of many has to do without. An allocation of a span would come in each.
fn assert_none(what: &str, mut work: impl FnMut(), tracer: &Tracer) {
    let mut turns = (0..50).map(|_| {
        tracer.flush();
        allocations(&mut work)
    });
    assert!(turns.any(|turn| turn == 0), "{what}: each turn allocates");
    check(tracer);
}

#[test]
fn a_child_span() {
    let tracer = tracer();
    let _parent = tracer.span("parent");
    assert_none("no attributes", || tracer.span("child").finish(), &tracer);
    assert_none(
        "three attributes",
        || {
            let span = tracer.span("child");
            span.set_attribute("http.request.method", "GET")
                .set_attribute("http.response.status_code", 200)
                .set_attribute("cached", true);
        },
        &tracer,
    );
    assert_none(
        "an equal key, an event, a status",
        || {
            let span = tracer.span("child");
            span.set_attribute("n", 1).set_attribute("n", 2);
            span.add_event("retry", &[("attempt", 2.into())]);
            span.set_status(codomyrmex_core::SpanStatus::Ok, "");
        },
        &tracer,
    );
    let text = "x".repeat(1_000);
    assert_none(
        "a long value, a long name",
        || {
            let span = tracer.span(&text[..300]);
            span.set_attribute("text", text.as_str());
        },
        &tracer,
    );
}

#[test]
fn a_root_span_and_a_tree_of_spans() {
    let tracer = tracer();
    assert_none("a root", || tracer.span("root").finish(), &tracer);
    assert_none(
        "a tree",
        || {
            let _root = tracer.span("root");
            for _ in 0..3 {
                let _child = tracer.span("child");
                tracer.span("grandchild").set_attribute("k", 1.5);
            }
        },
        &tracer,
    );
}

#[test]
fn spans_that_end_out_of_order() {
    let tracer = tracer();
    assert_none(
        "out of order",
        || {
            let root = tracer.span("root");
            let child = tracer.span("child");
            let inner = tracer.span("inner");
            drop(child);
            drop(root);
            drop(inner);
        },
        &tracer,
    );
}

#[test]
fn an_unsampled_span() {
    let tracer = Tracer::builder("shop")
        .exporter(NullExporter::new())
        .sampler(Sampler::always_off())
        .build();
    let none = || {
        let root = tracer.span("root");
        root.set_attribute("k", "v")
            .add_event("e", &[("k", 1.into())]);
        tracer
            .span("child")
            .set_attribute("k", format_args!("{}", 1));
        tracer.start_span("moved").finish();
    };
    assert_eq!(allocations(none), 0);
    assert_eq!(tracer.stats().unsampled, 3 * (WARM + COUNTED) as u64);
}

#[test]
fn a_disabled_tracer() {
    let tracer = Tracer::builder("shop")
        .exporter(NullExporter::new())
        .disabled(true)
        .build();
    let none = || {
        tracer
            .span("root")
            .set_attribute("k", format_args!("{}", 1));
        tracer.start_span("moved").set_attribute("k", "v");
    };
    assert_eq!(allocations(none), 0);
}

#[test]
fn a_span_that_can_move() {
    let tracer = tracer();
    let _parent = tracer.span("parent");
    assert_none("start_span", || tracer.start_span("job").finish(), &tracer);
    assert_none(
        "in a scope",
        || {
            let job = tracer.start_span("job");
            job.in_scope(|| tracer.span("step").finish());
        },
        &tracer,
    );
    let remote = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
    assert_none(
        "an explicit parent",
        || {
            tracer
                .start_span_with("serve", SpanOptions::new().parent(&remote))
                .finish()
        },
        &tracer,
    );
}

/// Keeps a header's value where it stands.
struct InPlace([u8; 55]);

impl HeaderSink for InPlace {
    fn set(&mut self, name: &str, value: &str) {
        assert_eq!(name, "traceparent");
        self.0.copy_from_slice(value.as_bytes());
    }
}

#[test]
fn a_traceparent_in_and_out() {
    let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let pairs = [("host", "example.com"), ("TraceParent", value)];
    let propagators = Propagators::default();
    let mut context = SpanContext::INVALID;
    let mut sink = InPlace([0; 55]);
    let there_and_back = || {
        assert!(TraceContext.extract(&mut context, &pairs).found);
        TraceContext.inject(&context, &mut sink);
        assert!(propagators.extract(&mut context, &pairs).found);
        propagators.inject(&context, &mut sink);
        assert!(SpanContext::from_traceparent(value).is_some());
        assert!(context.traceparent().is_some());
    };
    assert_eq!(allocations(there_and_back), 0);
    assert_eq!(&sink.0, value.as_bytes());

    let with_state = [("traceparent", value), ("tracestate", "a=1,b=2")];
    let mut extract = || assert!(TraceContext.extract(&mut context, &with_state).found);
    // The text while it is read, and the result.
    assert!(allocations(&mut extract) <= 2 * COUNTED as u64);
}

/// Is ready at the second poll.
struct Twice(bool);

impl Future for Twice {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[test]
fn a_future_with_a_span() {
    let tracer = tracer();
    assert_none(
        "a future",
        || {
            let work = async {
                Twice(false).await;
                tracer.span("step").finish();
            };
            let mut work = pin!(work.in_span(tracer.start_span("work")));
            let mut context = Context::from_waker(Waker::noop());
            assert!(work.as_mut().poll(&mut context).is_pending());
            assert!(work.as_mut().poll(&mut context).is_ready());
        },
        &tracer,
    );
}

#[test]
fn threads_that_come_and_go_leave_no_memory_behind() {
    // In a process of its own, since other tests' memory would count too.
    alone::passes_alone("threads_that_come_and_go_leave_no_memory_behind", || {
        let null = NullExporter::new();
        let memory = InMemoryExporter::with_capacity(1);
        let encoded = Tracer::builder("shop").exporter(null).build();
        let in_process = Tracer::builder("shop").exporter(memory).build();
        let unsampled = Tracer::builder("shop")
            .sampler(Sampler::always_off())
            .build();
        let threads = |count: usize| {
            for _ in 0..count {
                let foreign = unsampled.start_span("finished on a thread that starts none");
                std::thread::scope(|scope| {
                    let work = scope.spawn(|| {
                        let _outer = encoded.span("outer");
                        let _inner = in_process.span("inner");
                        unsampled.span("none").finish();
                    });
                    work.join().unwrap();
                    let other = scope.spawn(|| drop(foreign));
                    other.join().unwrap();
                });
            }
            encoded.flush();
            in_process.flush();
            LIVE.load(Ordering::Relaxed)
        };
        let after_some = threads(500);
        let after_many = threads(500);
        // What a thread holds is kilobytes: it would be millions of bytes.
        assert!(
            after_many - after_some < 10_000,
            "{after_some} {after_many}"
        );
    });
}

#[test]
fn tracers_that_come_and_go_give_their_buffers_back() {
    alone::passes_alone("tracers_that_come_and_go_give_their_buffers_back", || {
        let tracers = |count: usize| {
            for _ in 0..count {
                let tracer = Tracer::builder("shop")
                    .exporter(NullExporter::new())
                    .queue_bytes(1 << 20)
                    .build();
                for _ in 0..2_000 {
                    tracer.span("a").finish();
                }
                std::thread::scope(|scope| {
                    scope.spawn(|| tracer.span("b").finish()).join().unwrap()
                });
            }
            LIVE.load(Ordering::Relaxed)
        };
        let after_some = tracers(10);
        let after_many = tracers(50);
        // What stays is a few kilobytes a tracer, not its buffers and exporters.
        assert!(
            after_many - after_some < 50 * 8_000,
            "{after_some} {after_many}"
        );
    });
}

mod alone;
