//! Waiting for the exporters of bytes, without the interpreter, and so that Ctrl-C is seen.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use codomyrmex_core::{Tracer, clock};
use pyo3::prelude::*;

/// So long the calling thread waits itself: most flushes are over by then.
const SHORT: Duration = Duration::from_millis(20);
/// So often signals are looked for.
const TURN: Duration = Duration::from_millis(50);

/// Takes what has finished to the exporters of bytes; gives whether it all arrived before the deadline.
///
/// # Errors
///
/// What a signal's handler raises, such as KeyboardInterrupt. The flush goes on meanwhile.
pub(crate) fn flush(py: Python<'_>, tracer: &Tracer, deadline: Option<Instant>) -> PyResult<bool> {
    let left = clock::remaining(deadline);
    if py.detach(|| tracer.force_flush(left.min(SHORT)).is_done()) {
        return Ok(true);
    }
    if left <= SHORT {
        return Ok(false);
    }
    let tracer = tracer.clone();
    let flush = move || tracer.force_flush(clock::remaining(deadline)).is_done();
    Ok(wait(py, flush)?.unwrap_or(false))
}

/// Flushes and ends the exporters of bytes before the deadline.
///
/// # Errors
///
/// As [`flush`]; the shutdown goes on meanwhile.
pub(crate) fn shut_down(
    py: Python<'_>,
    tracer: &Tracer,
    deadline: Option<Instant>,
) -> PyResult<bool> {
    let tracer = tracer.clone();
    let shut_down = move || {
        let left = clock::remaining(deadline);
        tracer.shutdown_within(left).is_done()
    };
    Ok(wait(py, shut_down)?.unwrap_or(false))
}

/// Does the work on another thread, because nothing interrupts it, and looks for signals on this one. None where the work
/// panicked.
///
/// # Errors
///
/// What a signal's handler raises; the work goes on meanwhile.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    work: impl Fn() -> T + Clone + Send + 'static,
) -> PyResult<Option<T>> {
    let (done, mut outcome) = mpsc::channel();
    let own = work.clone();
    let thread = thread::Builder::new()
        .name("codomyrmex-wait".into())
        .spawn(move || {
            // Nobody waits any more where a signal's handler raised.
            let _ = done.send(own());
        });
    if thread.is_err() {
        return Ok(Some(py.detach(work)));
    }
    loop {
        let received = py.detach(move || (outcome.recv_timeout(TURN), outcome));
        outcome = received.1;
        match received.0 {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}
