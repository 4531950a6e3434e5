//! Async generators: each of their methods gives a step, and the step is what is driven.

use std::ffi::c_void;
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use super::{Driven, answered, common, itself, make, step_by};
use crate::args::{Args, method};
use crate::module::state;

/// One step of an async generator's `__anext__`, `asend`, `athrow` or `aclose`: what it returns is a value that was yielded.
unsafe extern "C" fn send_step(
    object: *mut PyObject,
    value: *mut PyObject,
    result: *mut *mut PyObject,
) -> ffi::PySendResult {
    // SAFETY: as for `send`; a step owns its generator.
    unsafe {
        let step = Driven::from_ptr(object);
        let generator = Driven::from_ptr(step.origin.as_ptr());
        generator.step_in();
        let sent = ffi::PyIter_Send(step.inner.as_ptr(), value, result);
        match sent {
            ffi::PySendResult::PYGEN_ERROR => generator.end_raising(),
            ffi::PySendResult::PYGEN_RETURN if step.is_closing.get() => generator.end(),
            _ => generator.step_out(),
        }
        sent
    }
}

unsafe extern "C" fn next_step(object: *mut PyObject) -> *mut PyObject {
    let mut result = ptr::null_mut();
    // SAFETY: as for `send_step`.
    unsafe { answered(send_step(object, ffi::Py_None(), &raw mut result), result) }
}

unsafe extern "C" fn send_step_method(
    object: *mut PyObject,
    value: *mut PyObject,
) -> *mut PyObject {
    let mut result = ptr::null_mut();
    // SAFETY: as for `send_step`.
    unsafe { answered(send_step(object, value, &raw mut result), result) }
}

unsafe extern "C" fn throw_step(
    object: *mut PyObject,
    values: *mut *mut PyObject,
    count: ffi::Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as for `send_step`.
    unsafe {
        let generator = Driven::from_ptr(Driven::from_ptr(object).origin.as_ptr());
        step_by(
            object,
            generator,
            state().throw,
            values,
            count as usize,
            false,
        )
    }
}

unsafe extern "C" fn close_step(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as for `send_step`.
    unsafe {
        ffi::PyObject_CallMethodNoArgs(Driven::from_ptr(object).inner.as_ptr(), state().close)
    }
}

unsafe extern "C" fn next_async(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this with a driven async generator.
    unsafe {
        let inner = Driven::from_ptr(object).inner.as_ptr();
        step_of(
            object,
            ffi::PyObject_CallMethodNoArgs(inner, state().anext),
            false,
        )
    }
}

/// The step that awaits `awaitable`, which is taken over.
unsafe fn step_of(
    generator: *mut PyObject,
    awaitable: *mut PyObject,
    closing: bool,
) -> *mut PyObject {
    // SAFETY: attached; the generator is alive.
    unsafe {
        if awaitable.is_null() {
            return awaitable;
        }
        let step = make(
            state().driven_types[3],
            awaitable,
            ffi::Py_NewRef(generator),
            true,
        );
        if !step.is_null() {
            (*step).is_closing.set(closing);
        }
        step.cast()
    }
}

fn asend<'py>(object: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    start_step(object, args, "asend", false)
}

fn athrow<'py>(object: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    start_step(object, args, "athrow", false)
}

fn aclose<'py>(object: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    start_step(object, args, "aclose", true)
}

fn start_step<'py>(
    object: &Bound<'py, PyAny>,
    args: &Args<'_>,
    name: &str,
    closing: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    // SAFETY: CPython checked the receiver; arguments live during the call.
    unsafe {
        let driven = Driven::from_ptr(object.as_ptr());
        let Some(inner) = driven.inner.get(py) else {
            return Err(pyo3::exceptions::PyRuntimeError::new_err("collected"));
        };
        let values: Vec<_> = (0..args.positions())
            .map(|at| Bound::from_borrowed_ptr(py, args.position(at)))
            .collect();
        let awaitable = inner.call_method1(name, pyo3::types::PyTuple::new(py, values)?)?;
        if closing && driven.span.is_empty() {
            return Ok(awaitable);
        }
        Bound::from_owned_ptr_or_err(py, step_of(object.as_ptr(), awaitable.into_ptr(), closing))
    }
}

/// Makes the types of async generators and of their steps.
pub(super) fn build(module: &Bound<'_, PyModule>) -> PyResult<[*mut ffi::PyTypeObject; 2]> {
    let async_generator = common(c"codomyrmex.telemetry.tracing._native.TracedAsyncGenerator")
        .slot(ffi::Py_am_aiter, itself as *mut c_void)
        .slot(ffi::Py_am_anext, next_async as *mut c_void)
        .method(c"asend", method!(asend), c"Resumes the generator.")
        .method(
            c"athrow",
            method!(athrow),
            c"Raises an exception in the generator.",
        )
        .method(c"aclose", method!(aclose), c"Ends the generator.")
        .build(module)?;
    let step = common(c"codomyrmex.telemetry.tracing._native.TracedStep")
        .slot(ffi::Py_am_await, itself as *mut c_void)
        .slot(ffi::Py_am_send, send_step as *mut c_void)
        .slot(ffi::Py_tp_iter, itself as *mut c_void)
        .slot(ffi::Py_tp_iternext, next_step as *mut c_void)
        .object_method(c"send", send_step_method, c"Resumes the step.")
        .plain_method(c"throw", throw_step, c"Raises an exception in the step.")
        .bare_method(c"close", close_step, c"Ends the step.")
        .build(module)?;
    Ok([async_generator, step])
}
