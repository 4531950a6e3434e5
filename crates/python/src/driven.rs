//! What a traced coroutine function, generator function or async generator function gives: the inner object, driven in a span
//! that begins with the first step and ends with the last.
//!
//! A coroutine's span stays current between its steps, as a `with` block in it would. A generator's does not: between two
//! steps its consumer runs, in the same context.

mod steps;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::current;
use crate::decorator::{Traced, leave_raising, with_raised};
use crate::heap_type::{Slot, TypeBuilder};
use crate::hot;
use crate::module::state;
use crate::span::{ENTERED, OPEN, SpanObject};
use crate::user_code;

/// What a function's call gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Coroutine,
    Generator,
    AsyncGenerator,
}

/// The C-level struct of all four types here.
#[repr(C)]
pub(crate) struct Driven {
    base: PyObject,
    weak_references: Cell<*mut PyObject>,
    /// The coroutine, generator or async generator; of a step its awaitable.
    inner: Slot,
    /// The traced function, for the span's options; of a step the async generator that it is a step of.
    origin: Slot,
    /// The span, from the first step on.
    span: Slot,
    /// The span is taken out of the current place between two steps.
    is_generator: Cell<bool>,
    /// Of a step: `aclose()`, whose end is the generator's.
    is_closing: Cell<bool>,
}

impl Driven {
    unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a Driven {
        // SAFETY: the caller has an instance of one of the four types; all fields are cells.
        unsafe { &*object.cast::<Driven>() }
    }

    fn span(&self) -> Option<&SpanObject> {
        let span = self.span.as_ptr();
        // SAFETY: the slot owns it.
        (!span.is_null()).then(|| unsafe { SpanObject::from_ptr(span) })
    }

    /// Before a step: begins the span, and makes it current.
    #[inline(always)]
    unsafe fn step_in(&self) {
        // SAFETY: attached, no exception set; the slots own what they hold.
        unsafe {
            match self.span() {
                None if !self.origin.is_empty() => {
                    let made = Traced::from_ptr(self.origin.as_ptr()).new_span();
                    if !made.is_null() {
                        self.span.fill(made.cast());
                        hot::enter_block(&*made);
                    }
                }
                Some(span) if span.phase.get() == OPEN && !span.has(ENTERED) => {
                    current::enter(span)
                }
                _ => {}
            }
        }
    }

    /// After a step that was not the last.
    #[inline(always)]
    unsafe fn step_out(&self) {
        if self.is_generator.get()
            && let Some(span) = self.span()
        {
            // SAFETY: attached, no exception set.
            unsafe { current::leave(span) };
        }
    }

    /// After the last step.
    #[inline(always)]
    unsafe fn end(&self) {
        if let Some(span) = self.span().filter(|span| span.phase.get() == OPEN) {
            // SAFETY: attached, no exception set.
            unsafe { hot::leave_block(span, ffi::Py_None()) };
        }
    }

    /// After a step that raised: the exception stays set.
    unsafe fn end_raising(&self) {
        let Some(span) = self.span().filter(|span| span.phase.get() == OPEN) else {
            return;
        };
        // SAFETY: attached, an exception is set, or none for a plain StopIteration.
        unsafe {
            let ended = ffi::PyErr_Occurred().is_null()
                || ffi::PyErr_ExceptionMatches(ffi::PyExc_StopIteration) != 0
                || ffi::PyErr_ExceptionMatches(ffi::PyExc_StopAsyncIteration) != 0
                || ffi::PyErr_ExceptionMatches(ffi::PyExc_GeneratorExit) != 0;
            if ended {
                with_raised(|_| hot::leave_block(span, ffi::Py_None()));
            } else {
                leave_raising(span);
            }
        }
    }
}

/// Wraps what a traced function gave; takes over `inner`.
///
/// # Safety
/// The thread is attached; `traced` is alive.
pub(crate) unsafe fn wrap(inner: *mut PyObject, traced: *mut PyObject) -> *mut PyObject {
    let types = state().driven_types;
    // SAFETY: as promised by the caller.
    unsafe {
        let (class, is_generator) = if ffi::PyCoro_CheckExact(inner) != 0 {
            (types[0], false)
        } else if ffi::PyGen_CheckExact(inner) != 0 {
            (types[1], true)
        } else if ffi::PyAsyncGen_CheckExact(inner) != 0 {
            (types[2], true)
        } else {
            // Another decorator below gave something else.
            return inner;
        };
        make(class, inner, ffi::Py_NewRef(traced), is_generator).cast()
    }
}

/// A new object; takes over `inner` and `origin`.
unsafe fn make(
    class: *mut ffi::PyTypeObject,
    inner: *mut PyObject,
    origin: *mut PyObject,
    is_generator: bool,
) -> *mut Driven {
    // SAFETY: attached; every field is written before the collector may see it.
    unsafe {
        let made = ffi::PyObject_GC_New::<Driven>(class);
        if made.is_null() {
            ffi::Py_DECREF(inner);
            ffi::Py_XDECREF(origin);
            return made;
        }
        (&raw mut (*made).weak_references).write(Cell::new(ptr::null_mut()));
        (&raw mut (*made).inner).write(Slot::empty());
        (&raw mut (*made).origin).write(Slot::empty());
        (&raw mut (*made).span).write(Slot::empty());
        (&raw mut (*made).is_generator).write(Cell::new(is_generator));
        (&raw mut (*made).is_closing).write(Cell::new(false));
        (*made).inner.fill(inner);
        (*made).origin.fill(origin);
        ffi::PyObject_GC_Track(made.cast());
        made
    }
}

/// One step: `send(value)`.
unsafe extern "C" fn send(
    object: *mut PyObject,
    value: *mut PyObject,
    result: *mut *mut PyObject,
) -> ffi::PySendResult {
    // SAFETY: CPython calls this with one of our objects, which it owns meanwhile.
    unsafe {
        let driven = Driven::from_ptr(object);
        driven.step_in();
        let sent = user_code::send(driven.inner.as_ptr(), value, result);
        match sent {
            ffi::PySendResult::PYGEN_NEXT => driven.step_out(),
            ffi::PySendResult::PYGEN_RETURN => driven.end(),
            ffi::PySendResult::PYGEN_ERROR => driven.end_raising(),
        }
        sent
    }
}

/// As CPython's generators answer `next()` and `send()`: a returned value becomes StopIteration.
unsafe fn answered(sent: ffi::PySendResult, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: attached; `result` is owned where something was sent.
    unsafe {
        match sent {
            ffi::PySendResult::PYGEN_NEXT => result,
            ffi::PySendResult::PYGEN_RETURN => {
                if result == ffi::Py_None() {
                    ffi::PyErr_SetNone(ffi::PyExc_StopIteration);
                } else {
                    // Made here, because a tuple as its value would be taken for its arguments.
                    let stop = ffi::PyObject_CallFunctionObjArgs(
                        ffi::PyExc_StopIteration,
                        result,
                        ptr::null_mut::<PyObject>(),
                    );
                    if !stop.is_null() {
                        ffi::PyErr_SetObject(ffi::PyExc_StopIteration, stop);
                        ffi::Py_DECREF(stop);
                    }
                }
                ffi::Py_XDECREF(result);
                ptr::null_mut()
            }
            ffi::PySendResult::PYGEN_ERROR => ptr::null_mut(),
        }
    }
}

unsafe extern "C" fn next(object: *mut PyObject) -> *mut PyObject {
    let mut result = ptr::null_mut();
    // SAFETY: as for `send`.
    unsafe { answered(send(object, ffi::Py_None(), &raw mut result), result) }
}

unsafe extern "C" fn send_method(object: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    let mut result = ptr::null_mut();
    // SAFETY: as for `send`.
    unsafe { answered(send(object, value, &raw mut result), result) }
}

/// Calls a method of the inner object as one step.
unsafe fn step_by(
    object: *mut PyObject,
    owner: &Driven,
    name: *mut PyObject,
    values: *const *mut PyObject,
    count: usize,
    last: bool,
) -> *mut PyObject {
    // SAFETY: attached; arguments live during the call.
    unsafe {
        let method = ffi::PyObject_GetAttr(Driven::from_ptr(object).inner.as_ptr(), name);
        if method.is_null() {
            return method;
        }
        owner.step_in();
        let result = user_code::vectorcall(method, values, count, ptr::null_mut());
        ffi::Py_DECREF(method);
        if result.is_null() {
            owner.end_raising();
        } else if last {
            owner.end();
        } else {
            owner.step_out();
        }
        result
    }
}

unsafe extern "C" fn throw(
    object: *mut PyObject,
    values: *mut *mut PyObject,
    count: ffi::Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as for `send`.
    unsafe {
        step_by(
            object,
            Driven::from_ptr(object),
            state().throw,
            values,
            count as usize,
            false,
        )
    }
}

unsafe extern "C" fn close(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as for `send`.
    unsafe {
        let driven = Driven::from_ptr(object);
        if driven.span.is_empty() {
            // The body never ran, and never will.
            return ffi::PyObject_CallMethodNoArgs(driven.inner.as_ptr(), state().close);
        }
        step_by(object, driven, state().close, ptr::null(), 0, true)
    }
}

unsafe extern "C" fn itself(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this with one of our objects.
    unsafe { ffi::Py_NewRef(object) }
}

/// What is asked of the object and it has not is asked of the inner one, and so is its class.
unsafe extern "C" fn get_attribute(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this with one of our objects and a `str`.
    unsafe {
        let inner = Driven::from_ptr(object).inner.as_ptr();
        if !inner.is_null() {
            let is = |word: &std::ffi::CStr| {
                ffi::PyUnicode_CompareWithASCIIString(name, word.as_ptr()) == 0
            };
            if is(c"__class__")
                || is(c"__name__")
                || is(c"__qualname__")
                || is(c"__doc__")
                || is(c"__module__")
            {
                return ffi::PyObject_GetAttr(inner, name);
            }
        }
        let found = ffi::PyObject_GenericGetAttr(object, name);
        if !inner.is_null()
            && found.is_null()
            && ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0
        {
            ffi::PyErr_Clear();
            return ffi::PyObject_GetAttr(inner, name);
        }
        found
    }
}

unsafe extern "C" fn traverse(
    object: *mut PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls this with a live object of ours.
    unsafe {
        let driven = Driven::from_ptr(object);
        let mut result = visit(ffi::Py_TYPE(object).cast(), arg);
        for slot in [&driven.inner, &driven.origin, &driven.span] {
            if result == 0 {
                result = slot.visit(visit, arg);
            }
        }
        result
    }
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: the collector calls this with a live object of ours.
    unsafe {
        let driven = Driven::from_ptr(object);
        driven.inner.clear();
        driven.origin.clear();
        driven.span.clear();
    }
    0
}

/// Given up before its end: the body ends now, and with it the span.
unsafe extern "C" fn finalize(object: *mut PyObject) {
    // SAFETY: CPython calls this once, with a live object.
    unsafe {
        let driven = Driven::from_ptr(object);
        let is_open = driven.span().is_some_and(|span| span.phase.get() == OPEN);
        if !is_open || ffi::Py_TYPE(object) == state().driven_types[3] {
            return;
        }
        with_raised(|_| {
            if ffi::Py_TYPE(object) == state().driven_types[2] {
                // Only its event loop can close an async generator; it does so by itself.
                return driven.end();
            }
            let closed = close(object, ptr::null_mut());
            if closed.is_null() {
                ffi::PyErr_WriteUnraisable(object);
            }
            ffi::Py_XDECREF(closed);
            driven.end();
        });
    }
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: CPython calls this when the last reference is gone; finalizing may bring the object back.
    unsafe {
        if ffi::PyObject_CallFinalizerFromDealloc(object) < 0 {
            return;
        }
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        if !Driven::from_ptr(object).weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

fn common(name: &'static std::ffi::CStr) -> TypeBuilder {
    TypeBuilder::new::<Driven>(
        name,
        ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    )
    .slot(ffi::Py_tp_getattro, get_attribute as *mut c_void)
    .slot(ffi::Py_tp_traverse, traverse as *mut c_void)
    .slot(ffi::Py_tp_clear, clear as *mut c_void)
    .slot(ffi::Py_tp_finalize, finalize as *mut c_void)
    .slot(ffi::Py_tp_dealloc, dealloc as *mut c_void)
    .offset(c"__weaklistoffset__", offset_of!(Driven, weak_references))
}

/// Makes the types: of coroutines, generators, async generators and their steps.
pub(crate) fn build(module: &Bound<'_, PyModule>) -> PyResult<[*mut ffi::PyTypeObject; 4]> {
    let coroutine = common(c"codomyrmex.telemetry.tracing._native.TracedCoroutine")
        .slot(ffi::Py_am_await, itself as *mut c_void)
        .slot(ffi::Py_am_send, send as *mut c_void)
        .slot(ffi::Py_tp_iter, itself as *mut c_void)
        .slot(ffi::Py_tp_iternext, next as *mut c_void)
        .object_method(c"send", send_method, c"Resumes the coroutine.")
        .plain_method(c"throw", throw, c"Raises an exception in the coroutine.")
        .bare_method(c"close", close, c"Ends the coroutine.")
        .build(module)?;
    let generator = common(c"codomyrmex.telemetry.tracing._native.TracedGenerator")
        .slot(ffi::Py_am_send, send as *mut c_void)
        .slot(ffi::Py_tp_iter, itself as *mut c_void)
        .slot(ffi::Py_tp_iternext, next as *mut c_void)
        .object_method(c"send", send_method, c"Resumes the generator.")
        .plain_method(c"throw", throw, c"Raises an exception in the generator.")
        .bare_method(c"close", close, c"Ends the generator.")
        .build(module)?;
    let [async_generator, step] = steps::build(module)?;
    Ok([coroutine, generator, async_generator, step])
}
