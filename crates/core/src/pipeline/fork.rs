//! A pipeline and forks.

use std::sync::atomic::Ordering;

use super::Pipeline;
use crate::lane::Lane;

impl Pipeline {
    /// Holds every lock, so that a child forked meanwhile finds what they guard whole. Gives a lane whose exporter another
    /// thread is inside of, if there is one.
    pub(crate) fn lock_for_fork(
        &'static self,
        held: &mut Vec<Box<dyn std::any::Any>>,
    ) -> Option<&'static Lane> {
        held.push(Box::new(self.ending.lock_for_fork()));
        self.drain.lock_for_fork(held);
        held.push(Box::new(self.rings()));
        held.push(Box::new(
            self.aside.lock().unwrap_or_else(|e| e.into_inner()),
        ));
        held.push(Box::new(self.gather.lock_for_fork()));
        let mut busy_lane = None;
        for lane in &self.lanes {
            let (guard, busy) = lane.lock_for_fork();
            held.push(Box::new(guard));
            busy_lane = busy_lane.or(busy.then_some(&**lane));
        }
        busy_lane
    }

    /// The fork is over, and this is the parent.
    pub(crate) fn let_go_after_fork(&self) {
        self.lanes.iter().for_each(|lane| lane.let_in());
    }

    /// In a forked child: what was recorded belongs to the parent, and the books start from zero.
    pub(crate) fn reset_after_fork(&self) {
        for ring in std::mem::take(&mut *self.rings()) {
            // Whoever is on its way through the ring of the forking thread finds it empty.
            ring.reset_after_fork();
            // Leaked, so that no later ring has the address by which an open span of the parent's knows its own.
            std::mem::forget(ring);
        }
        self.aside.lock().unwrap_or_else(|e| e.into_inner()).clear();
        self.pool.reset_after_fork();
        self.gather.reset_after_fork();
        self.limit.store(0, Ordering::Relaxed);
        self.ignored.store(0, Ordering::Relaxed);
        self.rules.reset_counters();
        for lane in &self.lanes {
            lane.reset_after_fork();
        }
        self.holds_back.store(false, Ordering::Relaxed);
        self.drain.reset_after_fork();
        self.ending.reset_after_fork();
    }
}
