//! The user's own code at the start and the end of a span: an object with any of `on_start`, `on_ending`, `on_end`.

use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::lanes::swallow;
use crate::span::{RECORDING, SpanObject};
use crate::tracer::Tracer;
use crate::user_code;

/// Calls a hook that the object need not have; None where it has none or it raised.
fn call<'py>(
    span: &Bound<'py, PyAny>,
    tracer: &Tracer,
    name: &str,
    more: Option<Bound<'py, PyAny>>,
) -> Option<Bound<'py, PyAny>> {
    let py = span.py();
    let hook = tracer.hooks(py)?.getattr(name).ok()?;
    let args = match more {
        Some(more) => PyTuple::new(py, [span, &more]),
        None => PyTuple::new(py, [span]),
    };
    match args.and_then(|args| user_code::call(&hook, &args, None)) {
        Ok(result) => Some(result),
        Err(error) => {
            swallow(py, error, "a span hook raised");
            None
        }
    }
}

fn with_span(span: &SpanObject, then: impl for<'py> FnOnce(Bound<'py, PyAny>) -> bool) -> bool {
    // SAFETY: the span is alive during the call.
    Python::attach(|py| then(unsafe { Bound::from_borrowed_ptr(py, span.as_ptr()) }))
}

/// `on_start(span, parent)`: the parent is a Span, a SpanContext or None; takes over the reference to it, which may be null.
///
/// # Safety
/// The thread is attached and has no exception set; the span is alive.
#[cold]
pub(crate) unsafe fn on_start(span: &SpanObject, tracer: &Tracer, parent: *mut PyObject) {
    with_span(span, |shown| {
        let py = shown.py();
        // SAFETY: the reference is owned here.
        let parent = unsafe { Bound::from_owned_ptr_or_opt(py, parent) };
        if span.has(RECORDING) {
            call(
                &shown,
                tracer,
                "on_start",
                Some(parent.unwrap_or_else(|| py.None().into_bound(py))),
            );
        }
        true
    });
}

/// `on_ending(span)`, before encoding: may change the span; False drops it.
#[cold]
pub(crate) fn on_ending(span: &SpanObject, tracer: &Tracer) -> bool {
    with_span(span, |span| {
        let py = span.py();
        call(&span, tracer, "on_ending", None)
            .is_none_or(|answer| !answer.is(&*pyo3::types::PyBool::new(py, false)))
    })
}

/// `on_end(span)`, after the span was handed on.
#[cold]
pub(crate) fn on_end(span: &SpanObject, tracer: &Tracer) {
    with_span(span, |span| call(&span, tracer, "on_end", None).is_some());
}
