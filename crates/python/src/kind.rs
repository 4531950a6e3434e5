//! SpanKind and SpanStatus: Python's enum members for OTLP's numbers, and back.

use codomyrmex_core::{SpanKind, SpanStatus};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::module::state;
use crate::span::SpanObject;

/// OTLP's number of a kind: of a member of SpanKind, or of its text in any case.
///
/// # Safety
/// The thread is attached; `value` is alive.
pub(crate) unsafe fn number_of_kind(value: *mut PyObject) -> Option<u8> {
    if let Some(at) = state().kinds.iter().position(|kind| kind.get() == value) {
        return Some(at as u8 + 1);
    }
    // SAFETY: as promised by the caller.
    let text = unsafe { crate::text::borrowed(value) }?;
    text.parse::<SpanKind>().ok().map(SpanKind::otlp)
}

/// OTLP's number of a status: of a member of SpanStatus, or of its text in any case.
///
/// # Safety
/// The thread is attached; `value` is alive.
pub(crate) unsafe fn number_of_status(value: *mut PyObject) -> Option<u8> {
    if let Some(at) = state()
        .statuses
        .iter()
        .position(|status| status.get() == value)
    {
        return Some(at as u8);
    }
    // SAFETY: as promised by the caller.
    let text = unsafe { crate::text::borrowed(value) }?;
    text.parse::<SpanStatus>().ok().map(SpanStatus::otlp)
}

/// Sets a new span's kind; None is INTERNAL, and what else is no kind is ignored.
///
/// # Safety
/// The thread is attached; `value` is alive.
pub(crate) unsafe fn set(span: &SpanObject, value: *mut PyObject) {
    // SAFETY: as promised by the caller.
    if value == unsafe { ffi::Py_None() } {
        return;
    }
    // SAFETY: as promised by the caller.
    match unsafe { number_of_kind(value) } {
        Some(number) => span.kind.set(number),
        None => crate::attributes::ignored(span),
    }
}

fn member<'py>(py: Python<'py>, member: *mut PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: members live as long as the module's state.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, member) }.ok_or_else(|| {
        pyo3::exceptions::PyRuntimeError::new_err(
            "import codomyrmex.telemetry.tracing, not its _native module alone",
        )
    })
}

/// The member of SpanKind with OTLP's number `kind`.
pub(crate) fn kind_member(py: Python<'_>, kind: u8) -> PyResult<Bound<'_, PyAny>> {
    member(py, state().kinds[usize::from(kind.clamp(1, 5)) - 1].get())
}

/// The member of SpanStatus with OTLP's number `status`.
pub(crate) fn status_member(py: Python<'_>, status: u8) -> PyResult<Bound<'_, PyAny>> {
    member(py, state().statuses[usize::from(status.min(2))].get())
}

pub(crate) fn get_kind<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    match object
        .rare()
        .and_then(|rare| rare.kind_value.get(span.py()))
    {
        Some(value) => Ok(value),
        None => kind_member(span.py(), object.kind.get()),
    }
}

pub(crate) fn set_kind<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let object = SpanObject::borrow(span);
    // SAFETY: a `Bound` proves that the thread is attached.
    unsafe {
        object.kind.set(number_of_kind(value.as_ptr()).unwrap_or(1));
        if !is_member(&state().kinds, value.as_ptr()) {
            object.make_rare().kind_value.store(value);
        } else if let Some(rare) = object.rare() {
            rare.kind_value.clear();
        }
    }
    Ok(())
}

pub(crate) fn get_status<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    match object
        .rare()
        .and_then(|rare| rare.status_value.get(span.py()))
    {
        Some(value) => Ok(value),
        None => status_member(span.py(), object.status.get()),
    }
}

pub(crate) fn set_status<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let object = SpanObject::borrow(span);
    // SAFETY: a `Bound` proves that the thread is attached.
    unsafe {
        object
            .status
            .set(number_of_status(value.as_ptr()).unwrap_or(0));
        if !is_member(&state().statuses, value.as_ptr()) {
            object.make_rare().status_value.store(value);
        } else if let Some(rare) = object.rare() {
            rare.status_value.clear();
        }
    }
    Ok(())
}

fn is_member(members: &[std::cell::Cell<*mut PyObject>], value: *mut PyObject) -> bool {
    members.iter().any(|member| member.get() == value)
}

/// Registers the enums; called by the package when it is imported.
#[pyfunction]
pub(crate) fn register(kinds: &Bound<'_, PyAny>, statuses: &Bound<'_, PyAny>) -> PyResult<()> {
    let state = state();
    for (place, kind) in state
        .kinds
        .iter()
        .zip(["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
    {
        replace(place, kinds.getattr(kind)?);
    }
    for (place, status) in state.statuses.iter().zip(["UNSET", "OK", "ERROR"]) {
        replace(place, statuses.getattr(status)?);
    }
    Ok(())
}

fn replace(place: &std::cell::Cell<*mut PyObject>, value: Bound<'_, PyAny>) {
    let old = place.replace(value.into_ptr());
    // SAFETY: the place owned the old member, and `value` was a `Bound`, so the thread is attached.
    unsafe { ffi::Py_XDECREF(old) };
}
