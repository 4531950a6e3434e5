//! Calls of Python code that may take its time: the user's exporters, hooks, samplers, traced functions, values.
//!
//! A thread that still runs such code when the interpreter ends is ended by CPython before 3.14 as soon as it wants the
//! interpreter back: its stack is unwound, through these frames. Theirs must not run then, for they would give back what they
//! no longer have; so the unwinding ends here, and the thread waits for the end of the process.

use std::hint::black_box;

use pyo3::ffi::{self, PyObject, PySendResult};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// CPython's functions as they are: they may unwind. `pyo3::ffi` declares the same symbols as functions that never do, and
/// where a linker joins both declarations the calls would lose their guards; so each call goes through a pointer of which
/// the compiler does not know where it leads.
mod unguarded {
    use super::{PyObject, PySendResult};

    unsafe extern "C-unwind" {
        pub(super) fn PyObject_VectorcallDict(
            callable: *mut PyObject,
            args: *const *mut PyObject,
            count: usize,
            options: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_Call(
            callable: *mut PyObject,
            args: *mut PyObject,
            options: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyIter_Send(
            iterator: *mut PyObject,
            value: *mut PyObject,
            result: *mut *mut PyObject,
        ) -> PySendResult;
        pub(super) fn PyObject_Str(object: *mut PyObject) -> *mut PyObject;
    }
}

type VectorcallDict = unsafe extern "C-unwind" fn(
    *mut PyObject,
    *const *mut PyObject,
    usize,
    *mut PyObject,
) -> *mut PyObject;
/// As `vectorcallfunc`, but for the unwinding; the last parameter is the tuple of names.
type Vectorcall = VectorcallDict;
type Call =
    unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
type Send =
    unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut *mut PyObject) -> PySendResult;
type Str = unsafe extern "C-unwind" fn(*mut PyObject) -> *mut PyObject;

/// Dropped by unwinding only.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// Calls what may unwind; a thread that CPython ends stays here.
#[inline(always)]
fn guarded<R>(call: impl FnOnce() -> R) -> R {
    let stay = Stay;
    let result = call();
    std::mem::forget(stay);
    result
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
        // SAFETY: as promised by the caller.
        return unsafe { vectorcall_with_names(callable, args, count, names) };
    }
    let vectorcall: VectorcallDict = black_box(unguarded::PyObject_VectorcallDict);
    // SAFETY: as promised by the caller.
    guarded(|| unsafe { vectorcall(callable, args, count, names) })
}

/// CPython 3.10 exports no function for it.
unsafe fn vectorcall_with_names(
    callable: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as promised by the caller: behind the arguments by position stand those by name, in the order of the names.
    unsafe {
        if let Some(own) = ffi::PyVectorcall_Function(callable) {
            let own = std::mem::transmute::<ffi::vectorcallfunc, Vectorcall>(own);
            return guarded(|| own(callable, args, count, names));
        }
        let options = ffi::PyDict_New();
        if options.is_null() {
            return options;
        }
        let by_position = ffi::PyVectorcall_NARGS(count) as usize;
        for at in 0..ffi::PyTuple_GET_SIZE(names) {
            let name = ffi::PyTuple_GET_ITEM(names, at);
            if ffi::PyDict_SetItem(options, name, *args.add(by_position + at as usize)) < 0 {
                ffi::Py_DECREF(options);
                return std::ptr::null_mut();
            }
        }
        let vectorcall: VectorcallDict = black_box(unguarded::PyObject_VectorcallDict);
        let result = guarded(|| vectorcall(callable, args, count, options));
        ffi::Py_DECREF(options);
        result
    }
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
    let send: Send = black_box(unguarded::PyIter_Send);
    // SAFETY: as promised by the caller.
    guarded(|| unsafe { send(iterator, value, result) })
}

/// `str(object)`; owned, or null with an exception set.
///
/// # Safety
/// As [`vectorcall`].
pub(crate) unsafe fn str(object: *mut PyObject) -> *mut PyObject {
    let str: Str = black_box(unguarded::PyObject_Str);
    // SAFETY: as promised by the caller.
    guarded(|| unsafe { str(object) })
}

/// `callable(*args, **options)`.
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = options.map_or(std::ptr::null_mut(), |options| options.as_ptr());
    let call: Call = black_box(unguarded::PyObject_Call);
    // SAFETY: attached; all three are owned by the caller.
    let result = guarded(|| unsafe { call(callable.as_ptr(), args.as_ptr(), options) });
    // SAFETY: an owned reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}
