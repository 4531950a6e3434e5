//! The thread that exports what waits in the in-process lanes when a tracer's `flush_interval` is over.
//!
//! One for the process, started by the first span that waits with an interval. It takes the interpreter only when something
//! is due, keeps no tracer alive, and ends with the interpreter.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use codomyrmex_core::clock;
use pyo3::prelude::*;

use crate::diagnostics;
use crate::module::state;

/// When the next spans are due, and who looks after them.
pub(crate) struct Timer {
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Default)]
struct Plan {
    due: Option<Instant>,
    staffed: bool,
    stopped: bool,
}

/// The timer of this process, from its first use on. Its own lock may be held when the process forks, so a child gets another
/// timer; this one is held with the interpreter only, and no other thread forks meanwhile.
static TIMER: Mutex<Option<&'static Timer>> = Mutex::new(None);

fn timer(_attached: Python<'_>) -> MutexGuard<'static, Option<&'static Timer>> {
    TIMER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for a look at the lanes at `due`, or before.
pub(crate) fn look_at(py: Python<'_>, due: Instant) {
    let timer = *timer(py).get_or_insert_with(|| {
        Box::leak(Box::new(Timer {
            plan: Mutex::default(),
            changed: Condvar::new(),
        }))
    });
    timer.look_at(py, due);
}

/// Tells the thread to end; one that is at an exporter ends after it.
pub(crate) fn stop(py: Python<'_>) {
    if let Some(timer) = *timer(py) {
        timer.lock().stopped = true;
        timer.changed.notify_all();
    }
}

/// Waits for the end of a stopped timer's thread, which may be at an exporter.
pub(crate) fn wait(py: Python<'_>, deadline: Option<Instant>) {
    let timer = *timer(py);
    if let Some(timer) = timer {
        py.detach(|| timer.wait(deadline));
    }
}

/// In a forked child there is no thread, and the parent's lock may be held.
pub(crate) fn forget(py: Python<'_>) {
    *timer(py) = None;
}

impl Timer {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_at(&'static self, py: Python<'_>, due: Instant) {
        let mut plan = self.lock();
        if plan.stopped {
            return;
        }
        if plan.due.is_none_or(|planned| due < planned) {
            plan.due = Some(due);
            self.changed.notify_all();
        }
        if plan.staffed {
            return;
        }
        let thread = thread::Builder::new()
            .name("codomyrmex-flush".into())
            .spawn(|| self.work());
        plan.staffed = thread.is_ok();
        drop(plan);
        if thread.is_err() {
            diagnostics::report(
                py,
                "no thread could be started for flush_interval; spans go out in whole batches and on flush only",
                None,
            );
        }
    }

    fn work(&self) {
        while self.something_is_due() {
            let next = Python::try_attach(|py| {
                let next = state().flush_due(py);
                if let Some(next) = next {
                    look_at(py, next);
                }
            });
            // The interpreter is at its end.
            if next.is_none() {
                break;
            }
        }
        self.lock().staffed = false;
        self.changed.notify_all();
    }

    /// Waits until something is due; false if the thread is to end.
    fn something_is_due(&self) -> bool {
        let mut plan = self.lock();
        while !plan.stopped {
            let left = plan.due.map(|due| clock::remaining(Some(due)));
            plan = match left {
                Some(left) if left.is_zero() => {
                    plan.due = None;
                    return true;
                }
                Some(left) => {
                    self.changed
                        .wait_timeout(plan, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .changed
                    .wait(plan)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }

    fn wait(&self, deadline: Option<Instant>) {
        let mut plan = self.lock();
        while plan.staffed {
            let left = clock::remaining(deadline);
            if left.is_zero() {
                return;
            }
            plan = self
                .changed
                .wait_timeout(plan, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
