//! Calls of Python code that may take its time: the user's exporters, hooks, samplers, traced functions, values.
//!
//! A thread that still runs such code when the interpreter ends is ended by CPython before 3.14 as soon as it wants the
//! interpreter back: its stack is unwound, through these frames. Theirs must not run then, for they would give back what they
//! no longer have; so the unwinding ends here, and the thread waits for the end of the process.

use pyo3::ffi::{self, PyObject, PySendResult};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

// As `pyo3::ffi` has them, but for the unwinding.
unsafe extern "C-unwind" {
    fn PyObject_VectorcallDict(
        callable: *mut PyObject,
        args: *const *mut PyObject,
        count: usize,
        options: *mut PyObject,
    ) -> *mut PyObject;
    fn PyObject_Call(
        callable: *mut PyObject,
        args: *mut PyObject,
        options: *mut PyObject,
    ) -> *mut PyObject;
    fn PyIter_Send(
        iterator: *mut PyObject,
        value: *mut PyObject,
        result: *mut *mut PyObject,
    ) -> PySendResult;
    fn PyObject_Str(object: *mut PyObject) -> *mut PyObject;
}

/// Dropped by unwinding only.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// `callable(*args, **options)` as a vector call; owned, or null with an exception set.
///
/// # Safety
/// The thread is attached and has no exception set; callable and arguments are alive during the call.
#[inline(always)]
pub(crate) unsafe fn vectorcall(
    callable: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    if !names.is_null() {
        // CPython 3.10 exports no function for it, so this one way has no guard.
        // SAFETY: as promised by the caller.
        return unsafe { ffi::PyObject_Vectorcall(callable, args, count, names) };
    }
    let stay = Stay;
    // SAFETY: as promised by the caller.
    let result = unsafe { PyObject_VectorcallDict(callable, args, count, names) };
    std::mem::forget(stay);
    result
}

/// `iterator.send(value)`, as CPython's `PyIter_Send`.
///
/// # Safety
/// As [`vectorcall`].
#[inline(always)]
pub(crate) unsafe fn send(
    iterator: *mut PyObject,
    value: *mut PyObject,
    result: *mut *mut PyObject,
) -> PySendResult {
    let stay = Stay;
    // SAFETY: as promised by the caller.
    let sent = unsafe { PyIter_Send(iterator, value, result) };
    std::mem::forget(stay);
    sent
}

/// `str(object)`; owned, or null with an exception set.
///
/// # Safety
/// As [`vectorcall`].
pub(crate) unsafe fn str(object: *mut PyObject) -> *mut PyObject {
    let stay = Stay;
    // SAFETY: as promised by the caller.
    let text = unsafe { PyObject_Str(object) };
    std::mem::forget(stay);
    text
}

/// `callable(*args, **options)`.
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = options.map_or(std::ptr::null_mut(), |options| options.as_ptr());
    let stay = Stay;
    // SAFETY: attached; all three are owned by the caller.
    let result = unsafe { PyObject_Call(callable.as_ptr(), args.as_ptr(), options) };
    std::mem::forget(stay);
    // SAFETY: an owned reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}
