//! What a new span takes from a parent that is a SpanContext, or a span whose context somebody has looked at.

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use crate::engine::{self, Parent};
use crate::hot;
use crate::span::{ROOT, SpanObject};
use crate::span_context::SpanContext;
use crate::tracer::Tracer;

/// Begins a pending span under the context `parent`; under none if that is no valid SpanContext.
///
/// # Safety
/// The thread is attached and has no exception set; both are alive.
pub(crate) unsafe fn begin(span: &SpanObject, tracer: &Tracer, parent: *mut PyObject) {
    Python::attach(|py| {
        // SAFETY: as promised by the caller.
        let parent = unsafe { Bound::from_borrowed_ptr(py, parent) };
        if begin_under(span, tracer, &parent).is_none() {
            span.raise(ROOT);
            // SAFETY: as promised by the caller.
            unsafe { hot::begin(span, tracer, None) };
        }
    });
}

fn begin_under(span: &SpanObject, tracer: &Tracer, parent: &Bound<'_, PyAny>) -> Option<()> {
    let py = parent.py();
    let parent = parent.cast::<SpanContext>().ok()?;
    let over = parent.try_borrow().ok()?;
    if let Some(plain) = over.plain(py) {
        drop(over);
        if plain.trace_id == [0, 0] || plain.span_id == 0 {
            return None;
        }
        span.parent_id.set(plain.span_id);
        let flags = flags(plain.sampled, plain.random, plain.is_remote);
        let parent = Parent {
            trace_id: plain.trace_id,
            span_id: plain.span_id,
            flags,
        };
        // SAFETY: `py` proves that the thread is attached.
        unsafe { hot::begin(span, tracer, Some(parent)) };
        return Some(());
    }
    let core = over.to_core(py);
    drop(over);
    if !core.is_valid() {
        return None;
    }
    span.parent_id.set(core.span_id.to_word());
    let given = Parent {
        trace_id: core.trace_id.to_words(),
        span_id: core.span_id.to_word(),
        flags: flags(core.sampled, core.random_trace_id(), core.is_remote),
    };
    // SAFETY: as above.
    unsafe { hot::begin(span, tracer, Some(given)) };
    let chosen = span
        .context
        .get(py)
        .and_then(|context| context.cast_into::<SpanContext>().ok());
    let mut child = parent
        .borrow()
        .child(py, span.span_id.get(), span.is_sampled());
    // A sampler may have chosen another trace state.
    if let Some(chosen) = chosen {
        child.take_state(chosen.borrow().state(py));
    }
    if let Ok(child) = Bound::new(py, child) {
        span.context.store(child.into_any());
    }
    Some(())
}

fn flags(sampled: bool, random: bool, is_remote: bool) -> u16 {
    let one = |on: bool, flag: u16| if on { flag } else { 0 };
    one(sampled, engine::SAMPLED) | one(random, engine::RANDOM) | one(is_remote, engine::REMOTE)
}

/// The span's SpanContext, made on first access.
pub(crate) fn context<'py>(py: Python<'py>, span: &SpanObject) -> PyResult<Bound<'py, PyAny>> {
    if let Some(context) = span.context.get(py) {
        return Ok(context);
    }
    let context = SpanContext::of_ids(
        py,
        span.trace_id.get(),
        span.span_id.get(),
        span.parent_id.get(),
        span.otlp_flags.get(),
    );
    let context = Bound::new(py, context)?.into_any();
    span.context.store(context.clone());
    Ok(context)
}
