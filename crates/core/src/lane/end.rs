//! Waiting for a lane: until it is flushed, until it is closed, and no longer than the deadline.

use std::sync::Arc;
use std::time::Instant;

use super::Lane;
use super::calls::guarded;
use crate::clock;
use crate::exporter::Delivery;

/// What a flush waits for in one lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// So many batches settled.
    settled: u64,
    /// The number of the flush that the lane's own thread does behind them.
    flush: u64,
}

impl Lane {
    /// Asks for everything that was offered so far and for a flush of the exporter, without waiting.
    pub(crate) fn ask_flush(self: &Arc<Self>) -> Asked {
        let mut state = self.lock();
        let settled = state.offered;
        state.wanted = settled;
        let mut flush = 0;
        if self.is_background() && state.exporter.is_some() && !state.closed && !state.inherited {
            flush = state.flushes.ask(settled);
            self.changed.notify_all();
            self.staff(state);
        }
        Asked { settled, flush }
    }

    /// Waits until what was asked for is done; false at the deadline, or where this thread is inside an exporter and would
    /// have to wait.
    pub(crate) fn await_flush(self: &Arc<Self>, asked: Asked, deadline: Option<Instant>) -> bool {
        match self.delivery {
            Delivery::InProcess => {
                self.settle(asked.settled, deadline) && self.flush_in_process(deadline)
            }
            Delivery::Background => {
                let mut state = self.lock();
                loop {
                    let flushed = state.flushes.is_over(asked.flush) || state.exporter.is_none();
                    if state.settled >= asked.settled && flushed {
                        return true;
                    }
                    let (after, in_time) = self.wait(state, deadline);
                    state = after;
                    if !in_time {
                        return false;
                    }
                }
            }
        }
    }

    /// Waits until something changes, if there is something in the queue, no longer than until the deadline.
    pub(crate) fn wait_for_progress(&self, deadline: Option<Instant>) {
        let state = self.lock();
        if !state.queue.is_empty() {
            let _ = self.wait(state, deadline);
        }
    }

    /// Exports on this thread, or waits for the thread that does, until so many batches are settled.
    fn settle(self: &Arc<Self>, target: u64, deadline: Option<Instant>) -> bool {
        loop {
            self.pump();
            let state = self.lock();
            if state.settled >= target {
                return true;
            }
            if !state.has_work() && !self.wait(state, deadline).1 {
                return false;
            }
        }
    }

    fn flush_in_process(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let mut state = self.enter();
        while state.busy.is_some() {
            let (after, in_time) = self.wait(state, deadline);
            state = after;
            if !in_time {
                return false;
            }
        }
        let usable = !state.closed && !state.inherited;
        let Some(exporter) = state.exporter.clone().filter(|_| usable) else {
            return true;
        };
        if let Some((state, outcome)) = self.call(state, exporter, |exporter| exporter.flush()) {
            self.leave(state);
            if outcome.is_none() {
                self.report_failure("the exporter panicked in flush");
            }
            self.pump();
        }
        true
    }

    /// A shutdown has begun: what is exported from now on must be over by then.
    pub(crate) fn expect_end(&self, deadline: Option<Instant>) {
        self.lock().ends = deadline;
    }

    /// Ends a lane with a thread of its own as soon as it has delivered what it has, and flushed the exporter.
    pub(crate) fn finish(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.inherited {
            drop(state);
            return self.close();
        }
        if state.closed || std::mem::replace(&mut state.finishing, true) {
            return;
        }
        let behind = state.offered;
        state.flushes.ask(behind);
        self.changed.notify_all();
        if !self.staff(state) {
            self.close();
        }
    }

    /// Ends the lane, without waiting: what is still queued is dropped as `shutdown`, later batches too. The exporter is shut
    /// down and let go of, here or by the thread that is inside of it.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let left = state.drop_queue();
        self.changed.notify_all();
        let has_thread = if self.is_background() && !state.inherited {
            self.staff(state)
        } else {
            drop(state);
            false
        };
        if !has_thread {
            self.end_if_idle();
        }
        drop(left);
    }

    fn end_if_idle(&self) {
        let state = self.lock();
        if state.busy.is_none() {
            self.end(state);
        }
    }

    /// Waits until the lane has ended. False at the deadline, when what it still has is dropped and the exporter is told, and
    /// on a thread that is inside an exporter.
    pub(crate) fn await_end(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            if state.exporter.is_none() && !state.staffed {
                return true;
            }
            if state.cancelled {
                return false;
            }
            let (after, in_time) = self.wait(state, deadline);
            state = after;
            if !in_time {
                break;
            }
        }
        drop(state);
        if clock::remaining(deadline).is_zero() {
            self.close();
            self.cancel();
        }
        false
    }

    /// Tells the exporter that the deadline has come.
    pub(crate) fn cancel(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.cancelled, true) {
            return;
        }
        let exporter = state.exporter.clone();
        drop(state);
        if guarded(|| exporter.inspect(|exporter| exporter.cancel())).is_none() {
            self.report_failure("the exporter panicked in cancel");
        }
    }

    /// Spans that were lost so far, and spans that are not settled.
    pub(crate) fn lost_and_left(&self) -> (u64, u64) {
        let state = self.lock();
        (state.dropped.total(), state.left())
    }
}
