//! The thread that empties the rings into batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::diagnostics::{self, Kind};
use crate::pipeline::Pipeline;

/// The shortest interval that is not a busy loop.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);
/// How long a finished span waits in its ring where no interval is asked for.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The drain of one pipeline: at most one thread, started by the first ring.
pub(crate) struct Drain {
    interval: Option<Duration>,
    /// How soon to look again where lanes had no room; None: when it is woken.
    again: Option<Duration>,
    state: Mutex<State>,
    changed: Condvar,
    /// A pass is over.
    passed: Condvar,
    /// The thread waits: waking it may make sense.
    waits: AtomicBool,
    /// Held by whoever reads the rings.
    reading: Mutex<()>,
}

#[derive(Default)]
struct State {
    staffed: bool,
    woken: bool,
    stopped: bool,
}

impl Drain {
    /// Where something is held back, the next pass comes after `again` at the latest, if that is given.
    pub(crate) fn new(interval: Option<Duration>, again: Option<Duration>) -> Self {
        Self {
            interval: interval.map(|interval| interval.max(LEAST_INTERVAL)),
            again: again.map(|again| again.max(LEAST_INTERVAL)),
            state: Mutex::default(),
            changed: Condvar::new(),
            passed: Condvar::new(),
            waits: AtomicBool::new(false),
            reading: Mutex::new(()),
        }
    }

    /// Whether the user asked for an interval, which then holds for in-process exporters too.
    pub(crate) fn has_interval(&self) -> bool {
        self.interval.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Starts the thread if there is none.
    pub(crate) fn start(&self, pipeline: &'static Pipeline) {
        let _hold = diagnostics::hold();
        let mut state = self.lock();
        if state.staffed || state.stopped {
            return;
        }
        let thread = thread::Builder::new()
            .name("codomyrmex-drain".into())
            .spawn(move || pipeline.drain.work(pipeline));
        state.staffed = thread.is_ok();
        if thread.is_err() {
            diagnostics::report(
                Kind::Export,
                "the drain's thread could not be started; spans go out on flush only",
            );
        }
    }

    fn work(&self, pipeline: &'static Pipeline) {
        let interval = self.interval.unwrap_or(DEFAULT_INTERVAL);
        let mut next = interval;
        loop {
            let mut state = self.lock();
            if !state.woken && !state.stopped {
                self.waits.store(true, Ordering::SeqCst);
                state = self
                    .changed
                    .wait_timeout(state, next)
                    .unwrap_or_else(|e| e.into_inner())
                    .0;
                self.waits.store(false, Ordering::SeqCst);
            }
            state.woken = false;
            if state.stopped {
                state.staffed = false;
                return self.changed.notify_all();
            }
            drop(state);
            let all = pipeline.tick();
            next = match self.again {
                Some(again) if !all => interval.min(again),
                _ => interval,
            };
        }
    }

    /// Asks for a pass now. Cheap while the thread is at work.
    pub(crate) fn wake(&self) {
        if self.waits.load(Ordering::Relaxed) {
            self.lock().woken = true;
            self.changed.notify_all();
        }
    }

    /// As [`wake`](Self::wake), also where the thread is at work: what it has just seen counts no more.
    pub(crate) fn wake_again(&self) {
        self.lock().woken = true;
        self.changed.notify_all();
    }

    /// Keeps everybody else from reading the rings.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// One pass over the rings, on this thread. False where something stays behind for want of room.
    /// A lane without room is waited for as long as `patience` says, not at all where it is None.
    pub(crate) fn pass(&self, pipeline: &Pipeline, patience: Option<Duration>) -> bool {
        // Declared first, so dropped last: what there is to say is said without the lock.
        let _hold = diagnostics::hold();
        let all = {
            let _reading = self.hold();
            pipeline.drain_rings(patience)
        };
        if pipeline.patience().is_some() {
            // Under the lock, so that whoever has just found no room waits already.
            let _state = self.lock();
            self.passed.notify_all();
        }
        all
    }

    /// Asks for passes until `found` says that there is room; false at the deadline, or where no thread does passes.
    pub(crate) fn wait_for_pass(
        &self,
        deadline: Option<Instant>,
        found: impl Fn() -> bool,
    ) -> bool {
        let mut state = self.lock();
        state.woken = true;
        self.changed.notify_all();
        loop {
            if found() {
                return true;
            }
            let left = clock::remaining(deadline);
            if left.is_zero() || !state.staffed || state.stopped {
                return false;
            }
            let waited = self.passed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
    }

    /// Ends the thread after the pass it may be in.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn lock_for_fork(&'static self, held: &mut Vec<Box<dyn std::any::Any>>) {
        held.push(Box::new(
            self.reading.lock().unwrap_or_else(|e| e.into_inner()),
        ));
        held.push(Box::new(self.lock()));
    }

    /// In a forked child there is no drain thread; the next ring starts one.
    pub(crate) fn reset_after_fork(&self) {
        self.waits.store(false, Ordering::Relaxed);
        let mut state = self.lock();
        *state = State {
            stopped: state.stopped,
            ..State::default()
        };
    }
}
