//! The thread that empties the rings into batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::diagnostics::{self, Kind};
use crate::pipeline::Pipeline;

/// A batch takes no more bytes than this, except for one span that is larger.
const BATCH_BYTES: usize = 64 << 10;
/// The shortest interval that is not a busy loop.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);
/// How long a finished span waits in its ring where no interval is asked for.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The drain of one pipeline: at most one thread, started by the first ring.
pub(crate) struct Drain {
    interval: Option<Duration>,
    state: Mutex<State>,
    changed: Condvar,
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
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self {
            interval: interval.map(|interval| interval.max(LEAST_INTERVAL)),
            state: Mutex::default(),
            changed: Condvar::new(),
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
        loop {
            let mut state = self.lock();
            if !state.woken && !state.stopped {
                self.waits.store(true, Ordering::SeqCst);
                state = self
                    .changed
                    .wait_timeout(state, interval)
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
            pipeline.tick();
        }
    }

    /// Asks for a pass now. Cheap while the thread is at work.
    pub(crate) fn wake(&self) {
        if self.waits.load(Ordering::Relaxed) {
            self.lock().woken = true;
            self.changed.notify_all();
        }
    }

    /// Keeps everybody else from reading the rings.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// One pass over the rings, on this thread.
    pub(crate) fn pass(&self, pipeline: &Pipeline) {
        // Declared first, so dropped last: what there is to say is said without the lock.
        let _hold = diagnostics::hold();
        let _reading = self.hold();
        pipeline.drain_rings(BATCH_BYTES);
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
