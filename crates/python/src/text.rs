//! Python's text as Rust's, and text of objects that may refuse.

use std::borrow::Cow;

use pyo3::ffi::{self, PyObject};

/// The text of a `str` that is valid Unicode, borrowed for as long as the object lives.
///
/// # Safety
/// The thread is attached; the object outlives the text.
#[inline(always)]
pub(crate) unsafe fn borrowed<'a>(object: *mut PyObject) -> Option<&'a str> {
    // SAFETY: the type is checked; CPython keeps the UTF-8 form with the object.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return None;
        }
        let mut length = 0;
        let bytes = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length);
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::str::from_utf8_unchecked(std::slice::from_raw_parts(
            bytes.cast(),
            length as usize,
        )))
    }
}

/// The text of a `str`; lone surrogates become U+FFFD. Empty for what is no `str`.
///
/// # Safety
/// As [`borrowed`].
#[inline(always)]
pub(crate) unsafe fn lossy<'a>(object: *mut PyObject) -> Cow<'a, str> {
    // SAFETY: as promised by the caller.
    unsafe {
        match borrowed(object) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(replaced(object)),
        }
    }
}

#[cold]
unsafe fn replaced(object: *mut PyObject) -> String {
    // SAFETY: the type is checked; the bytes are owned here.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return String::new();
        }
        // Each surrogate is three bytes that no decoder of UTF-8 takes.
        let bytes =
            ffi::PyUnicode_AsEncodedString(object, c"utf-8".as_ptr(), c"surrogatepass".as_ptr());
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        let start = ffi::PyBytes_AsString(bytes).cast::<u8>();
        let length = ffi::PyBytes_Size(bytes) as usize;
        let text = without_surrogates(std::slice::from_raw_parts(start, length));
        ffi::Py_DECREF(bytes);
        text
    }
}

fn without_surrogates(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                text.push('\u{fffd}');
                rest = &invalid[invalid.len().min(3)..];
            }
        }
    }
    text
}

/// `str(object)` as an exact `str`; for an object whose `str` raises a word on its type. Owned; null only without memory.
///
/// # Safety
/// The thread is attached and has no exception set.
#[cold]
pub(crate) unsafe fn of_object(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: as promised by the caller.
    unsafe {
        let text = if ffi::PyUnicode_Check(object) != 0 {
            // An exact `str` even for an instance of a subclass.
            ffi::PyUnicode_FromObject(object)
        } else {
            crate::user_code::str(object)
        };
        if !text.is_null() {
            return text;
        }
        ffi::PyErr_Clear();
        // The name in the type itself: asking for it in Python's way may run Python code again.
        let name = std::ffi::CStr::from_ptr((*ffi::Py_TYPE(object)).tp_name);
        let text = format!("<unprintable {} object>", name.to_string_lossy());
        ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t)
    }
}
