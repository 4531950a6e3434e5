//! The keyword arguments of `Tracer` that are about the way from a finished span to its exporter.

use std::time::Duration;

use codomyrmex_core::{TracerBuilder, WhenFull};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

/// As given; None is what the environment says, or the default.
pub(crate) struct QueueOptions<'py> {
    pub(crate) queue_bytes: Option<Bound<'py, PyAny>>,
    pub(crate) max_queue_size: Option<Bound<'py, PyAny>>,
    pub(crate) max_export_batch_size: Option<Bound<'py, PyAny>>,
    pub(crate) export_timeout: Option<Bound<'py, PyAny>>,
    pub(crate) when_full: Option<Bound<'py, PyAny>>,
    pub(crate) books_on_the_wire: Option<bool>,
}

impl QueueOptions<'_> {
    /// # Errors
    ///
    /// ValueError, in one line, for the first one that makes no sense.
    pub(crate) fn add_to(&self, mut builder: TracerBuilder) -> PyResult<TracerBuilder> {
        if let Some(given) = &self.queue_bytes {
            builder = builder.queue_bytes(count("queue_bytes", given)?);
        }
        if let Some(given) = &self.max_queue_size {
            builder = builder.max_queue_size(count("max_queue_size", given)?);
        }
        if let Some(given) = &self.max_export_batch_size {
            builder = builder.max_export_batch_size(count("max_export_batch_size", given)?);
        }
        if let Some(given) = &self.export_timeout {
            let timeout = seconds(given).ok_or_else(|| {
                wrong(
                    "export_timeout",
                    "seconds, zero or more (zero for no limit)",
                    given,
                )
            })?;
            builder = builder.export_timeout(timeout);
        }
        if let Some(given) = &self.when_full {
            builder = builder.when_full(when_full(given)?);
        }
        if let Some(sent) = self.books_on_the_wire {
            builder = builder.books_on_the_wire(sent);
        }
        Ok(builder)
    }
}

fn wrong(name: &str, wanted: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let given = given
        .repr()
        .map_or_else(|_| given.get_type().to_string(), |text| text.to_string());
    PyValueError::new_err(format!("{name} must be {wanted}, not {given}"))
}

/// A whole number from one on.
fn count(name: &str, given: &Bound<'_, PyAny>) -> PyResult<usize> {
    let number = given
        .cast::<PyInt>()
        .ok()
        .filter(|number| !number.is_instance_of::<PyBool>())
        .and_then(|number| number.extract::<usize>().ok())
        .filter(|number| *number > 0);
    number.ok_or_else(|| wrong(name, "a whole number, one or more", given))
}

fn seconds(given: &Bound<'_, PyAny>) -> Option<Duration> {
    let is_number = given.is_instance_of::<PyFloat>() || given.is_instance_of::<PyInt>();
    if !is_number || given.is_instance_of::<PyBool>() {
        return None;
    }
    Duration::try_from_secs_f64(given.extract().ok()?).ok()
}

fn when_full(given: &Bound<'_, PyAny>) -> PyResult<WhenFull> {
    if let Ok(text) = given.cast::<PyString>()
        && text.to_str().is_ok_and(|text| text == "drop")
    {
        return Ok(WhenFull::Drop);
    }
    seconds(given)
        .map(WhenFull::Wait)
        .ok_or_else(|| wrong("when_full", "\"drop\" or the seconds to wait", given))
}
