//! Calls into the exporter: one at a time, without a lock, a panic caught.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use super::state::State;
use super::{Lane, Reason};
use crate::clock;
use crate::exporter::SpanExporter;
use crate::pipeline::GENERATION;
use crate::thread::this_thread;

thread_local! {
    /// How many exporters this thread is inside of, one called by another.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is inside an exporter. It never waits there: the other exporter could be waiting for this one.
pub(crate) fn inside() -> bool {
    INSIDE.with(Cell::get) > 0
}

/// On the thread that is an exporter's own, for as long as it runs: what it says between two calls goes to the user's code,
/// which must not wait for this same thread.
pub(super) fn stay_inside() {
    INSIDE.with(|inside| inside.set(inside.get() + 1));
}

/// At the end of the process, which can come inside an exporter: nobody waits for this thread any more.
pub(crate) fn leave_for_ever() {
    INSIDE.with(|inside| inside.set(0));
}

/// Runs an exporter's code; None where it panicked.
pub(super) fn guarded<R>(f: impl FnOnce() -> R) -> Option<R> {
    INSIDE.with(|inside| inside.set(inside.get() + 1));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    INSIDE.with(|inside| inside.set(inside.get().saturating_sub(1)));
    outcome.ok()
}

/// What a call left: the lock again, and what it gave, None where it panicked.
type Called<'a, R> = (MutexGuard<'a, State>, Option<R>);

impl Lane {
    /// The lock, for a call into the exporter: not while another thread forks.
    pub(super) fn enter(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        // The fork could be waiting for the exporter that this thread is inside of.
        while state.held && !inside() {
            state = self.wait_for_change(state);
        }
        state
    }

    /// Exports what is queued on this thread, unless another thread is at it: then that one takes this along.
    pub(crate) fn pump(self: &Arc<Self>) {
        loop {
            let state = self.enter();
            if !state.has_work() || !self.export(state) {
                return;
            }
        }
    }

    /// Exports the first batch of the queue. False where there is none, and in a child that the exporter forked.
    pub(super) fn export(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> bool {
        let Some(exporter) = state.exporter.clone() else {
            return false;
        };
        let Some(mut batch) = state.pop() else {
            return false;
        };
        if self.is_background() {
            batch.lane = Some(self.clone());
            let timeout = self.bounds.export_timeout.and_then(clock::deadline);
            batch.deadline = match (timeout, state.ends) {
                (Some(timeout), Some(end)) => Some(timeout.min(end)),
                (timeout, end) => timeout.or(end),
            };
        }
        let called = self.call(state, exporter, |exporter| {
            self.say_room();
            exporter.export(&batch)
        });
        let Some((mut state, outcome)) = called else {
            return false;
        };
        let spans = batch.len() as u64;
        let rejected = match &outcome {
            Some(Ok(())) => Some(0),
            Some(Err(error)) => error.rejected_spans().map(|count| count.min(spans)),
            None => None,
        };
        let failed = rejected.unwrap_or(spans);
        state.rejected += rejected.unwrap_or(0);
        let is_over = state.is_over();
        state.settle(&batch, failed, is_over);
        let told = std::mem::take(&mut state.told);
        if rejected.is_none() {
            state.lost.merge(told);
        }
        let counted = if is_over { "shutdown" } else { "export_failed" };
        self.leave(state);
        if rejected.is_none() && self.is_background() {
            self.lose(&batch, Reason::ExportFailed);
        }
        let why = match outcome {
            Some(Ok(())) => return true,
            Some(Err(error)) => error.to_string(),
            None => "the exporter panicked".to_owned(),
        };
        self.report_failure(&format!("{why}; {failed} spans are counted as {counted}"));
        true
    }

    /// A batch has left the queue: whoever waits for room looks again.
    fn say_room(&self) {
        self.changed.notify_all();
        if let Some(pipeline) = self.pipeline.get()
            && self.is_background()
        {
            pipeline.lane_has_room();
        }
    }

    /// One call into the exporter, alone and without the lock. Nothing is given where the exporter forked and this is the
    /// child, in which the lane has been reset.
    pub(super) fn call<'a, R>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        exporter: Arc<dyn SpanExporter>,
        f: impl FnOnce(&dyn SpanExporter) -> R,
    ) -> Option<Called<'a, R>> {
        state.busy = Some(this_thread());
        drop(state);
        let generation = GENERATION.load(Ordering::Relaxed);
        let outcome = guarded(|| f(&*exporter));
        // The last reference may be this one, and dropping it runs the exporter's own code.
        let dropped = guarded(|| drop(exporter));
        if generation != GENERATION.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.lock();
        state.busy = None;
        Some((state, outcome.filter(|_| dropped.is_some())))
    }

    /// After a call: a lane that was closed meanwhile ends now, where it has no thread of its own to do it.
    pub(super) fn leave(&self, state: MutexGuard<'_, State>) {
        if state.closed && !self.is_background() {
            self.end(state);
        } else {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Shuts the exporter down and lets go of it.
    pub(super) fn end(&self, mut state: MutexGuard<'_, State>) {
        let exporter = state.exporter.clone().filter(|_| !state.ending);
        let Some(exporter) = exporter else {
            drop(state);
            return self.changed.notify_all();
        };
        state.ending = true;
        if state.inherited {
            // It was the parent's alone: neither shut down nor dropped here, which could hand on what the parent will.
            std::mem::forget(exporter);
            std::mem::forget(state.exporter.take());
            drop(state);
            return self.changed.notify_all();
        }
        let Some((mut state, outcome)) = self.call(state, exporter, |exporter| exporter.shutdown())
        else {
            return;
        };
        let exporter = state.exporter.take();
        drop(state);
        let dropped = guarded(|| drop(exporter));
        self.changed.notify_all();
        if outcome.is_none() || dropped.is_none() {
            self.report_failure("the exporter panicked in shutdown");
        }
    }
}
