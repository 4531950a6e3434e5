//! The tracer: starts spans, and is asked for the books.

use std::sync::Arc;
use std::time::Duration;

use crate::builder::TracerBuilder;
use crate::clock;
use crate::options::SpanOptions;
use crate::pipeline::Pipeline;
use crate::resource::Resource;
use crate::span::{Span, SpanGuard};
use crate::start::{enter, start, start_current, start_with};
use crate::stats::Stats;

/// How long a tracer whose last handle is dropped waits for its exporters.
const PARTING: Duration = Duration::from_secs(5);
/// How long [`Tracer::flush`] and [`Tracer::shutdown`] wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts spans of one service and takes them to its exporters.
///
/// A tracer is a value: any number live side by side, and clones are the same tracer. It may be used by all threads.
/// When its last clone is dropped it is shut down.
///
/// ```
/// use codomyrmex_core::{InMemoryExporter, Tracer};
/// let exporter = InMemoryExporter::new();
/// let tracer = Tracer::builder("shop").exporter(exporter.clone()).build();
/// {
///     let checkout = tracer.span("checkout");
///     checkout.set_attribute("items", 3);
///     tracer.span("charge").finish();
/// }
/// tracer.flush();
/// assert_eq!(exporter.tree(), "checkout\n╰─ charge\n");
/// ```
#[derive(Clone, Debug)]
pub struct Tracer {
    pipeline: &'static Pipeline,
    _owner: Arc<Owner>,
}

/// Shuts the pipeline down with the last handle.
#[derive(Debug)]
struct Owner(&'static Pipeline);

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.shut_down(clock::deadline(PARTING));
    }
}

/// What became of a flush or a shutdown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum FlushResult {
    /// Everything that had finished is exported.
    Done,
    /// Nothing waits any more, but so many spans were dropped meanwhile: an exporter failed, or had no room. A span that
    /// several exporters lost counts for each. [`Tracer::stats`] has the reasons.
    Failed {
        /// Spans dropped.
        lost: u64,
    },
    /// The deadline came first, or the call was made from inside an exporter.
    TimedOut {
        /// Spans that still wait after a flush, or that a shutdown gave up. One that several exporters did not get counts for
        /// each.
        left: u64,
    },
}

impl FlushResult {
    /// Whether everything is settled: nothing waits any more.
    pub fn is_done(self) -> bool {
        !matches!(self, Self::TimedOut { .. })
    }

    /// Whether every exporter took everything.
    pub fn is_delivered(self) -> bool {
        self == Self::Done
    }
}

impl Tracer {
    /// A tracer to be configured. Nothing is read from the environment here.
    pub fn builder(service_name: impl Into<String>) -> TracerBuilder {
        TracerBuilder::new(service_name.into())
    }

    pub(crate) fn of(pipeline: Pipeline) -> Self {
        let pipeline: &'static Pipeline = Box::leak(Box::new(pipeline));
        pipeline.settle();
        crate::fork::watch(pipeline);
        Self {
            pipeline,
            _owner: Arc::new(Owner(pipeline)),
        }
    }

    pub(crate) fn pipeline(&self) -> &'static Pipeline {
        self.pipeline
    }

    /// Starts an internal span under the thread's current span, and makes it the current one until the guard is dropped.
    #[inline]
    pub fn span(&self, name: &str) -> SpanGuard {
        SpanGuard::new(start_current(self.pipeline, name))
    }

    /// As [`span`](Self::span), with options.
    pub fn span_with(&self, name: &str, options: SpanOptions<'_>) -> SpanGuard {
        SpanGuard::new(enter(start_with(self.pipeline, name, &options)))
    }

    /// Starts an internal span under the thread's current span, without making it current. It may go to another thread.
    #[inline]
    pub fn start_span(&self, name: &str) -> Span {
        Span::new(start(self.pipeline, name))
    }

    /// As [`start_span`](Self::start_span), with options.
    pub fn start_span_with(&self, name: &str, options: SpanOptions<'_>) -> Span {
        Span::new(start_with(self.pipeline, name, &options))
    }

    /// Takes everything that has finished to the exporters and waits for them, for at most 30 seconds.
    ///
    /// From inside an exporter it hands over and returns without waiting for that exporter.
    pub fn flush(&self) {
        let _ = self.force_flush(PATIENCE);
    }

    /// As [`flush`](Self::flush), with a deadline, and saying what became of it. What does not arrive in time stays queued.
    ///
    /// The deadline binds exporters with a thread of their own; one that runs in the process runs on this thread, and takes
    /// its time.
    pub fn force_flush(&self, timeout: Duration) -> FlushResult {
        self.pipeline.flush(clock::deadline(timeout))
    }

    /// Flushes, ends the exporters, and records nothing from now on, within 30 seconds. May be called twice, and from several
    /// threads: the later ones wait for the first.
    pub fn shutdown(&self) {
        let _ = self.shutdown_within(PATIENCE);
    }

    /// As [`shutdown`](Self::shutdown), with a deadline. When it comes, exporters that are still at work are told to
    /// [cancel](crate::SpanExporter::cancel), and what they have not taken is counted as dropped by `shutdown`.
    pub fn shutdown_within(&self, timeout: Duration) -> FlushResult {
        self.pipeline.shut_down(clock::deadline(timeout))
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.pipeline.stats()
    }

    /// The service's name.
    pub fn service_name(&self) -> &str {
        &self.pipeline.origin.service_name
    }

    /// What is said of the service with every export.
    pub fn resource(&self) -> &Resource {
        &self.pipeline.origin.resource
    }

    /// Whether spans that start now can be recorded.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.pipeline.is_on()
    }
}
