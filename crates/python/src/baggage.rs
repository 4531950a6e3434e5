//! Baggage as Python code has it: a dict of text, or whatever somebody assigned.

use codomyrmex_core::Baggage;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};

use crate::convert;

/// Reads a mapping; what is none is as good as an empty one.
pub(crate) fn read(value: &Bound<'_, PyAny>) -> Baggage {
    let mut baggage = Baggage::new();
    // The dict may be changed by the `str` of a value: a copy is walked.
    for (key, value) in own(value).iter() {
        baggage.insert(convert::text(&key), convert::text(&value));
    }
    baggage
}

/// A dict of its own with what a mapping holds; empty for what is none, and for a mapping that cannot be read.
pub(crate) fn own<'py>(value: &Bound<'py, PyAny>) -> Bound<'py, PyDict> {
    let copy = match value.cast::<PyDict>() {
        Ok(dict) => dict.copy().ok(),
        Err(_) => value.cast::<PyMapping>().ok().and_then(|mapping| {
            let copy = PyDict::new(value.py());
            copy.update(mapping).ok().map(|()| copy)
        }),
    };
    copy.unwrap_or_else(|| PyDict::new(value.py()))
}
