//! The one place where Python's values become Rust's.

use codomyrmex_core::{AttributeValue, Value};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString,
    PyTuple,
};

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since the epoch as float seconds: the nearest float.
pub(crate) fn seconds(ns: u64) -> f64 {
    (ns / SECOND) as f64 + (ns % SECOND) as f64 / SECOND as f64
}

/// A time in nanoseconds since the epoch: of float or int seconds, or of an object with `timestamp()` such as a datetime.
/// None for everything else, and for times that nanoseconds in 64 bits cannot tell.
pub(crate) fn time_ns(value: &Bound<'_, PyAny>) -> Option<u64> {
    if value.is_none() {
        return None;
    }
    let seconds = value.extract::<f64>().ok().or_else(|| {
        let timestamp = value.getattr("timestamp").ok()?;
        timestamp.call0().ok()?.extract::<f64>().ok()
    })?;
    if !(seconds >= 0.0 && seconds < u64::MAX as f64 / SECOND as f64) {
        return None;
    }
    // Whole and fraction apart: their product would lose what a float can tell.
    let whole = seconds.trunc();
    let ns = ((seconds - whole) * SECOND as f64).round() as u64;
    (whole as u64).checked_mul(SECOND)?.checked_add(ns)
}

/// `str(value)` as Rust's text; a value that refuses is named by its type.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> String {
    // SAFETY: a `Bound` proves that the thread is attached; the text is copied before the object may go.
    unsafe {
        let made = crate::text::of_object(value.as_ptr());
        if made.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        let text = crate::text::lossy(made).into_owned();
        ffi::Py_DECREF(made);
        text
    }
}

/// A `str` of visible ASCII, which needs no decoder; anything else takes the usual way.
pub(crate) fn ascii<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    if !text.is_ascii() {
        return PyString::new(py, text);
    }
    // SAFETY: attached; of each byte one character is made.
    let made = unsafe {
        let made = ffi::PyUnicode_FromKindAndData(
            ffi::PyUnicode_1BYTE_KIND as i32,
            text.as_ptr().cast(),
            text.len() as ffi::Py_ssize_t,
        );
        Bound::from_owned_ptr_or_opt(py, made)
    };
    match made.map(Bound::cast_into) {
        Some(Ok(made)) => made,
        _ => PyString::new(py, text),
    }
}

/// So deep may lists and dicts stand in each other; what is deeper, such as a list that contains itself, becomes `…`.
const DEPTH: usize = 16;
/// So many values may one attribute have, in all its lists and dicts.
const VALUES: usize = 65_536;

/// Hands `use_it` the value of an attribute: text and numbers as they stand in the object, everything else as a tree.
///
/// # Safety
/// The thread is attached and has no exception set; the caller owns `value`. `use_it` runs no Python code.
#[inline(always)]
pub(crate) unsafe fn with_attribute(value: *mut PyObject, use_it: impl FnOnce(AttributeValue<'_>)) {
    // SAFETY: as promised by the caller; exact types have exactly these layouts.
    unsafe {
        let class = ffi::Py_TYPE(value);
        if class == &raw mut ffi::PyUnicode_Type {
            use_it(AttributeValue::Str(&crate::text::lossy(value)));
        } else if class == &raw mut ffi::PyLong_Type {
            let mut overflow = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow);
            if overflow == 0 {
                use_it(AttributeValue::Int(number));
            } else {
                with_tree(value, use_it);
            }
        } else if class == &raw mut ffi::PyBool_Type {
            use_it(AttributeValue::Bool(value == ffi::Py_True()));
        } else if class == &raw mut ffi::PyFloat_Type {
            use_it(AttributeValue::Double(ffi::PyFloat_AS_DOUBLE(value)));
        } else {
            with_tree(value, use_it);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn with_tree(value: *mut PyObject, use_it: impl FnOnce(AttributeValue<'_>)) {
    Python::attach(|py| {
        // SAFETY: the caller owns the value.
        let tree = self::value(&unsafe { Bound::from_borrowed_ptr(py, value) });
        use_it(AttributeValue::Value(&tree));
    });
}

/// Any Python value as a tree: text, numbers, bytes, lists, tuples, sets and dicts of them, an enum's value; everything
/// else as its `str`.
pub(crate) fn value(value: &Bound<'_, PyAny>) -> Value {
    let mut left = VALUES;
    branch(value, DEPTH, &mut left)
}

/// The attributes of an event or a link.
pub(crate) fn attributes(dict: &Bound<'_, PyDict>) -> Vec<(String, Value)> {
    let mut left = VALUES;
    // The dict may be changed by the `str` of a value: a copy is walked.
    let Ok(dict) = dict.copy() else {
        return Vec::new();
    };
    dict.iter()
        .map(|(key, value)| (text(&key), branch(&value, DEPTH, &mut left)))
        .collect()
}

fn branch(value: &Bound<'_, PyAny>, depth: usize, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    if value.is_none() {
        return Value::Empty;
    }
    if let Ok(text) = value.cast::<PyString>() {
        // SAFETY: attached; the text is copied.
        return Value::Str(unsafe { crate::text::lossy(text.as_ptr()) }.into_owned());
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Value::Bool(truth.is_true());
    }
    if value.is_instance_of::<PyInt>() {
        return value
            .extract::<i64>()
            .map_or_else(|_| Value::Str(digits(value)), Value::Int);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Value::Double(number.value());
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Value::Bytes(bytes.as_bytes().to_vec());
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Value::Bytes(bytes.to_vec());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        if depth == 0 || *left == 0 {
            return Value::from("…");
        }
        // The dict may be changed by the `str` of a value: a copy is walked.
        let Ok(copy) = dict.copy() else {
            return Value::Str(text(value));
        };
        let pairs = copy
            .iter()
            .take(*left)
            .map(|(key, value)| (text(&key), branch(&value, depth - 1, left)));
        return Value::Map(pairs.collect());
    }
    let is_sequence = value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>();
    if is_sequence {
        if depth == 0 || *left == 0 {
            return Value::from("…");
        }
        let Ok(items) = value.py().get_type::<PyTuple>().call1((value,)) else {
            return Value::Str(text(value));
        };
        let Ok(items) = items.cast_into::<PyTuple>() else {
            return Value::Str(text(value));
        };
        let most = *left;
        return Value::Array(
            items
                .iter()
                .take(most)
                .map(|item| branch(&item, depth - 1, left))
                .collect(),
        );
    }
    Value::Str(text(value))
}

/// The digits of an integer that 64 bits do not hold; Python may refuse to write very long ones.
fn digits(value: &Bound<'_, PyAny>) -> String {
    value.str().map_or_else(
        |_| "[an integer too large to be written]".to_owned(),
        |digits| digits.to_string_lossy().into_owned(),
    )
}

/// A tree as a Python value.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Empty => py.None().into_bound(py),
        Value::Str(text) => PyString::new(py, text).into_any(),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Int(number) => number.into_pyobject(py)?.into_any(),
        Value::Double(number) => PyFloat::new(py, *number).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| to_python(py, item))
                .collect::<PyResult<_>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Map(pairs) => {
            let dict = PyDict::new(py);
            for (key, value) in pairs {
                dict.set_item(key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}
