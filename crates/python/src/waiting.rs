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
    wait(py, tracer, move |tracer| {
        tracer.force_flush(clock::remaining(deadline)).is_done()
    })
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
    wait(py, tracer, move |tracer| {
        tracer.shutdown_within(clock::remaining(deadline)).is_done()
    })
}

/// Does the work on another thread, because nothing interrupts it, and looks for signals on this one.
fn wait(
    py: Python<'_>,
    tracer: &Tracer,
    work: impl Fn(&Tracer) -> bool + Clone + Send + 'static,
) -> PyResult<bool> {
    let (done, mut outcome) = mpsc::channel();
    let (theirs, own) = (tracer.clone(), work.clone());
    let thread = thread::Builder::new()
        .name("codomyrmex-wait".into())
        .spawn(move || {
            // Nobody waits any more where a signal's handler raised.
            let _ = done.send(own(&theirs));
        });
    if thread.is_err() {
        return Ok(py.detach(move || work(tracer)));
    }
    loop {
        let received = py.detach(move || (outcome.recv_timeout(TURN), outcome));
        outcome = received.1;
        match received.0 {
            Ok(well) => return Ok(well),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}
