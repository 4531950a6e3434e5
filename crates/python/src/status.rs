//! The status of a span by its rules: OK is final, ERROR wins over UNSET, a message goes with ERROR only.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::span::SpanObject;

const OK: u8 = 1;
const ERROR: u8 = 2;

/// Sets the status with OTLP's number `status`, if the rules allow.
pub(crate) fn set(span: &SpanObject, status: u8, message: Option<Bound<'_, PyAny>>) {
    if status == 0 || span.status.get() == OK {
        return;
    }
    span.status.set(status);
    if let Some(rare) = span.rare() {
        // SAFETY: spans are used with the thread attached only.
        unsafe {
            rare.status_value.clear();
            rare.status_message.clear();
        }
    }
    if status == ERROR
        && let Some(message) = message
    {
        span.make_rare().status_message.store(message);
    }
}

pub(crate) fn get_message<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = span.py();
    let message = SpanObject::borrow(span)
        .rare()
        .and_then(|rare| rare.status_message.get(py));
    Ok(message.unwrap_or_else(|| PyString::intern(py, "").into_any()))
}

pub(crate) fn set_message<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    SpanObject::borrow(span)
        .make_rare()
        .status_message
        .store(value);
    Ok(())
}
