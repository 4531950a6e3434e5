//! One exporter's queue of batches, its books, and the rule that its calls never overlap.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::clock;
use crate::diagnostics::{self, Kind};
use crate::exporter::{Batch, Delivery, SpanExporter};
use crate::pipeline::GENERATION;
use crate::stats::Dropped;

/// What lies between the tracer and one exporter.
pub(crate) struct Lane {
    pub(crate) exporter: Box<dyn SpanExporter>,
    pub(crate) delivery: Delivery,
    /// Most bytes in the queue.
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Batch>,
    queue_bytes: usize,
    queue_spans: u64,
    /// Spans of the batch that is being exported.
    in_flight: u64,
    exporting: Option<ThreadId>,
    /// Batches that came, and batches that are over and done with.
    offered: u64,
    settled: u64,
    exported: u64,
    dropped: Dropped,
    closed: bool,
    /// The lane's own thread runs.
    staffed: bool,
}

/// A lane's counters at one moment.
pub(crate) struct LaneStats {
    pub(crate) exported: u64,
    pub(crate) dropped: Dropped,
    pub(crate) queued: u64,
}

impl Lane {
    pub(crate) fn new(exporter: Box<dyn SpanExporter>, limit: usize) -> Self {
        let delivery = exporter.delivery();
        Self {
            exporter,
            delivery,
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Puts a batch into the queue, or counts its spans as dropped.
    pub(crate) fn offer(self: &Arc<Self>, batch: Batch) {
        let mut state = self.lock();
        let spans = batch.len() as u64;
        if state.closed {
            state.dropped.shutdown += spans;
            return;
        }
        let full = state.queue_bytes + batch.bytes().len() > self.limit && !state.queue.is_empty();
        if full && self.delivery == Delivery::Background {
            state.dropped.queue_full += spans;
            drop(state);
            return report_full();
        }
        state.queue_bytes += batch.bytes().len();
        state.queue_spans += spans;
        state.offered += 1;
        state.queue.push_back(batch);
        let hire = self.delivery == Delivery::Background && !state.staffed;
        state.staffed |= hire;
        drop(state);
        self.changed.notify_all();
        if hire {
            self.hire();
        }
    }

    fn hire(self: &Arc<Self>) {
        let lane = self.clone();
        let thread = thread::Builder::new()
            .name("codomyrmex-export".into())
            .spawn(move || lane.work());
        if thread.is_err() {
            self.lock().staffed = false;
            diagnostics::report(
                Kind::Export,
                "no thread could be started for an exporter; its spans wait",
            );
        }
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            while state.queue.is_empty() && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
            }
            if state.queue.is_empty() {
                state.staffed = false;
                return self.changed.notify_all();
            }
            drop(state);
            self.pump();
        }
    }

    /// Exports what is queued on this thread, unless another thread is at it: then that one takes this along.
    pub(crate) fn pump(&self) {
        loop {
            let mut state = self.lock();
            if state.exporting.is_some() {
                return;
            }
            let Some(batch) = state.queue.pop_front() else {
                return;
            };
            state.exporting = Some(thread::current().id());
            state.queue_bytes -= batch.bytes().len();
            state.queue_spans -= batch.len() as u64;
            state.in_flight = batch.len() as u64;
            drop(state);
            let generation = GENERATION.load(Ordering::Relaxed);

            let outcome = catch_unwind(AssertUnwindSafe(|| self.exporter.export(&batch)));

            if generation != GENERATION.load(Ordering::Relaxed) {
                // The exporter forked, and this is the child: the batch is the parent's.
                return;
            }
            let mut state = self.lock();
            state.exporting = None;
            state.in_flight = 0;
            state.settled += 1;
            match &outcome {
                Ok(Ok(())) => state.exported += batch.len() as u64,
                _ => state.dropped.export_failed += batch.len() as u64,
            }
            drop(state);
            self.changed.notify_all();
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.report_failure(&error.to_string()),
                Err(_) => self.report_failure("the exporter panicked"),
            }
        }
    }

    fn report_failure(&self, why: &str) {
        let name = self.exporter.name();
        diagnostics::report(
            Kind::Export,
            &format!("exporter {name}: {why}; its spans are counted as export_failed"),
        );
    }

    /// Waits until everything that was offered so far is exported or dropped; false at the deadline. Returns at once on
    /// a thread that is inside this exporter.
    pub(crate) fn settle(&self, deadline: Option<Instant>) -> bool {
        if self.delivery == Delivery::InProcess {
            self.pump();
        }
        let mut state = self.lock();
        let target = state.offered;
        while state.settled < target {
            if state.exporting == Some(thread::current().id()) {
                return false;
            }
            let left = clock::remaining(deadline);
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(|e| e.into_inner())
                .0;
            if self.delivery == Delivery::InProcess
                && state.exporting.is_none()
                && !state.queue.is_empty()
            {
                drop(state);
                self.pump();
                state = self.lock();
            }
        }
        true
    }

    /// Ends the lane: what is still queued is dropped as `shutdown`, later batches too.
    pub(crate) fn close(&self, deadline: Option<Instant>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let left = std::mem::take(&mut state.queue);
        state.dropped.shutdown += state.queue_spans;
        state.settled += left.len() as u64;
        state.queue_spans = 0;
        state.queue_bytes = 0;
        self.changed.notify_all();
        let me = thread::current().id();
        while (state.exporting.is_some_and(|thread| thread != me) || state.staffed)
            && state.exporting != Some(me)
        {
            let left = clock::remaining(deadline);
            if left.is_zero() {
                break;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(|e| e.into_inner())
                .0;
        }
        drop((state, left));
        if catch_unwind(AssertUnwindSafe(|| self.exporter.shutdown())).is_err() {
            self.report_failure("the exporter panicked in shutdown");
        }
    }

    /// The exporter's own flush, a panic caught.
    pub(crate) fn flush_exporter(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.exporter.flush())).is_err() {
            self.report_failure("the exporter panicked in flush");
        }
    }

    pub(crate) fn stats(&self) -> LaneStats {
        let state = self.lock();
        LaneStats {
            exported: state.exported,
            dropped: state.dropped,
            queued: state.queue_spans + state.in_flight,
        }
    }

    /// Holds the lane still while the process forks.
    pub(crate) fn lock_for_fork(&'static self) -> impl std::any::Any {
        self.lock()
    }

    /// In a forked child, where the lane's thread does not exist and its queue belongs to the parent.
    pub(crate) fn reset_after_fork(&self) {
        let mut state = self.lock();
        let closed = state.closed;
        *state = State {
            closed,
            ..State::default()
        };
    }
}

pub(crate) fn report_full() {
    diagnostics::report(
        Kind::QueueFull,
        "spans are dropped because the buffers are full (see stats().exporters, queue_bytes)",
    );
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("exporter", &self.exporter.name())
            .finish_non_exhaustive()
    }
}
