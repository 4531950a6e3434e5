//! SIGTERM, for those who ask for it: the engine's handler, and the Span objects that wait.

use std::time::Instant;

use codomyrmex_core::{binding, flush_on_sigterm as install, stop_flushing_on_sigterm};
use pyo3::prelude::*;

use crate::module::state;
use crate::{settings, tracer};

/// Has SIGTERM flush every tracer, for at most `timeout` seconds all together, before it ends the process as it always did.
///
/// A handler that is there already, Python's own included, is called as before, and decides what becomes of the process. One
/// that is set afterwards takes the place of this one; call this again to have both. `enabled=False` undoes it. Raises
/// OSError where the system has no such handlers.
#[pyfunction]
#[pyo3(signature = (enabled = true, *, timeout = 5.0))]
fn flush_on_sigterm(py: Python<'_>, enabled: bool, timeout: f64) -> PyResult<()> {
    let timeout = settings::interval(timeout)?;
    py.detach(|| {
        if enabled {
            install(timeout)
        } else {
            stop_flushing_on_sigterm();
            Ok(())
        }
    })?;
    Ok(())
}

/// Exports what waits in the lanes of all tracers. On a thread of the engine's, which nobody waits for longer than until the
/// deadline.
fn flush_objects(deadline: Option<Instant>) {
    Python::try_attach(|py| {
        // At its end the interpreter flushes by itself.
        if state().end.get().is_none() {
            for tracer in state().live(py) {
                tracer::flush_objects(&tracer, deadline);
            }
        }
    });
}

pub(crate) fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    binding::flush_on_sigterm_too(flush_objects);
    module.add_function(wrap_pyfunction!(flush_on_sigterm, module)?)
}
