//! Attributes off the hot path: the dict, odd keys, limits, whole mappings.

use std::ptr;

use pyo3::ffi::{self, PyObject};

use crate::hot;
use crate::module::state;
use crate::span::{Pair, Rare, SpanObject};
use crate::text;
use crate::tracer::Tracer;

/// Counts a call that had no effect: it came after finish, or with nonsense.
#[cold]
pub(crate) fn ignored(span: &SpanObject) {
    if let Some(tracer) = span.tracer() {
        tracer.engine().ignored();
    }
}

/// Counts an attribute that went over the limit.
#[cold]
pub(crate) fn dropped(span: &SpanObject) {
    let count = &span.make_rare().dropped_attributes;
    count.set(count.get().saturating_add(1));
}

/// Drops what a span was made with: it turned out not to be recorded.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn forget(span: &SpanObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        span.clear_pairs();
        if !span.attributes.is_empty() || span.rare().is_some() {
            forget_rare(span);
        }
    }
}

#[cold]
unsafe fn forget_rare(span: &SpanObject) {
    // SAFETY: as promised by the caller of `forget`.
    unsafe {
        span.attributes.clear();
        if let Some(rare) = span.rare() {
            rare.forget();
        }
    }
}

/// Takes what a span's limits left no room for into the books.
#[cold]
pub(crate) fn count_over_limit(rare: &Rare, tracer: &Tracer) {
    let dropped = [
        &rare.dropped_attributes,
        &rare.dropped_events,
        &rare.dropped_links,
    ];
    let count = dropped.map(|count| u64::from(count.get())).iter().sum();
    tracer.engine().rules().count_over_limit(count);
}

/// `str(object)`, whatever it takes; owned.
///
/// # Safety
/// The thread is attached and has no exception set.
pub(crate) unsafe fn text_of(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: as promised by the caller.
    unsafe {
        let text = text::of_object(object);
        if text.is_null() {
            ffi::PyErr_Clear();
        }
        text
    }
}

/// The dict of attributes, made now if there was none: `service.name`, then the pairs. Borrowed; null without memory.
///
/// # Safety
/// The thread is attached.
pub(crate) unsafe fn dict(span: &SpanObject) -> *mut PyObject {
    if !span.attributes.is_empty() {
        return span.attributes.as_ptr();
    }
    // SAFETY: as promised by the caller; keys are text, so no Python code runs.
    unsafe {
        let dict = ffi::PyDict_New();
        if dict.is_null() {
            ffi::PyErr_Clear();
            return ptr::null_mut();
        }
        if let Some(tracer) = span.tracer() {
            check(ffi::PyDict_SetItem(
                dict,
                state().service_name,
                tracer.service_name_ptr(),
            ));
        }
        for at in 0..usize::from(span.pair_count.get()) {
            let Pair { key, value } = span.pair(at);
            check(ffi::PyDict_SetItem(dict, key, value));
        }
        span.attributes.put(dict);
        span.clear_pairs();
        span.attributes.as_ptr()
    }
}

unsafe fn check(status: std::ffi::c_int) -> bool {
    if status < 0 {
        // SAFETY: the caller is attached.
        unsafe { ffi::PyErr_Clear() };
    }
    status >= 0
}

/// Sets an attribute in the dict, which exists.
///
/// # Safety
/// The thread is attached; key and value are alive.
#[inline(never)]
pub(crate) unsafe fn set_in_dict(span: &SpanObject, key: *mut PyObject, value: *mut PyObject) {
    // SAFETY: as promised by the caller; the dict is owned while Python code may run.
    unsafe {
        let dict = ffi::Py_NewRef(span.attributes.as_ptr());
        let exact = ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type;
        let key = if exact {
            ffi::Py_NewRef(key)
        } else {
            text_of(key)
        };
        if key.is_null() {
            ffi::Py_DECREF(dict);
            return dropped(span);
        }
        let done = if ffi::PyDict_Check(dict) == 0 {
            // Somebody assigned another mapping.
            check(ffi::PyObject_SetItem(dict, key, value))
        } else if over_limit(span, dict, key) {
            false
        } else {
            check(ffi::PyDict_SetItem(dict, key, value))
        };
        if !done {
            dropped(span);
        }
        ffi::Py_DECREF(key);
        ffi::Py_DECREF(dict);
    }
}

unsafe fn over_limit(span: &SpanObject, dict: *mut PyObject, key: *mut PyObject) -> bool {
    let Some(tracer) = span.tracer() else {
        return false;
    };
    // SAFETY: the caller owns dict and key.
    unsafe {
        // `service.name` stands in every dict and does not count.
        let size = ffi::PyDict_Size(dict) as usize;
        size > tracer.attribute_limit() && ffi::PyDict_Contains(dict, key) != 1
    }
}

/// Sets an attribute that finds no room among the pairs.
///
/// # Safety
/// As [`set_in_dict`].
#[cold]
pub(crate) unsafe fn set_beyond_pairs(span: &SpanObject, key: *mut PyObject, value: *mut PyObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        if dict(span).is_null() {
            return dropped(span);
        }
        set_in_dict(span, key, value);
    }
}

/// Sets an attribute whose key is not exactly a `str`, while the attributes are pairs.
///
/// # Safety
/// As [`set_in_dict`].
#[cold]
pub(crate) unsafe fn set_odd_key(span: &SpanObject, key: *mut PyObject, value: *mut PyObject) {
    // SAFETY: as promised by the caller. Making text of the key may run Python code, which may set attributes itself.
    unsafe {
        let text = text_of(key);
        if text.is_null() {
            return dropped(span);
        }
        if span.attributes.is_empty() {
            hot::set_pair(span, text, value);
        } else {
            set_in_dict(span, text, value);
        }
        ffi::Py_DECREF(text);
    }
}

/// Sets all attributes of a dict or another mapping; None is none, anything else is ignored.
///
/// # Safety
/// The thread is attached and has no exception set.
pub(crate) unsafe fn take_mapping(span: &SpanObject, mapping: *mut PyObject) {
    // SAFETY: as promised by the caller; keys and values are owned while Python code may run.
    unsafe {
        if mapping == ffi::Py_None() {
            return;
        }
        if ffi::PyDict_CheckExact(mapping) != 0 {
            return take_dict(span, mapping);
        }
        let dict = ffi::PyDict_New();
        if dict.is_null() || !check(ffi::PyDict_Update(dict, mapping)) {
            ignored(span);
        } else {
            take_dict(span, dict);
        }
        ffi::Py_XDECREF(dict);
        ffi::PyErr_Clear();
    }
}

unsafe fn take_dict(span: &SpanObject, dict: *mut PyObject) {
    let (mut at, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
    // SAFETY: `PyDict_Next` survives a dict that is changed meanwhile, and stops at its end; both are owned while used.
    unsafe {
        while ffi::PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 {
            ffi::Py_INCREF(key);
            ffi::Py_INCREF(value);
            hot::adopt(span, key, value);
            ffi::Py_DECREF(key);
            ffi::Py_DECREF(value);
        }
    }
}
