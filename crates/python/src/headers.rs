//! Headers as Python code has them: a mapping, or pairs, of text or of bytes.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Names and values of headers: of a mapping, or of an iterable of pairs; bytes are read as Latin-1. What cannot be read is
/// left out.
pub(crate) fn read(headers: &Bound<'_, PyAny>) -> Vec<(String, String)> {
    let items = headers
        .call_method0("items")
        .or_else(|_| headers.try_iter().map(Bound::into_any));
    let Ok(items) = items.and_then(|items| items.try_iter()) else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for item in items {
        let Ok(item) = item else { break };
        if let (Ok(name), Ok(value)) = (item.get_item(0), item.get_item(1))
            && let (Some(name), Some(value)) = (header_text(&name), header_text(&value))
        {
            read.push((name, value));
        }
        if read.len() == 1000 {
            break;
        }
    }
    read
}

fn header_text(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(bytes) = value.cast::<pyo3::types::PyBytes>() {
        return Some(
            bytes
                .as_bytes()
                .iter()
                .map(|byte| char::from(*byte))
                .collect(),
        );
    }
    value
        .cast::<PyString>()
        .ok()
        .map(|text| text.to_string_lossy().into_owned())
}
