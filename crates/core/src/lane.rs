//! One exporter's queue of batches, its books, and the rule that its calls never overlap.

mod calls;
mod end;
mod fork;
mod lost;
mod own_thread;
mod state;
mod tell;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

pub(crate) use calls::{inside, leave_for_ever};
pub(crate) use lost::Reason;
use state::State;
pub(crate) use tell::new_instance_id;

use crate::clock;
use crate::diagnostics::{self, Kind};
use crate::exporter::{Batch, Delivery, SpanExporter};
use crate::pipeline::Pipeline;
use crate::stats::Dropped;
use crate::thread::this_thread;

/// What lies between the tracer and one exporter.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) delivery: Delivery,
    fork_safe: bool,
    bounds: Bounds,
    /// Set once the pipeline stands where it stays.
    pipeline: OnceLock<&'static Pipeline>,
    /// Its place among the pipeline's lanes.
    number: OnceLock<usize>,
    /// It makes no difference which traces lose spans from now on: so many have since the last export.
    lost_is_full: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

/// What a lane is told by the builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most bytes in the queue.
    pub(crate) bytes: usize,
    /// Most spans in the queue.
    pub(crate) spans: u64,
    /// How long one export may take, where that is limited.
    pub(crate) export_timeout: Option<Duration>,
}

/// A lane's counters at one moment.
pub(crate) struct LaneStats {
    /// Spans that came: `exported + dropped + queued`.
    pub(crate) came: u64,
    pub(crate) exported: u64,
    pub(crate) dropped: Dropped,
    /// Those that are being exported are among these.
    pub(crate) queued: u64,
    pub(crate) in_flight: u64,
    /// Of those that failed, how many the receiver refused.
    pub(crate) rejected: u64,
}

impl Lane {
    pub(crate) fn new(exporter: Box<dyn SpanExporter>, bounds: Bounds) -> Self {
        Self {
            name: exporter.name().to_owned(),
            delivery: exporter.delivery(),
            fork_safe: exporter.is_fork_safe(),
            bounds,
            pipeline: OnceLock::new(),
            number: OnceLock::new(),
            lost_is_full: AtomicBool::new(false),
            state: Mutex::new(State {
                exporter: Some(exporter.into()),
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn join(&self, pipeline: &'static Pipeline, number: usize) {
        let _ = self.number.set(number);
        let _ = self.pipeline.set(pipeline);
    }

    /// The most spans in the queue, where there is a limit.
    pub(crate) fn capacity(&self) -> Option<u64> {
        Some(self.bounds.spans).filter(|spans| *spans < u64::MAX)
    }

    fn number(&self) -> usize {
        self.number.get().copied().unwrap_or_default()
    }

    pub(crate) fn is_background(&self) -> bool {
        self.delivery == Delivery::Background
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn wait_for_change<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(|e| e.into_inner())
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

    /// Whether so much more fits into the queue. One batch always does.
    fn fits(&self, state: &State, bytes: usize, spans: u64) -> bool {
        state.queue.is_empty()
            || (state.queue_bytes + bytes <= self.bounds.bytes
                && state.queue_spans.saturating_add(spans) <= self.bounds.spans)
    }

    /// Waits until a batch fits, until the deadline.
    pub(crate) fn wait_until_fits(&self, batch: &Batch, deadline: Option<Instant>) {
        let mut state = self.lock();
        let mut in_time = true;
        while in_time && !state.closed && !self.fits(&state, batch.memory(), batch.len() as u64) {
            (state, in_time) = self.wait(state, deadline);
        }
    }

    /// Whether so many more bytes fit, as one batch or several. A queue that has been full for so long without a batch
    /// leaving it counts as one with room: nobody waits for it any longer.
    pub(crate) fn has_room(&self, bytes: usize, is_one: bool, patience: Duration) -> bool {
        let mut state = self.lock();
        state.closed
            || state.queue_bytes + bytes <= self.bounds.bytes
            || state.queue.is_empty() && is_one
            || state.is_stalled(patience)
    }

    /// Whether so many bytes would be taken in now, as one batch or several. Where the queue is limited in spans that is left to the offer:
    /// what waits in front of it would count for more than the limit.
    pub(crate) fn takes(&self, bytes: usize, is_one: bool) -> bool {
        let state = self.lock();
        state.closed
            || self.capacity().is_some()
            || state.queue_bytes + bytes <= self.bounds.bytes
            || state.queue.is_empty() && is_one
    }

    /// How many more spans fit; all, where nobody waits for them any longer.
    pub(crate) fn room_in_spans(&self, patience: Duration) -> u64 {
        let mut state = self.lock();
        let room = self.bounds.spans.saturating_sub(state.queue_spans);
        if state.closed || room == 0 && state.is_stalled(patience) {
            return u64::MAX;
        }
        room
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
        if !self.fits(&state, batch.memory(), spans) {
            state.dropped.queue_full += spans;
            drop(state);
            if self.is_background() {
                self.lose(&batch, Reason::QueueFull);
            }
            return report_full();
        }
        state.push(batch);
        if self.is_background() || state.busy != Some(this_thread()) {
            state.wanted = state.offered;
        }
        self.changed.notify_all();
        if self.is_background() {
            self.staff(state);
        }
    }

    pub(crate) fn stats(&self) -> LaneStats {
        let state = self.lock();
        LaneStats {
            came: state.came,
            exported: state.exported,
            dropped: state.dropped,
            queued: state.left(),
            in_flight: state.in_flight,
            rejected: state.rejected,
        }
    }

    fn report_failure(&self, why: &str) {
        diagnostics::report(Kind::Export, &format!("exporter {}: {why}", self.name));
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
