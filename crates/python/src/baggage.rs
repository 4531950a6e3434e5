//! Baggage as Python code has it: a dict of text, or whatever somebody assigned.

use codomyrmex_core::Baggage;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;

/// Reads a mapping; what is none is as good as an empty one.
pub(crate) fn read(value: &Bound<'_, PyAny>) -> Baggage {
    let mut baggage = Baggage::new();
    let mut read = |dict: &Bound<'_, PyDict>| {
        // The dict may be changed by the `str` of a value: a copy is walked.
        let Ok(dict) = dict.copy() else { return };
        for (key, value) in dict.iter() {
            baggage.insert(convert::text(&key), convert::text(&value));
        }
    };
    match value.cast::<PyDict>() {
        Ok(dict) => read(dict),
        Err(_) if value.is_none() => {}
        Err(_) => {
            let dict = PyDict::new(value.py());
            // A mapping that cannot be read is as good as none.
            if value
                .cast::<pyo3::types::PyMapping>()
                .is_ok_and(|mapping| dict.update(mapping).is_ok())
            {
                read(&dict);
            }
        }
    }
    baggage
}
