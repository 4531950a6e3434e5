//! How a pipeline is flushed and shut down: by a deadline, from any thread, any number of times.

use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Pipeline, SHUT_DOWN};
use crate::clock;
use crate::lane;
use crate::thread::{ThreadToken, this_thread};
use crate::tracer::FlushResult;

/// An exporter that has taken nothing for so long holds no flush up for the others.
pub(super) const STALLED: Duration = Duration::from_secs(1);

/// How far the shutdown is.
#[derive(Default)]
pub(super) struct Ending {
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    On,
    /// This thread shuts the pipeline down.
    By(ThreadToken),
    Over(FlushResult),
}

impl Ending {
    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) fn lock_for_fork(&'static self) -> impl std::any::Any {
        self.lock()
    }

    /// In a forked child a shutdown of the parent's does not go on.
    pub(super) fn reset_after_fork(&self) {
        let mut stage = self.lock();
        if matches!(*stage, Stage::By(thread) if thread != this_thread()) {
            *stage = Stage::Over(FlushResult::Done);
        }
    }

    /// Makes this thread the one that shuts down; else gives what became of the shutdown that another thread began, or None
    /// where it is not over by the deadline.
    fn begin(&self, deadline: Option<Instant>) -> Result<(), Option<FlushResult>> {
        let mut stage = self.lock();
        loop {
            match *stage {
                Stage::On => {
                    *stage = Stage::By(this_thread());
                    return Ok(());
                }
                Stage::Over(result) => return Err(Some(result)),
                Stage::By(thread) => {
                    let left = clock::remaining(deadline);
                    if left.is_zero() || lane::inside() || thread == this_thread() {
                        return Err(None);
                    }
                    let waited = self.changed.wait_timeout(stage, left);
                    stage = waited.unwrap_or_else(|e| e.into_inner()).0;
                }
            }
        }
    }

    fn end(&self, result: FlushResult) {
        *self.lock() = Stage::Over(result);
        self.changed.notify_all();
    }
}

impl Pipeline {
    /// Everything finished so far to the exporters, and theirs handed on.
    pub(crate) fn flush(&'static self, deadline: Option<Instant>) -> FlushResult {
        let lost = self.lost_and_left().0;
        if self.flush_lanes(deadline) {
            return settled(self.lost_and_left().0 - lost);
        }
        FlushResult::TimedOut {
            left: self
                .read_books()
                .exporters
                .iter()
                .map(|row| row.queued)
                .sum(),
        }
    }

    /// Everything finished so far to the lanes, as they have room; false if not all was there by the deadline.
    fn hand_over(&'static self, deadline: Option<Instant>) -> bool {
        if let Some(gathered) = self.gather.take() {
            self.offer_in_process(gathered, None);
        }
        let mut in_time = true;
        let patience = self.patience().unwrap_or(STALLED);
        let goal = {
            let _reading = self.drain.hold();
            self.goal()
        };
        let is_reached = || {
            let _reading = self.drain.hold();
            self.is_reached(&goal)
        };
        while in_time && !self.drain.pass(self, Some(patience)) && !is_reached() {
            let soon = clock::deadline(patience.min(clock::remaining(deadline)));
            self.background_lanes()
                .for_each(|lane| lane.wait_for_progress(soon));
            in_time = !clock::remaining(deadline).is_zero() && !lane::inside();
        }
        in_time
    }

    fn flush_lanes(&'static self, deadline: Option<Instant>) -> bool {
        let mut in_time = self.hand_over(deadline);
        // First all that is queued, for background exporters work side by side.
        let asked: Vec<_> = self.lanes.iter().map(|lane| lane.ask_flush()).collect();
        for (lane, asked) in self.lanes.iter().zip(asked) {
            in_time &= lane.await_flush(asked, deadline);
        }
        in_time
    }

    /// Spans that exporters lost so far and spans that wait in front of them, each exporter's counted for itself.
    fn lost_and_left(&self) -> (u64, u64) {
        let lanes = self.lanes.iter().map(|lane| lane.lost_and_left());
        lanes.fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1))
    }

    /// What the drain does when its time has come: as a flush, without waiting for background exporters. False where
    /// something stays behind for want of room.
    pub(crate) fn tick(&'static self) -> bool {
        if self.drain.has_interval()
            && let Some(gathered) = self.gather.take()
        {
            self.offer_in_process(gathered, None);
            self.pump();
        }
        self.drain.pass(self, self.patience())
    }

    /// Ends the recording, and sets the background exporters to work on what there is, without waiting.
    pub(crate) fn begin_shut_down(&'static self, deadline: Option<Instant>) {
        if self.state.swap(SHUT_DOWN, Ordering::AcqRel) == SHUT_DOWN {
            return;
        }
        self.starts_short.store(false, Ordering::Relaxed);
        for ring in self.rings().iter() {
            ring.retire();
        }
        self.lanes.iter().for_each(|lane| lane.expect_end(deadline));
        if self.drain.pass(self, Some(STALLED)) {
            self.finish_background();
        }
    }

    /// Each ends when it is done, so that one that stalls keeps no other from ending well.
    fn finish_background(&self) {
        self.background_lanes().for_each(|lane| lane.finish());
    }

    /// Ends the pipeline: the rest is flushed before the deadline, the exporters are shut down, threads end. Whoever comes
    /// while another thread is at it waits for that one.
    pub(crate) fn shut_down(&'static self, deadline: Option<Instant>) -> FlushResult {
        match self.ending.begin(deadline) {
            Ok(()) => {}
            Err(Some(FlushResult::TimedOut { left })) => {
                // It was called inside an exporter, perhaps: what that one left can be waited for here.
                return if self.await_lanes(deadline) {
                    settled(self.lost_and_left().0)
                } else {
                    FlushResult::TimedOut { left }
                };
            }
            Err(Some(result)) => return result,
            Err(None) => {
                if clock::remaining(deadline).is_zero() {
                    self.lanes.iter().for_each(|lane| lane.cancel());
                }
                return FlushResult::TimedOut {
                    left: self.lost_and_left().1,
                };
            }
        }
        let lost = self.lost_and_left().0;
        self.begin_shut_down(deadline);
        self.drain.stop();
        let mut in_time = self.hand_over(deadline);
        self.finish_background();
        for lane in self.in_process_lanes() {
            in_time &= lane.await_flush(lane.ask_flush(), deadline);
            lane.close();
        }
        in_time &= self.await_lanes(deadline);
        // What came too late for the flush is counted by the closed lanes.
        if let Some(gathered) = self.gather.take() {
            self.offer_in_process(gathered, None);
        }
        self.sweep();
        let (now_lost, left) = self.lost_and_left();
        let lost = now_lost - lost;
        let result = match in_time {
            true => settled(lost),
            false => FlushResult::TimedOut { left: left + lost },
        };
        self.ending.end(result);
        result
    }

    fn await_lanes(&self, deadline: Option<Instant>) -> bool {
        self.lanes
            .iter()
            .fold(true, |all, lane| all & lane.await_end(deadline))
    }

    /// After the shutdown: what threads leave behind is counted, and its memory freed.
    pub(crate) fn sweep(&self) {
        // A shutdown can still be at it on another thread, which waits for room.
        self.drain.pass(self, Some(STALLED));
        self.pool.free_idle();
        self.batch_memory.free();
    }
}

/// What there is to say where nothing waits any more.
fn settled(lost: u64) -> FlushResult {
    match lost {
        0 => FlushResult::Done,
        lost => FlushResult::Failed { lost },
    }
}
