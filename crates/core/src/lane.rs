//! One exporter's queue of batches, its books, and the rule that its calls never overlap.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use crate::clock;
use crate::diagnostics::{self, Kind};
use crate::exporter::{Batch, Delivery, SpanExporter};
use crate::pipeline::GENERATION;
use crate::stats::Dropped;
use crate::thread::{ThreadToken, this_thread};

thread_local! {
    /// How many exporters this thread is inside of, one called by another.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is inside an exporter. It never waits there: the other exporter could be waiting for this one.
fn inside() -> bool {
    INSIDE.with(Cell::get) > 0
}

/// At the end of the process, which can come inside an exporter: nobody waits for this thread any more.
pub(crate) fn leave_for_ever() {
    INSIDE.with(|inside| inside.set(0));
}

/// What lies between the tracer and one exporter.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) delivery: Delivery,
    /// Most bytes in the queue.
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// None once it is shut down.
    exporter: Option<Arc<dyn SpanExporter>>,
    /// The thread that is inside the exporter.
    busy: Option<ThreadToken>,
    queue: VecDeque<Batch>,
    queue_bytes: usize,
    queue_spans: u64,
    /// Spans of the batch that is being exported.
    in_flight: u64,
    /// Batches that came, and batches that are over and done with.
    offered: u64,
    settled: u64,
    /// Batches up to here are to be exported now. What the exporter itself causes waits for the next batch from elsewhere
    /// or for a flush, so that an exporter that starts spans does not feed itself for ever.
    wanted: u64,
    /// Spans that came.
    came: u64,
    exported: u64,
    dropped: Dropped,
    closed: bool,
    /// Another thread forks, and waits until nobody is inside the exporter: nobody enters meanwhile.
    held: bool,
    /// The lane's own thread runs.
    staffed: bool,
}

impl State {
    fn has_work(&self) -> bool {
        self.busy.is_none() && self.offered - (self.queue.len() as u64) < self.wanted
    }

    /// Whether another thread is inside the exporter.
    fn busy_elsewhere(&self) -> bool {
        self.busy.is_some_and(|thread| thread != this_thread())
    }

    /// What is queued will not be exported any more.
    fn drop_queue(&mut self) -> VecDeque<Batch> {
        let left = std::mem::take(&mut self.queue);
        self.dropped.shutdown += std::mem::take(&mut self.queue_spans);
        self.settled += left.len() as u64;
        self.queue_bytes = 0;
        left
    }
}

/// A lane's counters at one moment.
pub(crate) struct LaneStats {
    /// Spans that came: `exported + dropped + queued`.
    pub(crate) came: u64,
    pub(crate) exported: u64,
    pub(crate) dropped: Dropped,
    pub(crate) queued: u64,
}

impl Lane {
    pub(crate) fn new(exporter: Box<dyn SpanExporter>, limit: usize) -> Self {
        Self {
            name: exporter.name().to_owned(),
            delivery: exporter.delivery(),
            limit,
            state: Mutex::new(State {
                exporter: Some(exporter.into()),
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The lock, for a call into the exporter: not while another thread forks.
    fn enter(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        // The fork could be waiting for the exporter that this thread is inside of.
        while state.held && !inside() {
            state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        state
    }

    /// Puts a batch into the queue, or counts its spans as dropped. May be called with locks held.
    pub(crate) fn offer(self: &Arc<Self>, batch: Batch) {
        let _hold = diagnostics::hold();
        let mut state = self.lock();
        let spans = batch.len() as u64;
        state.came += spans;
        if state.closed {
            state.dropped.shutdown += spans;
            return;
        }
        if state.queue_bytes + batch.bytes().len() > self.limit && !state.queue.is_empty() {
            state.dropped.queue_full += spans;
            return report_full();
        }
        state.queue_bytes += batch.bytes().len();
        state.queue_spans += spans;
        state.offered += 1;
        if self.delivery == Delivery::Background || state.busy != Some(this_thread()) {
            state.wanted = state.offered;
        }
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
            while !state.has_work() && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
            }
            if state.closed {
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
            let mut state = self.enter();
            if !state.has_work() {
                return;
            }
            let (Some(exporter), Some(batch)) = (state.exporter.clone(), state.queue.pop_front())
            else {
                return;
            };
            state.queue_bytes -= batch.bytes().len();
            state.queue_spans -= batch.len() as u64;
            state.in_flight = batch.len() as u64;
            let called = self.call(state, exporter, |exporter| exporter.export(&batch));
            let Some((mut state, outcome)) = called else {
                return;
            };
            state.in_flight = 0;
            state.settled += 1;
            let spans = batch.len() as u64;
            let failed = match &outcome {
                Some(Ok(())) => 0,
                Some(Err(error)) => error.rejected_spans().unwrap_or(spans).min(spans),
                None => spans,
            };
            state.exported += spans - failed;
            state.dropped.export_failed += failed;
            self.leave(state);
            match outcome {
                Some(Ok(())) => {}
                Some(Err(error)) => self.report_failure(&error.to_string()),
                None => self.report_failure("the exporter panicked"),
            }
        }
    }

    /// One call into the exporter, alone and without the lock. The outcome is None where it panicked; nothing at all is
    /// given where the exporter forked and this is the child, in which the lane has been reset.
    #[allow(clippy::type_complexity)]
    fn call<'a, R>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        exporter: Arc<dyn SpanExporter>,
        f: impl FnOnce(&dyn SpanExporter) -> R,
    ) -> Option<(MutexGuard<'a, State>, Option<R>)> {
        state.busy = Some(this_thread());
        drop(state);
        let generation = GENERATION.load(Ordering::Relaxed);
        INSIDE.with(|inside| inside.set(inside.get() + 1));
        let outcome = catch_unwind(AssertUnwindSafe(|| f(&*exporter)));
        // The last reference may be this one, and dropping it runs the exporter's own code.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(exporter)));
        INSIDE.with(|inside| inside.set(inside.get() - 1));
        if generation != GENERATION.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.lock();
        state.busy = None;
        Some((state, outcome.ok().filter(|_| dropped.is_ok())))
    }

    /// After a call: a lane that was closed meanwhile ends now.
    fn leave(&self, mut state: MutexGuard<'_, State>) {
        let exporter = if state.closed {
            state.exporter.take()
        } else {
            None
        };
        let Some(exporter) = exporter else {
            drop(state);
            return self.changed.notify_all();
        };
        let called = self.call(state, exporter, |exporter| exporter.shutdown());
        if let Some((state, outcome)) = called {
            drop(state);
            self.changed.notify_all();
            if outcome.is_none() {
                self.report_failure("the exporter panicked in shutdown");
            }
        }
    }

    fn report_failure(&self, why: &str) {
        diagnostics::report(
            Kind::Export,
            &format!(
                "exporter {}: {why}; its spans are counted as export_failed",
                self.name
            ),
        );
    }

    /// Waits for a change, with the lock given up; false at the deadline, and always on a thread that is inside an exporter.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, State>, bool) {
        let left = clock::remaining(deadline);
        if left.is_zero() || inside() || state.busy == Some(this_thread()) {
            return (state, false);
        }
        let waited = self.changed.wait_timeout(state, left);
        (waited.unwrap_or_else(|e| e.into_inner()).0, true)
    }

    /// Waits until everything that was offered so far is exported or dropped; false at the deadline, or where this thread is
    /// inside an exporter and would have to wait.
    pub(crate) fn settle(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        let target = state.offered;
        state.wanted = target;
        loop {
            if self.delivery == Delivery::InProcess && state.has_work() {
                drop(state);
                self.pump();
                state = self.lock();
            }
            if state.settled >= target {
                return true;
            }
            let (after, in_time) = self.wait(state, deadline);
            state = after;
            if !in_time {
                return false;
            }
        }
    }

    /// The exporter's own flush.
    pub(crate) fn flush_exporter(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.enter();
        while state.busy.is_some() {
            let (after, in_time) = self.wait(state, deadline);
            state = after;
            if !in_time {
                return false;
            }
        }
        let Some(exporter) = state.exporter.clone().filter(|_| !state.closed) else {
            return true;
        };
        if let Some((state, outcome)) = self.call(state, exporter, |exporter| exporter.flush()) {
            self.leave(state);
            if outcome.is_none() {
                self.report_failure("the exporter panicked in flush");
            }
            if self.delivery == Delivery::InProcess {
                self.pump();
            }
        }
        true
    }

    /// Ends the lane: what is still queued is dropped as `shutdown`, later batches too. The exporter is shut down and let go
    /// of, at once or by the thread that is inside of it.
    pub(crate) fn close(&self, deadline: Option<Instant>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let left = state.drop_queue();
        self.changed.notify_all();
        let mut in_time = true;
        while (state.busy.is_some() || state.staffed) && in_time {
            (state, in_time) = self.wait(state, deadline);
        }
        if state.busy.is_none() {
            self.leave(state);
        } else {
            drop(state);
        }
        drop(left);
    }

    pub(crate) fn stats(&self) -> LaneStats {
        let state = self.lock();
        LaneStats {
            came: state.came,
            exported: state.exported,
            dropped: state.dropped,
            queued: state.queue_spans + state.in_flight,
        }
    }

    /// Waits until no other thread is inside this exporter, or until the deadline.
    pub(crate) fn wait_until_idle(&self, deadline: Option<Instant>) {
        let mut state = self.lock();
        while state.busy_elsewhere() {
            let left = clock::remaining(deadline);
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
    }

    /// Holds the lane still while the process forks. Says whether another thread is inside the exporter, for whose locks a
    /// child would wait for ever; then nobody enters it until [`let_in`](Self::let_in). Exporters with a thread of their own
    /// do not count: they take their time.
    pub(crate) fn lock_for_fork(&'static self) -> (impl std::any::Any, bool) {
        let mut state = self.lock();
        let busy = self.delivery == Delivery::InProcess && state.busy_elsewhere();
        state.held |= busy;
        (state, busy)
    }

    /// The fork is over.
    pub(crate) fn let_in(&self) {
        if std::mem::take(&mut self.lock().held) {
            self.changed.notify_all();
        }
    }

    /// In a forked child, where the lane's thread does not exist and its queue belongs to the parent.
    pub(crate) fn reset_after_fork(&self) {
        let mut state = self.lock();
        *state = State {
            exporter: state.exporter.take(),
            closed: state.closed,
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
            .field("exporter", &self.name)
            .finish_non_exhaustive()
    }
}
