//! The thread that a background exporter has for itself: all its calls but `cancel` come from there.

use std::sync::{Arc, MutexGuard};
use std::thread;

use super::Lane;
use super::calls::stay_inside;
use super::state::State;
use crate::diagnostics::{self, Kind};

/// What the thread does next.
enum Next {
    Export,
    Flush,
    End,
}

impl State {
    fn next(&mut self) -> Option<Next> {
        if self.busy.is_some() || self.held {
            None
        } else if self.closed {
            Some(Next::End)
        } else if self.flushes.begin(self.settled) {
            Some(Next::Flush)
        } else if self.has_work() {
            Some(Next::Export)
        } else {
            self.closed = self.finishing;
            self.closed.then_some(Next::End)
        }
    }
}

impl Lane {
    /// Sees to it that the lane has its thread; false if none could be started.
    pub(super) fn staff(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> bool {
        if std::mem::replace(&mut state.staffed, true) {
            return true;
        }
        drop(state);
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
        thread.is_ok()
    }

    fn work(self: &Arc<Self>) {
        stay_inside();
        loop {
            let mut state = self.lock();
            let next = loop {
                match state.next() {
                    Some(next) => break next,
                    None => state = self.wait_for_change(state),
                }
            };
            let goes_on = match next {
                Next::Export => self.export(state),
                Next::Flush => self.flush_here(state),
                Next::End => {
                    self.end(state);
                    self.lock().staffed = false;
                    return self.changed.notify_all();
                }
            };
            if !goes_on {
                // A child that the exporter forked: this thread is the one that forked, and the lane has no thread here.
                return;
            }
        }
    }

    /// One flush of the exporter. False in a child that it forked.
    fn flush_here(&self, mut state: MutexGuard<'_, State>) -> bool {
        let exporter = state.exporter.clone().filter(|_| !state.inherited);
        let Some(exporter) = exporter else {
            state.flushes.end();
            self.changed.notify_all();
            return true;
        };
        let Some((mut state, outcome)) = self.call(state, exporter, |exporter| exporter.flush())
        else {
            return false;
        };
        state.flushes.end();
        drop(state);
        self.changed.notify_all();
        if outcome.is_none() {
            self.report_failure("the exporter panicked in flush");
        }
        true
    }
}
