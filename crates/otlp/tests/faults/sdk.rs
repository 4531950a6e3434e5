//! A tracer with the OTLP exporter, and the proof that its books say what happened.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver as Queue, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use codomyrmex_core::{
    Batch, Delivery, Dropped, ExportError, FlushResult, SpanExporter, Stats, Tracer, TracerBuilder,
};
use codomyrmex_otlp::{OtlpExporter, OtlpExporterBuilder};

use crate::collector::{Collector, Got};

/// Longer than any of these tests takes; one that waits longer hangs.
const HANGS: Duration = Duration::from_secs(120);

/// A deadline that no test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// A deadline that comes while something else is still waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// Runs a test, and fails it where it hangs.
pub(crate) fn in_time(test: impl FnOnce() + Send + 'static) {
    let (running, over) = mpsc::channel::<()>();
    let test = thread::spawn(move || {
        let _running = running;
        test();
    });
    let Err(RecvTimeoutError::Disconnected) = over.recv_timeout(HANGS) else {
        panic!("it hangs");
    };
    if let Err(panic) = test.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The exporter, and a word when the SDK has let go of it.
struct Watched {
    exporter: OtlpExporter,
    _alive: Mutex<Sender<()>>,
}

impl SpanExporter for Watched {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        self.exporter.export(batch)
    }

    fn delivery(&self) -> Delivery {
        self.exporter.delivery()
    }

    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn flush(&self) {
        self.exporter.flush();
    }

    fn shutdown(&self) {
        self.exporter.shutdown();
    }

    fn cancel(&self) {
        self.exporter.cancel();
    }
}

pub(crate) struct Sdk {
    pub(crate) tracer: Tracer,
    alive: Mutex<Queue<()>>,
}

impl Sdk {
    pub(crate) fn new(exporter: OtlpExporterBuilder) -> Self {
        Self::with(exporter, |builder| builder)
    }

    pub(crate) fn with(
        exporter: OtlpExporterBuilder,
        options: impl FnOnce(TracerBuilder) -> TracerBuilder,
    ) -> Self {
        let (send, alive) = mpsc::channel();
        let watched = Watched {
            exporter: exporter.build().unwrap(),
            _alive: Mutex::new(send),
        };
        // Only a flush, or a full buffer, sends anything.
        let builder = Tracer::builder("shop").flush_interval(Duration::from_secs(3600));
        Self {
            tracer: options(builder.exporter(watched)).build(),
            alive: Mutex::new(alive),
        }
    }

    /// Records so many spans, with about so many bytes each.
    pub(crate) fn record(&self, spans: usize, bytes: usize) {
        record(&self.tracer, spans, bytes);
    }

    /// The books, which balance. To be read while nothing is recorded.
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.stats_now();
        assert!(stats.balanced(), "{stats}");
        stats
    }

    /// The books at any moment, of buffers within their limit.
    pub(crate) fn stats_now(&self) -> Stats {
        let stats = self.tracer.stats();
        assert!(
            stats.queue_bytes <= stats.queue_limit,
            "{}",
            stats.queue_bytes
        );
        stats
    }

    /// A shutdown with a deadline that comes too early for so many spans. Whether it still hears of the exporter's giving up
    /// makes no difference to the books.
    pub(crate) fn shut_down_too_early(&self, lost: u64) {
        let result = self.tracer.shutdown_within(SHORT);
        let expected = [
            FlushResult::TimedOut { left: lost },
            FlushResult::Failed { lost },
        ];
        assert!(expected.contains(&result), "{result:?}");
        self.await_end();
    }

    /// How many spans are lost, which are all. An exporter that has no time for another attempt before the deadline says so at
    /// once, and that is a failed export; in an attempt it is interrupted, and that is the shutdown's.
    pub(crate) fn all_lost(&self) -> u64 {
        let (exported, dropped) = self.counted();
        assert_eq!(exported, 0);
        assert_eq!(dropped.total(), dropped.export_failed + dropped.shutdown);
        dropped.total()
    }

    /// Waits until the SDK has let go of the exporter, after a shutdown that waited no longer for it.
    pub(crate) fn await_end(&self) {
        assert!(self.alive.lock().unwrap().recv().is_err());
    }

    /// The spans exported and those lost, once nothing is under way: each is one or the other, and the collector took what
    /// is exported, nothing twice.
    pub(crate) fn settled(&self, collector: &mut Collector) -> (u64, Dropped) {
        let (got, exported, dropped) = self.compared(collector);
        assert_eq!(got.taken.len() as u64, exported, "{dropped:?}");
        (exported, dropped)
    }

    /// As [`settled`](Self::settled), where what the collector took may be more than the exporter knows.
    pub(crate) fn compared(&self, collector: &mut Collector) -> (Got, u64, Dropped) {
        let (exported, dropped) = self.counted();
        let got = collector.got();
        assert_eq!(got.twice, 0);
        (got, exported, dropped)
    }

    /// The spans exported and those lost, once nothing is under way.
    pub(crate) fn counted(&self) -> (u64, Dropped) {
        let stats = self.stats();
        let row = &stats.exporters[0];
        assert_eq!(row.queued, 0, "{stats}");
        assert_eq!(row.exported + row.dropped.total(), stats.started, "{stats}");
        (row.exported, row.dropped)
    }
}

/// Records so many spans, with about so many bytes each.
pub(crate) fn record(tracer: &Tracer, spans: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    for _ in 0..spans {
        let span = tracer.span("work");
        span.set_attribute("text", &*text);
        span.finish();
    }
}

/// Nothing lost.
pub(crate) const NOTHING: Dropped = Dropped {
    queue_full: 0,
    export_failed: 0,
    limit: 0,
    shutdown: 0,
    hook: 0,
};

/// So many lost by an export that failed, nothing else.
pub(crate) fn failed(export_failed: u64) -> Dropped {
    Dropped {
        export_failed,
        ..NOTHING
    }
}

/// So many given up by a shutdown, nothing else.
pub(crate) fn given_up(shutdown: u64) -> Dropped {
    Dropped {
        shutdown,
        ..NOTHING
    }
}
