//! Starts that are not plain: a sampler of the user's own, and a tracer that is switched off.

use codomyrmex_core::binding::{self, Begun};
use codomyrmex_core::{SpanContext, SpanId, SpanKind, TraceId, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::attributes;
use crate::convert;
use crate::engine::{self, Parent};
use crate::span::{OPEN, ROOT, SpanObject};
use crate::span_context::SpanContext as SpanContextObject;
use crate::text;
use crate::tracer::Tracer;

/// A span of a tracer that is off carries its parent's ids: what comes in goes out.
#[cold]
pub(crate) fn pass_through(span: &SpanObject, parent: Option<Parent>) {
    if let Some(parent) = parent {
        span.trace_id.set(parent.trace_id);
        span.span_id.set(parent.span_id);
        span.parent_id.set(0);
        span.otlp_flags.set(parent.flags);
    }
    span.phase.set(OPEN);
    // SAFETY: spans begin with the thread attached.
    unsafe { attributes::forget(span) };
}

/// Asks a sampler that wants to see name, kind and attributes, or begins a root below the process's parent.
#[cold]
pub(crate) fn begin(span: &SpanObject, tracer: &Tracer, parent: Option<Parent>) -> Begun {
    Python::attach(|py| {
        let parent = parent.map(|parent| {
            let mut context = SpanContext::new(
                TraceId::from_words(parent.trace_id),
                SpanId::from_word(parent.span_id),
            );
            context.sampled = parent.flags & engine::SAMPLED != 0;
            context.is_remote = parent.flags & engine::REMOTE != 0;
            context
        });
        let kind = SpanKind::from_otlp(span.kind.get());
        let process = if parent.is_none() && !span.has(ROOT) {
            binding::parent_of_root(tracer.engine().tracer(), kind)
        } else {
            None
        };
        let parent = parent.or_else(|| process.cloned());
        if let Some(process) = process {
            span.parent_id.set(process.span_id.to_word());
        }
        // SAFETY: attached; the name is owned by the span.
        let name = unsafe { text::lossy(span.name.as_ptr()) }.into_owned();
        let initial = initial(py, span, tracer);
        let links = links(py, span);
        let (begun, decision) = binding::begin_with(
            tracer.engine().tracer(),
            parent.as_ref(),
            &name,
            kind,
            &initial,
            &links,
        );
        if begun.sampled {
            for (key, value) in &decision.attributes {
                if let Ok(value) = crate::convert::to_python(py, value) {
                    let key = pyo3::types::PyString::new(py, key);
                    // SAFETY: attached; key and value are owned here.
                    unsafe { crate::hot::adopt(span, key.as_ptr(), value.as_ptr()) };
                }
            }
        }
        let inherits = process.is_some_and(|process| {
            !process.baggage.is_empty()
                || !process.trace_state.is_empty()
                || process.text_ids().is_some()
        });
        if decision.trace_state.is_some() || inherits {
            let mut context = match process.map(|process| SpanContextObject::from_core(py, process))
            {
                Some(Ok(process)) => process.child(py, begun.span_id, begun.sampled),
                _ => SpanContextObject::of_ids(
                    py,
                    begun.trace_id,
                    begun.span_id,
                    span.parent_id.get(),
                    begun.flags as u16,
                ),
            };
            if let Some(trace_state) = decision.trace_state {
                context.set_state(py, trace_state.as_str());
            }
            if let Ok(context) = Bound::new(py, context) {
                span.context.store(context.into_any());
            }
        }
        begun
    })
}

/// The attributes that a span is made with.
fn initial(py: Python<'_>, span: &SpanObject, tracer: &Tracer) -> Vec<(String, Value)> {
    if let Some(dict) = span.attributes.get(py) {
        let Ok(dict) = dict.cast_into::<PyDict>() else {
            return Vec::new();
        };
        let mut initial = convert::attributes(&dict);
        // The service's name stands in every dict, and was not given to this span.
        // SAFETY: attached; the tracer owns its name.
        let service = unsafe { text::lossy(tracer.service_name_ptr()) };
        initial.retain(|(key, value)| key != "service.name" || value.as_str() != Some(&*service));
        return initial;
    }
    let mut initial = Vec::new();
    let mut at = 0;
    // The `str` of a value may set attributes.
    while at < usize::from(span.pair_count.get()) {
        let pair = span.pair(at);
        // SAFETY: the pair owns both.
        let (key, value) = unsafe {
            (
                Bound::from_borrowed_ptr(py, pair.key),
                Bound::from_borrowed_ptr(py, pair.value),
            )
        };
        initial.push((convert::text(&key), convert::value(&value)));
        at += 1;
    }
    initial
}

/// The contexts of the links that a span is made with.
fn links(py: Python<'_>, span: &SpanObject) -> Vec<SpanContext> {
    let list = span.rare().and_then(|rare| rare.links.get(py));
    let Some(Ok(list)) = list.map(|list| list.cast_into::<PyList>()) else {
        return Vec::new();
    };
    let contexts = list.iter().filter_map(|link| {
        let link = link.cast_into::<PyTuple>().ok()?;
        let context = link
            .get_item(0)
            .ok()?
            .cast_into::<SpanContextObject>()
            .ok()?;
        Some(context.borrow().to_core(py))
    });
    contexts.collect()
}
