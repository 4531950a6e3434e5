//! Lanes and forks.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Lane;
use super::state::State;
use crate::clock;

impl Lane {
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

    /// Holds the lane still while the process forks. Says whether another thread is inside an exporter for whose locks a
    /// child would wait for ever; then nobody enters it until [`let_in`](Self::let_in).
    pub(crate) fn lock_for_fork(&'static self) -> (impl std::any::Any, bool) {
        let mut state = self.lock();
        let busy = !self.fork_safe && state.busy_elsewhere();
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
            ending: state.ending,
            inherited: true,
            ..State::default()
        };
        self.lost_is_full.store(false, Ordering::Relaxed);
    }
}
