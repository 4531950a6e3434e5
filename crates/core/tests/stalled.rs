//! Exporters that stall: nobody else waits for them, deadlines hold, and what is lost is counted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use codomyrmex_core::{
    Batch, Delivery, ExportError, FlushResult, NullExporter, SpanExporter, Stats, Tracer,
};

/// A gate that calls come to, and that is opened once.
#[derive(Default)]
struct Gate {
    state: Mutex<(u32, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Comes to the gate and waits until it is open.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |(_, open)| !*open).unwrap());
    }

    fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    /// Waits until somebody has come.
    fn wait_for_one(&self) {
        let state = self.state.lock().unwrap();
        drop(
            self.changed
                .wait_while(state, |(came, _)| *came == 0)
                .unwrap(),
        );
    }
}

/// Where the exporter stalls.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    Export,
    Flush,
    Shutdown,
    Nowhere,
}

/// An exporter that stalls at its gate.
struct Stalls {
    at: At,
    delivery: Delivery,
    /// What an export that has stalled gives.
    fails: bool,
    cancels: bool,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    gate: Gate,
    cancelled: AtomicU32,
    shut_down: AtomicU32,
    spans: AtomicU32,
    deadlines: Mutex<Vec<Option<Instant>>>,
    threads: Mutex<Vec<ThreadId>>,
}

impl Stalls {
    fn new(at: At) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let stalls = Self {
            at,
            delivery: Delivery::Background,
            fails: false,
            cancels: false,
            seen: seen.clone(),
        };
        (stalls, seen)
    }

    fn come(&self, at: At) {
        self.seen
            .threads
            .lock()
            .unwrap()
            .push(std::thread::current().id());
        if self.at == at {
            self.seen.gate.pass();
        }
    }
}

impl SpanExporter for Stalls {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        self.seen.deadlines.lock().unwrap().push(batch.deadline());
        self.come(At::Export);
        if self.fails {
            return Err(ExportError::retryable("given up", None));
        }
        self.seen
            .spans
            .fetch_add(batch.len() as u32, Ordering::SeqCst);
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    fn name(&self) -> &str {
        "stalls"
    }

    fn flush(&self) {
        self.come(At::Flush);
    }

    fn shutdown(&self) {
        self.come(At::Shutdown);
        self.seen.shut_down.fetch_add(1, Ordering::SeqCst);
    }

    fn cancel(&self) {
        self.seen.cancelled.fetch_add(1, Ordering::SeqCst);
        if self.cancels {
            self.seen.gate.open();
        }
    }
}

fn balanced(tracer: &Tracer) -> Stats {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    stats
}

/// Until nothing is on its way any more.
fn settled(tracer: &Tracer) -> Stats {
    loop {
        let stats = balanced(tracer);
        if stats.exporters.iter().all(|row| row.queued == 0) {
            return stats;
        }
        std::thread::yield_now();
    }
}

const SOON: Duration = Duration::from_millis(20);

#[test]
fn a_stalled_exporter_harms_no_other_and_its_queue_is_bounded() {
    const SPANS: u64 = 40_000;
    let (stalls, seen) = Stalls::new(At::Export);
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(stalls)
        .exporter(null.clone())
        .queue_bytes(256 << 10)
        .build();
    tracer.span("first").finish();
    assert!(!tracer.force_flush(SOON).is_done());
    seen.gate.wait_for_one();
    for number in 1..SPANS {
        tracer.span("more").set_attribute("number", number);
        if number % 1000 == 0 {
            // The other one has everything, though this flush is not over for the stalled one.
            let FlushResult::TimedOut { left } = tracer.force_flush(Duration::ZERO) else {
                panic!("the stalled exporter cannot have finished");
            };
            assert!(left > 0);
            let stats = balanced(&tracer);
            assert!(stats.queue_bytes <= stats.queue_limit);
        }
        while tracer.stats().queue_bytes > 100 << 10 {
            std::thread::yield_now();
        }
    }
    while null.spans() < SPANS {
        let _ = tracer.force_flush(Duration::ZERO);
        std::thread::yield_now();
    }
    let stats = balanced(&tracer);
    assert_eq!(stats.exporters[1].exported, SPANS, "{stats}");
    let row = &stats.exporters[0];
    assert_eq!(row.exported, 0);
    assert_eq!(row.queued + row.dropped.queue_full, SPANS, "{stats}");
    // No span is smaller than fifty bytes.
    assert!(row.queued * 50 < (256 + 64) << 10, "{stats}");
    seen.gate.open();
    tracer.flush();
    let stats = settled(&tracer);
    let row = &stats.exporters[0];
    assert_eq!(row.exported + row.dropped.queue_full, SPANS, "{stats}");
    assert_eq!(u64::from(seen.spans.load(Ordering::SeqCst)), row.exported);
}

#[test]
fn at_the_deadline_a_shutdown_cancels_and_counts_what_is_left() {
    let (mut stalls, seen) = Stalls::new(At::Export);
    (stalls.cancels, stalls.fails) = (true, true);
    let tracer = Tracer::builder("shop").exporter(stalls).build();
    tracer.span("in flight").finish();
    assert!(!tracer.force_flush(Duration::ZERO).is_done());
    seen.gate.wait_for_one();
    tracer.span("queued").finish();
    assert_eq!(
        tracer.shutdown_within(SOON),
        FlushResult::TimedOut { left: 2 }
    );
    assert_eq!(seen.cancelled.load(Ordering::SeqCst), 1);
    let stats = settled(&tracer);
    let row = &stats.exporters[0];
    assert_eq!(
        (row.exported, row.dropped.shutdown, row.dropped.total()),
        (0, 2, 2),
        "{stats}"
    );
    // It ends properly, on its own thread.
    while seen.shut_down.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(seen.cancelled.load(Ordering::SeqCst), 1);
}

#[test]
fn an_exporter_that_does_not_mind_being_cancelled_is_left_behind() {
    for at in [At::Export, At::Flush, At::Shutdown] {
        let (stalls, seen) = Stalls::new(at);
        let null = NullExporter::new();
        let tracer = Tracer::builder("shop")
            .exporter(stalls)
            .exporter(null.clone())
            .build();
        tracer.span("a").finish();
        if at == At::Flush {
            assert!(!tracer.force_flush(SOON).is_done());
        }
        let result = tracer.shutdown_within(SOON);
        assert!(!result.is_done(), "{at:?}: {result:?}");
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 1, "{at:?}");
        assert_eq!(null.spans(), 1, "{at:?}");
        balanced(&tracer);
        // Nobody waits for it again: this would never come back.
        assert!(!tracer.shutdown_within(Duration::MAX).is_done());
        seen.gate.open();
        let stats = settled(&tracer);
        assert_eq!(stats.exporters[0].exported, 1, "{at:?}: {stats}");
    }
}

#[test]
fn a_flush_keeps_its_deadline_and_leaves_the_rest_queued() {
    let (stalls, seen) = Stalls::new(At::Export);
    let tracer = Tracer::builder("shop").exporter(stalls).build();
    for _ in 0..5 {
        tracer.span("a").finish();
    }
    assert_eq!(tracer.force_flush(SOON), FlushResult::TimedOut { left: 5 });
    assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0);
    seen.gate.open();
    assert_eq!(tracer.force_flush(Duration::MAX), FlushResult::Done);
    assert_eq!(tracer.shutdown_within(Duration::MAX), FlushResult::Done);
    assert_eq!(tracer.shutdown_within(Duration::ZERO), FlushResult::Done);
    assert_eq!(balanced(&tracer).exporters[0].exported, 5);
}

#[test]
fn a_flush_that_lost_spans_says_how_many() {
    let (mut fails, _) = Stalls::new(At::Nowhere);
    fails.fails = true;
    let tracer = Tracer::builder("shop").exporter(fails).build();
    tracer.span("a").finish();
    tracer.span("b").finish();
    let result = tracer.force_flush(Duration::MAX);
    assert_eq!(result, FlushResult::Failed { lost: 2 });
    assert!(result.is_done() && !result.is_delivered());
    tracer.span("c").finish();
    let result = tracer.shutdown_within(Duration::MAX);
    assert_eq!(result, FlushResult::Failed { lost: 1 });
    assert_eq!(balanced(&tracer).exporters[0].dropped.export_failed, 3);
}

#[test]
fn a_panic_in_cancel_stays_away() {
    struct Spiteful(Stalls);
    impl SpanExporter for Spiteful {
        fn export(&self, batch: &Batch) -> Result<(), ExportError> {
            self.0.export(batch)
        }
        fn delivery(&self) -> Delivery {
            Delivery::Background
        }
        fn cancel(&self) {
            self.0.seen.gate.open();
            std::panic::resume_unwind(Box::new("expected"));
        }
    }
    let (stalls, _seen) = Stalls::new(At::Export);
    let tracer = Tracer::builder("shop").exporter(Spiteful(stalls)).build();
    tracer.span("a").finish();
    assert!(!tracer.shutdown_within(SOON).is_done());
    assert_eq!(settled(&tracer).exporters[0].exported, 1);
}

#[test]
fn threads_that_shut_down_together_wait_for_one_shutdown() {
    for delivery in [Delivery::Background, Delivery::InProcess] {
        let (mut stalls, seen) = Stalls::new(At::Shutdown);
        stalls.delivery = delivery;
        let tracer = Tracer::builder("shop").exporter(stalls).build();
        tracer.span("a").finish();
        let together = Barrier::new(3);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        let result = tracer.shutdown_within(Duration::MAX);
                        assert_eq!(seen.shut_down.load(Ordering::SeqCst), 1);
                        result
                    })
                })
                .collect();
            seen.gate.wait_for_one();
            seen.gate.open();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(results, [FlushResult::Done; 3]);
        assert_eq!(balanced(&tracer).exporters[0].exported, 1);
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_second_shutdown_with_less_patience_cancels() {
    let (mut stalls, seen) = Stalls::new(At::Export);
    stalls.cancels = true;
    let tracer = Tracer::builder("shop").exporter(stalls).build();
    tracer.span("a").finish();
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| tracer.shutdown_within(Duration::MAX));
        seen.gate.wait_for_one();
        assert!(!tracer.shutdown_within(SOON).is_done());
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 1);
        // The export came through in the end; but nobody waits for an exporter that is cancelled.
        let _ = patient.join().unwrap();
    });
    assert_eq!(settled(&tracer).exporters[0].exported, 1);
}

#[test]
fn a_background_exporter_has_a_thread_for_itself_and_is_told_until_when() {
    let (exporter, seen) = Stalls::new(At::Nowhere);
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .export_timeout(Duration::from_secs(1000))
        .build();
    let started = Instant::now();
    tracer.span("a").finish();
    tracer.flush();
    tracer.span("b").finish();
    assert!(
        tracer
            .shutdown_within(Duration::from_secs(100))
            .is_delivered()
    );
    let threads = seen.threads.lock().unwrap();
    // Two exports, two flushes, a shutdown.
    assert_eq!(threads.len(), 5);
    assert!(threads.iter().all(|thread| *thread == threads[0]));
    assert_ne!(threads[0], std::thread::current().id());
    let deadlines: Vec<_> = seen
        .deadlines
        .lock()
        .unwrap()
        .iter()
        .map(|at| at.unwrap())
        .collect();
    assert!(deadlines[0] >= started + Duration::from_secs(1000));
    assert!(
        deadlines[1] < started + Duration::from_secs(1000),
        "a shutdown's deadline comes first"
    );
}

#[test]
fn an_exporter_in_process_is_told_of_no_deadline() {
    let (mut exporter, seen) = Stalls::new(At::Nowhere);
    exporter.delivery = Delivery::InProcess;
    let tracer = Tracer::builder("shop").exporter(exporter).build();
    tracer.span("a").finish();
    tracer.flush();
    assert_eq!(*seen.deadlines.lock().unwrap(), [None]);
}

#[test]
fn a_flush_beside_threads_that_record_more_than_is_taken_ends() {
    let (stalls, seen) = Stalls::new(At::Nowhere);
    let slow = Slow(stalls);
    let tracer = Tracer::builder("shop")
        .exporter(slow)
        .queue_bytes(64 << 10)
        .build();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    tracer.span("more").set_attribute("number", 1);
                }
            });
        }
        while tracer.stats().exporters[0].dropped.queue_full == 0 {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            // It would never end if it went on until the buffers are empty.
            assert!(tracer.force_flush(Duration::MAX).is_done());
        }
        over.store(true, Ordering::Relaxed);
    });
    tracer.shutdown();
    let stats = settled(&tracer);
    assert_eq!(
        u64::from(seen.spans.load(Ordering::SeqCst)),
        stats.exporters[0].exported
    );
}

/// Takes less than a thread records.
struct Slow(Stalls);

impl SpanExporter for Slow {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        (0..batch.len() / 10).for_each(|_| std::thread::yield_now());
        self.0.export(batch)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }
}
