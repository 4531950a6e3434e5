//! Threads that record numbered spans, and what one sees of it meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use codomyrmex_core::Tracer;

use crate::comparison::Comparison;
use crate::faulty::Faulty;
use crate::memory::resident;

const THREADS: usize = 4;
/// Spans that a thread records before it pauses.
const BURST: u64 = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// How long the shutdown may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// The name of the attribute that numbers a span.
pub(crate) const NUMBER: &str = "number";

pub(crate) struct Load {
    tracer: Tracer,
    stop: Arc<AtomicBool>,
    peak: AtomicU64,
    began: Instant,
    at_first: u64,
    /// Each gives the longest time that a burst took.
    threads: Vec<JoinHandle<Duration>>,
}

impl Load {
    pub(crate) fn start(tracer: &Tracer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(0));
        let threads = (0..THREADS)
            .map(|_| {
                let (tracer, stop, next) = (tracer.clone(), stop.clone(), next.clone());
                thread::spawn(move || {
                    let mut longest = Duration::ZERO;
                    while !stop.load(Ordering::Relaxed) {
                        let first = next.fetch_add(BURST, Ordering::Relaxed);
                        let began = Instant::now();
                        record(&tracer, first);
                        longest = longest.max(began.elapsed());
                        thread::sleep(PAUSE);
                    }
                    longest
                })
            })
            .collect();
        Self {
            tracer: tracer.clone(),
            stop,
            peak: AtomicU64::new(0),
            began: Instant::now(),
            at_first: resident(),
            threads,
        }
    }

    /// Says how it goes for so long.
    pub(crate) fn watch(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut said = Instant::now();
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(100));
            let memory = resident();
            self.peak.fetch_max(memory, Ordering::Relaxed);
            if said.elapsed() >= (time / 10).max(Duration::from_secs(1)) {
                said = Instant::now();
                let stats = self.tracer.stats();
                let row = &stats.exporters[0];
                println!(
                    "  {:4} s  recorded {:8}  exported {:8}  queue_full {:8}  export_failed {:6}  waiting {:6}  {memory} MiB",
                    self.began.elapsed().as_secs(),
                    stats.recorded,
                    row.exported,
                    row.dropped.queue_full,
                    row.dropped.export_failed,
                    row.queued,
                );
            }
        }
    }

    /// Ends the load and the tracer, and compares its books with what arrived.
    pub(crate) fn end(self, name: &'static str, tracer: Tracer, faulty: &Faulty) -> Comparison {
        self.stop.store(true, Ordering::Relaxed);
        let bursts = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap());
        let longest_burst = bursts.max().unwrap_or_default();
        let began = Instant::now();
        let result = tracer.shutdown_within(DEADLINE);
        let shutdown = began.elapsed();
        println!("  shut down in {shutdown:.1?}: {result:?}");
        faulty.await_silence();
        Comparison {
            name,
            stats: tracer.stats(),
            arrived: faulty.arrived(),
            longest_burst,
            late: shutdown.saturating_sub(DEADLINE),
            memory_at_first: self.at_first,
            memory_at_most: self.peak.into_inner().max(resident()),
        }
    }
}

fn record(tracer: &Tracer, first: u64) {
    for number in first..first + BURST {
        let span = tracer.span("work");
        span.set_attribute(NUMBER, number as i64);
        span.finish();
    }
}
