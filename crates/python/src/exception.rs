//! An exception as an event of its span, and the span's status after it.

use pyo3::exceptions::PyGeneratorExit;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::span::SpanObject;
use crate::{convert, events, status, times, traceback};

/// Records the exception that left a span's block.
///
/// # Safety
/// The thread is attached and has no exception set; both are alive.
#[cold]
pub(crate) unsafe fn record_left(span: &SpanObject, exception: *mut PyObject) {
    Python::attach(|py| {
        // SAFETY: as promised by the caller.
        let exception = unsafe { Bound::from_borrowed_ptr(py, exception) };
        if exception.is_instance_of::<PyGeneratorExit>() {
            // A generator that is closed early has not failed.
            return;
        }
        // The exception ended the block, and not the time that it takes to write it down.
        let time = times::end_reading_ns(span);
        if record(span, &exception, None, time).is_err() {
            crate::attributes::ignored(span);
        }
    });
}

/// Adds the `exception` event and sets ERROR with the exception's message.
pub(crate) fn record(
    span: &SpanObject,
    exception: &Bound<'_, PyAny>,
    attributes: Option<&Bound<'_, PyAny>>,
    time_ns: Option<u64>,
) -> PyResult<()> {
    if !events::takes(span) {
        return Ok(());
    }
    let py = exception.py();
    let message = convert::text(exception);
    let details = PyDict::new(py);
    details.set_item(
        pyo3::intern!(py, "exception.type"),
        traceback::type_name(exception),
    )?;
    details.set_item(pyo3::intern!(py, "exception.message"), &message)?;
    details.set_item(
        pyo3::intern!(py, "exception.stacktrace"),
        traceback::write(exception),
    )?;
    if let (Some(more), over) = events::own_attributes(attributes, 128) {
        events::count_dropped(span, over);
        details.update(more.as_mapping())?;
    }
    events::add(
        span,
        pyo3::intern!(py, "exception").as_any(),
        Some(details),
        time_ns,
    )?;
    status::set(span, 2, Some(PyString::new(py, &message).into_any()));
    Ok(())
}
