//! Attributes: pairs first, a dict from the ninth attribute or the first look at it on.

use std::ffi::c_int;
use std::ptr;

use pyo3::ffi::{self, PyObject};

use crate::args::Args;
use crate::attributes;
use crate::module::state;
use crate::span::{FINISHED, PAIRS, PENDING, Pair, RECORDING, SpanObject};

/// `Span.set_attribute(key, value)`.
pub(super) unsafe extern "C" fn set_attribute(
    object: *mut PyObject,
    values: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a Span and arguments that live during the call.
    unsafe {
        let args = Args::new(values, count, names);
        let (key, value) = if count == 2 && names.is_null() {
            (args.position(0), args.position(1))
        } else {
            let found = two(&args);
            if found.0.is_null() {
                return ptr::null_mut();
            }
            found
        };
        adopt(SpanObject::from_ptr(object), key, value);
        ffi::Py_NewRef(object)
    }
}

#[cold]
unsafe fn two(args: &Args<'_>) -> (*mut PyObject, *mut PyObject) {
    let mut found = (ptr::null_mut(), ptr::null_mut());
    crate::heap_type::guard_status(|py| {
        let [key, value] = args.named(py, "set_attribute", ["key", "value"], 2)?;
        // The caller's frame keeps both alive.
        found = (
            key.map_or(ptr::null_mut(), |k| k.as_ptr()),
            value.map_or(ptr::null_mut(), |v| v.as_ptr()),
        );
        Ok(())
    });
    found
}

/// Sets an attribute by the rules: nothing after finish, nothing where nothing is recorded, no more than the limit.
///
/// # Safety
/// The thread is attached; all three are alive during the call.
#[inline(always)]
pub(crate) unsafe fn adopt(span: &SpanObject, key: *mut PyObject, value: *mut PyObject) {
    let phase = span.phase.get();
    if phase == FINISHED {
        return attributes::ignored(span);
    }
    // A pending span does not know yet whether it will be recorded.
    if phase != PENDING && !span.has(RECORDING) {
        return;
    }
    // SAFETY: as promised by the caller.
    unsafe {
        if !span.attributes.is_empty() {
            return attributes::set_in_dict(span, key, value);
        }
        if ffi::Py_TYPE(key) != &raw mut ffi::PyUnicode_Type {
            return attributes::set_odd_key(span, key, value);
        }
        set_pair(span, key, value);
    }
}

/// Sets an attribute whose key is exactly a `str`, while the attributes are pairs.
///
/// # Safety
/// As [`adopt`].
#[inline(always)]
pub(crate) unsafe fn set_pair(span: &SpanObject, key: *mut PyObject, value: *mut PyObject) {
    // SAFETY: as promised by the caller; keys are text, so comparing runs no Python code.
    unsafe {
        let count = usize::from(span.pair_count.get());
        for at in 0..count {
            if span.pair(at).key == key || same_text(span.pair(at).key, key) {
                return span.replace_pair(at, ffi::Py_NewRef(value));
            }
        }
        if count == PAIRS || count >= span.tracer().map_or(usize::MAX, |t| t.attribute_limit()) {
            return attributes::set_beyond_pairs(span, key, value);
        }
        span.push_pair(Pair {
            key: ffi::Py_NewRef(key),
            value: ffi::Py_NewRef(value),
        });
    }
}

/// Whether two different `str` objects are equal.
#[inline(always)]
unsafe fn same_text(a: *mut PyObject, b: *mut PyObject) -> bool {
    // SAFETY: both are `str`.
    unsafe { ffi::PyUnicode_GET_LENGTH(a) == ffi::PyUnicode_GET_LENGTH(b) && compare(a, b) == 0 }
}

unsafe fn compare(a: *mut PyObject, b: *mut PyObject) -> c_int {
    // SAFETY: both are `str`.
    unsafe { ffi::PyUnicode_Compare(a, b) }
}

/// Whether a keyword's name is `name`, an interned `str`.
///
/// # Safety
/// Both are `str`.
#[inline(always)]
pub(super) unsafe fn is_named(keyword: *mut PyObject, name: *mut PyObject) -> bool {
    // SAFETY: both are `str`.
    keyword == name || unsafe { same_text(keyword, name) }
}

/// Takes keyword arguments as attributes, except those named `kind` and, with `without_name`, `name`.
///
/// # Safety
/// As [`adopt`], for all of them.
#[inline(always)]
pub(super) unsafe fn take_keywords(
    span: &SpanObject,
    args: &Args<'_>,
    without_name: bool,
) -> (*mut PyObject, *mut PyObject) {
    let (mut kind, mut name) = (ptr::null_mut(), ptr::null_mut());
    let state = state();
    for at in 0..args.keywords() {
        let (key, value) = args.keyword(at);
        // SAFETY: keyword names are `str`.
        unsafe {
            if is_named(key, state.kind) {
                kind = value;
            } else if without_name && is_named(key, state.name) {
                name = value;
            } else {
                adopt(span, key, value);
            }
        }
    }
    (kind, name)
}
