//! What goes wrong inside is said once, through Python's `logging`, and never raised.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// Says `message` once a process, with the exception's text.
pub(crate) fn report(py: Python<'_>, message: &str, error: Option<&PyErr>) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if !SAID
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(message.to_owned())
    {
        return;
    }
    let text = match error {
        Some(error) => format!("{message}: {}", error.value(py)),
        None => message.to_owned(),
    };
    // Logging is imported on the first report only; where it fails there is nobody left to tell.
    let said = py
        .import("logging")
        .and_then(|logging| logging.call_method1("getLogger", ("codomyrmex.telemetry.tracing",)))
        .and_then(|logger| logger.call_method1("warning", ("%s", text)));
    drop(said);
}
