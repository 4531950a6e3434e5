//! The in-process lane: the finished Span objects of one tracer on their way to one exporter.
//!
//! The tenth span exports, on its own thread. Calls of `export` never overlap: what other threads finish meanwhile is
//! exported by the thread that is at it, what the exporter itself finishes waits for the next batch. No lock is held while
//! the exporter runs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use codomyrmex_core::clock;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::diagnostics;
use crate::heap_type::{Slot, show};
use crate::module::state;
use crate::span::SpanObject;
use crate::timer;
use crate::user_code;

/// So many spans wait at most while an exporter is slow.
pub(crate) const MOST: usize = 16_384;

/// Counters of one lane; what is missing to `recorded` is queued.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) exported: u64,
    pub(crate) queue_full: u64,
    pub(crate) export_failed: u64,
    pub(crate) shutdown: u64,
    pub(crate) hook: u64,
    pub(crate) queued: u64,
    pub(crate) in_flight: u64,
}

/// The shortest interval that is not a busy loop.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);

pub(crate) struct Lane {
    exporter: Slot,
    batch: usize,
    /// So long a finished span waits for its batch; None is until the batch is complete.
    interval: Option<Duration>,
    queue: Mutex<Queue>,
    /// Where threads wait for the exporting one. Apart from the queue, which is locked with the interpreter attached only.
    turn: Mutex<()>,
    idle: Condvar,
}

// SAFETY: the slot and the queued pointers are used with the interpreter attached only, which is one thread at a time.
unsafe impl Send for Lane {}
// SAFETY: as above.
unsafe impl Sync for Lane {}

#[derive(Default)]
struct Queue {
    /// Owned references, oldest first.
    waiting: Vec<*mut PyObject>,
    /// Which thread is exporting.
    exporting: Option<usize>,
    /// So many spans are in that thread's hands.
    taken: usize,
    /// Batches that other threads completed meanwhile.
    handed_over: usize,
    /// So many spans ever came in, and so many of these are out of here.
    arrived: u64,
    gone: u64,
    /// When the oldest of those that wait are due, where there is an interval.
    due: Option<Instant>,
    closed: bool,
    /// The exporter has been shut down.
    ended: bool,
    counts: Counts,
}

impl Queue {
    /// How many spans wait that came in before `mark`.
    fn before(&self, mark: u64) -> usize {
        let left = usize::try_from(mark.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        left.min(self.waiting.len())
    }
}

/// What a flush is for: the spans that had come in when it was called.
#[derive(Clone, Copy)]
struct Flush {
    mark: u64,
    deadline: Option<Instant>,
}

/// A number that tells this thread from all others that live.
fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

impl Lane {
    pub(crate) fn new(
        exporter: Bound<'_, PyAny>,
        batch: usize,
        interval: Option<Duration>,
    ) -> Self {
        let slot = Slot::empty();
        slot.store(exporter);
        Self {
            exporter: slot,
            batch: batch.max(1),
            interval: interval.map(|interval| interval.max(LEAST_INTERVAL)),
            queue: Mutex::default(),
            turn: Mutex::new(()),
            idle: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        let queue = self.lock();
        Counts {
            queued: (queue.waiting.len() + queue.taken) as u64,
            in_flight: queue.taken as u64,
            ..queue.counts
        }
    }

    /// Takes a finished span; exports if that completes a batch.
    ///
    /// # Safety
    /// The thread is attached and has no exception set; the span has a tracer.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, span: &SpanObject) {
        if state().is_behind() {
            Python::attach(|py| state().catch_up(py));
        }
        let mut queue = self.lock();
        if queue.closed {
            queue.counts.shutdown += 1;
            return;
        }
        if queue.waiting.len() >= MOST {
            queue.counts.queue_full += 1;
            return;
        }
        // SAFETY: the span is alive.
        queue.waiting.push(unsafe { ffi::Py_NewRef(span.as_ptr()) });
        queue.arrived += 1;
        let waiting = queue.waiting.len();
        if waiting == 1 {
            self.plan(&mut queue);
            let due = queue.due;
            drop(queue);
            state().keep(span.tracer.as_ptr());
            if let Some(due) = due {
                Python::attach(|py| timer::look_at(py, due));
            }
            // With a batch size of one the first span is the last of its batch.
            if self.batch > 1 {
                return;
            }
            queue = self.lock();
        }
        if queue.waiting.len() >= self.batch {
            self.completed(queue, span.tracer.as_ptr());
        }
    }

    /// What waits from now on is due in an interval.
    fn plan(&self, queue: &mut Queue) {
        if let Some(interval) = self.interval {
            queue.due = if queue.waiting.is_empty() {
                None
            } else {
                clock::deadline(interval)
            };
        }
    }

    /// Exports what is due; gives when the next spans are. While another thread exports, it says so itself when it is done.
    pub(crate) fn flush_due(&self, py: Python<'_>, tracer: *mut PyObject) -> Option<Instant> {
        let queue = self.lock();
        let due = queue
            .due
            .filter(|_| queue.exporting.is_none() && !queue.ended)?;
        drop(queue);
        if !clock::remaining(Some(due)).is_zero() {
            return Some(due);
        }
        self.flush(py, tracer, None);
        if let Some(error) = PyErr::take(py) {
            swallow(py, error, "a flush after flush_interval failed");
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn completed(&self, mut queue: MutexGuard<'_, Queue>, tracer: *mut PyObject) {
        let me = this_thread();
        match queue.exporting {
            Some(thread) if thread == me => {}
            Some(_) => {
                if queue.waiting.len().is_multiple_of(self.batch) {
                    queue.handed_over += 1;
                }
            }
            None => {
                queue.exporting = Some(me);
                queue.handed_over = queue.waiting.len() / self.batch;
                drop(queue);
                Python::attach(|py| self.export_batches(py, tracer, None));
            }
        }
    }

    /// Exports as this lane's exporting thread: whole batches that were handed over, or all that a flush is for.
    fn export_batches(&self, py: Python<'_>, tracer: *mut PyObject, flush: Option<Flush>) -> bool {
        let mut well = true;
        loop {
            let mut queue = self.lock();
            let size = if let Some(flush) = flush {
                if clock::remaining(flush.deadline).is_zero() {
                    0
                } else {
                    queue.before(flush.mark).min(self.batch)
                }
            } else if queue.handed_over > 0 && queue.waiting.len() >= self.batch {
                queue.handed_over -= 1;
                self.batch
            } else {
                0
            };
            if size == 0 {
                queue.exporting = None;
                queue.handed_over = 0;
                well &= flush.is_none_or(|flush| queue.before(flush.mark) == 0);
                let nothing_waits = queue.waiting.is_empty();
                let due = queue.due.filter(|_| !nothing_waits);
                drop(queue);
                self.idle.notify_all();
                if let Some(due) = due {
                    timer::look_at(py, due);
                }
                if nothing_waits {
                    state().release(tracer);
                }
                return well;
            }
            let spans: Vec<*mut PyObject> = queue.waiting.drain(..size).collect();
            self.plan(&mut queue);
            queue.taken = size;
            drop(queue);
            let exported = self.export(py, spans);
            let mut queue = self.lock();
            queue.taken = 0;
            queue.gone += size as u64;
            if exported {
                queue.counts.exported += size as u64;
            } else {
                queue.counts.export_failed += size as u64;
                well = false;
            }
        }
    }

    /// One call of the exporter, which gets a list that is its own to keep.
    fn export(&self, py: Python<'_>, spans: Vec<*mut PyObject>) -> bool {
        // SAFETY: the list takes over the owned references.
        let list = unsafe {
            let list = ffi::PyList_New(spans.len() as ffi::Py_ssize_t);
            if list.is_null() {
                ffi::PyErr_Clear();
                for span in spans {
                    ffi::Py_DECREF(span);
                }
                return false;
            }
            for (at, span) in spans.into_iter().enumerate() {
                ffi::PyList_SET_ITEM(list, at as ffi::Py_ssize_t, span);
            }
            Bound::from_owned_ptr(py, list)
        };
        let Some(exporter) = self.exporter.get(py) else {
            return false;
        };
        let called = exporter
            .getattr(pyo3::intern!(py, "export"))
            .and_then(|export| user_code::call(&export, &PyTuple::new(py, [list])?, None));
        match called {
            Ok(result) => !result.is(&*pyo3::types::PyBool::new(py, false)),
            Err(error) => {
                swallow(
                    py,
                    error,
                    "an exporter raised in export(); its spans are lost",
                );
                false
            }
        }
    }

    /// Exports what waits now, and not what is finished meanwhile: that may never end. False where the exporter failed or the
    /// time was up before.
    pub(crate) fn flush(
        &self,
        py: Python<'_>,
        tracer: *mut PyObject,
        deadline: Option<Instant>,
    ) -> bool {
        let me = this_thread();
        let mark = self.lock().arrived;
        loop {
            let mut queue = self.lock();
            if queue.gone >= mark {
                return true;
            }
            match queue.exporting {
                None => {
                    if queue.waiting.is_empty() {
                        return true;
                    }
                    queue.exporting = Some(me);
                    drop(queue);
                    return self.export_batches(py, tracer, Some(Flush { mark, deadline }));
                }
                // Called by the exporter itself: what waits goes with the next batch.
                Some(thread) if thread == me => return true,
                Some(_) => {
                    drop(queue);
                    let left = clock::remaining(deadline);
                    if left.is_zero() {
                        return false;
                    }
                    // Waits in short turns, so that Ctrl-C is seen and no wake-up can be missed for long.
                    let turn = left.min(Duration::from_millis(20));
                    py.detach(|| match self.turn.try_lock() {
                        Ok(guard) => drop(self.idle.wait_timeout(guard, turn)),
                        Err(_) => std::thread::sleep(turn.min(Duration::from_millis(1))),
                    });
                    if let Err(error) = py.check_signals() {
                        error.restore(py);
                        return false;
                    }
                }
            }
        }
    }

    /// Counts a span that a hook dropped.
    pub(crate) fn discarded(&self) {
        self.lock().counts.hook += 1;
    }

    /// The exporter's class, as its name in the books.
    pub(crate) fn name(&self, py: Python<'_>) -> String {
        let name = self
            .exporter
            .get(py)
            .and_then(|exporter| exporter.get_type().name().ok());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Calls a method of the exporter that it need not have.
    pub(crate) fn call(&self, py: Python<'_>, method: &str) -> bool {
        let Some(exporter) = self.exporter.get(py) else {
            return true;
        };
        let Ok(method) = exporter.getattr(method) else {
            return true;
        };
        match user_code::call(&method, &PyTuple::empty(py), None) {
            Ok(_) => true,
            Err(error) => {
                swallow(py, error, "an exporter raised in flush() or shutdown()");
                false
            }
        }
    }

    /// What comes from now on is counted and dropped.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whether the exporter is to be shut down, which happens once.
    pub(crate) fn ends_now(&self) -> bool {
        !std::mem::replace(&mut self.lock().ended, true)
    }

    /// In a forked child: the parent exports what waits, and no other thread is exporting here.
    pub(crate) fn forget(&self) {
        let mut queue = self.lock();
        let waiting = std::mem::take(&mut queue.waiting);
        *queue = Queue {
            closed: queue.closed,
            ended: queue.ended,
            ..Queue::default()
        };
        drop(queue);
        for span in waiting {
            // SAFETY: the fork hook runs attached; the queue owned the span.
            unsafe { ffi::Py_DECREF(span) };
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.exporter.show(visit)?;
        match self.queue.try_lock() {
            Ok(queue) => queue.waiting.iter().try_for_each(|span| show(*span, visit)),
            Err(_) => Ok(()),
        }
    }

    /// # Safety
    /// The thread is attached.
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: as promised by the caller.
        unsafe { self.exporter.clear() };
        self.forget();
    }
}

/// What user code raised never reaches the application. Ctrl-C is delivered again, to the main thread.
pub(crate) fn swallow(py: Python<'_>, error: PyErr, message: &str) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        // First of all: what goes with its frames may run code, which would get the signal in the application's place.
        drop(error);
        // SAFETY: attached; simulates the signal that was taken from the application.
        unsafe { ffi::PyErr_SetInterrupt() };
        return;
    }
    diagnostics::report(py, message, Some(&error));
}
