//! The current span: a context variable, so that threads, asyncio tasks and `Context.run` each see their own.
//!
//! Entering sets the variable, leaving resets it with the token. Leaving can fail in two ways: in another order than
//! entering (a generator that holds a block open), or in another context (an async generator closed by another task).
//! Such a span is flagged and remembers the contexts in which it counts no more and what stood there before it. A reader
//! that finds a flagged span in one of those contexts goes on to what stood before; in all other contexts, such as that
//! of a task that outlives its parent, it stays the parent.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi::{self, PyObject};

use crate::module::state;
use crate::span::{LEFT, SpanObject, is_span};

/// The current span: an owned reference, or null.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn get() -> *mut PyObject {
    // SAFETY: the variable holds Spans only, because nobody else has it.
    unsafe {
        let found = standing();
        if !found.is_null() && SpanObject::from_ptr(found).has(LEFT) {
            return behind(found);
        }
        found
    }
}

/// What stands in the variable: an owned reference, or null.
#[inline(always)]
unsafe fn standing() -> *mut PyObject {
    let mut found = ptr::null_mut();
    // SAFETY: the thread is attached, the variable is a ContextVar without default.
    if unsafe { ffi::PyContextVar_Get(state().current, ptr::null_mut(), &raw mut found) } < 0 {
        // SAFETY: as above.
        unsafe { ffi::PyErr_Clear() };
        return ptr::null_mut();
    }
    found
}

/// Makes `span` current. False where there was no memory for that.
///
/// # Safety
/// The thread is attached; the span is alive.
#[inline(always)]
pub(crate) unsafe fn enter(span: &SpanObject) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        let token = ffi::PyContextVar_Set(state().current, span.as_ptr());
        if token.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        span.token.put(token);
        true
    }
}

/// Makes current what was so before `span` was entered. Nothing happens if it was not entered.
///
/// # Safety
/// The thread is attached and has no exception set; the span is alive.
#[inline(always)]
pub(crate) unsafe fn leave(span: &SpanObject) {
    let token = span.token.take();
    if token.is_null() {
        return;
    }
    // SAFETY: the token is owned here.
    unsafe {
        let standing = standing();
        let on_top = standing == span.as_ptr();
        ffi::Py_XDECREF(standing);
        if !on_top || ffi::PyContextVar_Reset(state().current, token) < 0 {
            flag(span, token);
        }
        ffi::Py_DECREF(token);
    }
}

/// What a token knows: the context it belongs to and the value before it.
struct TokenParts {
    context: *mut PyObject,
    before: *mut PyObject,
}

/// The parts of a token, borrowed from it. CPython shows them to the collector, and so to us.
unsafe fn parts(token: *mut PyObject) -> TokenParts {
    unsafe extern "C" fn visit(object: *mut PyObject, parts: *mut c_void) -> c_int {
        // SAFETY: `parts` is the struct below; `object` is alive, because the token holds it.
        unsafe {
            let parts = &mut *parts.cast::<TokenParts>();
            if ffi::PyContext_CheckExact(object) != 0 {
                parts.context = object;
            } else if is_span(object) {
                parts.before = object;
            }
        }
        0
    }
    let mut parts = TokenParts { context: ptr::null_mut(), before: ptr::null_mut() };
    // SAFETY: the token is alive; the visitor only looks.
    unsafe {
        if let Some(traverse) = (*ffi::Py_TYPE(token)).tp_traverse {
            traverse(token, visit, (&raw mut parts).cast());
        }
    }
    parts
}

#[cold]
#[inline(never)]
unsafe fn flag(span: &SpanObject, token: *mut PyObject) {
    // SAFETY: the token is alive; what it shows is borrowed and made owned here.
    unsafe {
        ffi::PyErr_Clear();
        let parts = parts(token);
        let rare = span.make_rare();
        rare.home.put(ffi::Py_XNewRef(parts.context));
        rare.before.put(ffi::Py_XNewRef(parts.before));
        rare.left_in.put(context_here());
        span.raise(LEFT);
    }
}

/// The context that this thread runs in: an owned reference, or null.
unsafe fn context_here() -> *mut PyObject {
    // SAFETY: the thread is attached. The value set is the one that stands there, and it is taken back at once.
    unsafe {
        let value = standing();
        let token = ffi::PyContextVar_Set(state().current, if value.is_null() { ffi::Py_None() } else { value });
        ffi::Py_XDECREF(value);
        if token.is_null() {
            ffi::PyErr_Clear();
            return ptr::null_mut();
        }
        let context = ffi::Py_XNewRef(parts(token).context);
        if ffi::PyContextVar_Reset(state().current, token) < 0 {
            ffi::PyErr_Clear();
        }
        ffi::Py_DECREF(token);
        context
    }
}

/// The first span that counts here, going back from the flagged `found`, whose reference is taken over.
#[cold]
#[inline(never)]
unsafe fn behind(found: *mut PyObject) -> *mut PyObject {
    // SAFETY: `found` and what is followed from it are owned while they are looked at.
    unsafe {
        let here = context_here();
        let mut found = found;
        while !found.is_null() {
            let span = SpanObject::from_ptr(found);
            let Some(rare) = span.rare().filter(|_| span.has(LEFT)) else { break };
            if here.is_null() || (rare.home.as_ptr() != here && rare.left_in.as_ptr() != here) {
                break;
            }
            let before = ffi::Py_XNewRef(rare.before.as_ptr());
            ffi::Py_DECREF(found);
            found = before;
        }
        ffi::Py_XDECREF(here);
        found
    }
}
