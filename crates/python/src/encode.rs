//! A finished span into bytes, for exporters that take bytes.

use codomyrmex_core::AttributeValue;
use codomyrmex_core::SpanContext as Core;
use codomyrmex_core::binding::{self, LooseSpans, Rules, SpanBody};
use codomyrmex_wire::{SpanHead, SpanTail};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::module::state;
use crate::span::{Rare, SpanObject};
use crate::span_context::SpanContext;
use crate::tracer::Tracer;
use crate::{convert, text, times};

/// Encodes and hands over; false where the tracer is off. The span is finished, so nothing can be added meanwhile.
///
/// # Safety
/// The thread is attached and has no exception set; the span is alive during the call.
#[inline(always)]
pub(crate) unsafe fn emit(span: &SpanObject, tracer: &Tracer) -> bool {
    let engine = tracer.engine();
    // Encoding may run Python code that finishes another span, which then finds no spare body and makes one.
    let mut body = state().spare_body.take().unwrap_or_default();
    let rules = engine.rules();
    body.clear();
    body.adopt(rules);
    // SAFETY: as promised by the caller.
    unsafe {
        body.start(&text::lossy(span.name.as_ptr()));
        if span.attributes.is_empty() {
            push_pairs(&mut body, rules, span, Some(tracer));
        } else {
            push_dict(&mut body, rules, span, Some(tracer));
        }
    }
    let head = head(span, span.start.get(), span.end.get());
    let on = if span.context.is_empty() && span.rare().is_none() {
        engine.emit(&head, &body, &SpanTail::default())
    } else {
        emit_rare(span, tracer, head, &mut body)
    };
    state().spare_body.set(Some(body));
    on
}

#[inline(always)]
fn head(span: &SpanObject, start_ns: u64, end_ns: u64) -> SpanHead {
    SpanHead {
        trace_id: span.trace_id.get(),
        span_id: span.span_id.get(),
        parent_span_id: span.parent_id.get(),
        kind: span.kind.get(),
        status: span.status.get(),
        flags: u32::from(span.otlp_flags.get()),
        start_ns,
        end_ns,
    }
}

/// Encodes a span, of a tracer or made by hand, for an exporter that is called directly. One that has no end ends where it
/// begins.
pub(crate) fn add_loose(
    span: &Bound<'_, PyAny>,
    rules: &Rules,
    body: &mut SpanBody,
    spans: &mut LooseSpans,
) {
    let py = span.py();
    let span = SpanObject::borrow(span);
    let tracer = span.tracer();
    body.clear();
    body.adopt(rules);
    // SAFETY: attached, no exception is set; the span is alive.
    unsafe {
        body.start(&text::lossy(span.name.as_ptr()));
        push_pairs(body, rules, span, tracer);
    }
    let start = times::start_ns(span);
    let mut head = head(span, start, times::end_ns(span).unwrap_or(start));
    if tracer.is_none() {
        match context(py, span) {
            Some(context) => head.flags = u32::from(context.sampled),
            // Somebody gave something else.
            None => set_ids(&mut head, body, &Core::from_text("", "", None)),
        }
    }
    with_tail(py, span, rules, head, body, |head, body, tail| {
        spans.push(head, body, tail);
    });
}

#[inline(always)]
unsafe fn push_pairs(
    body: &mut SpanBody,
    rules: &Rules,
    span: &SpanObject,
    tracer: Option<&Tracer>,
) {
    let mut at = 0;
    while at < usize::from(span.pair_count.get()) {
        let pair = span.pair(at);
        // SAFETY: attached; both are owned while Python code may run, because that may turn the pairs into a dict.
        unsafe {
            ffi::Py_INCREF(pair.key);
            ffi::Py_INCREF(pair.value);
            push(body, rules, tracer, pair.key, pair.value);
            ffi::Py_DECREF(pair.key);
            ffi::Py_DECREF(pair.value);
        }
        at += 1;
    }
    if !span.attributes.is_empty() {
        // SAFETY: as above.
        unsafe { push_dict(body, rules, span, tracer) };
    }
}

#[cold]
#[inline(never)]
unsafe fn push_dict(
    body: &mut SpanBody,
    rules: &Rules,
    span: &SpanObject,
    tracer: Option<&Tracer>,
) {
    let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: attached; the dict, keys and values are owned while Python code may run; `PyDict_Next` survives changes.
    unsafe {
        let dict = ffi::Py_NewRef(span.attributes.as_ptr());
        if ffi::PyDict_Check(dict) != 0 {
            while ffi::PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 {
                ffi::Py_INCREF(key);
                ffi::Py_INCREF(value);
                if ffi::PyUnicode_Check(key) != 0 {
                    push(body, rules, tracer, key, value);
                } else {
                    let text = text::of_object(key);
                    if !text.is_null() {
                        push(body, rules, tracer, text, value);
                    }
                    ffi::Py_XDECREF(text);
                }
                ffi::Py_DECREF(key);
                ffi::Py_DECREF(value);
            }
        }
        ffi::Py_DECREF(dict);
    }
}

/// One attribute; `service.name` is the resource's, unless it is another one.
#[inline(always)]
unsafe fn push(
    body: &mut SpanBody,
    rules: &Rules,
    tracer: Option<&Tracer>,
    key: *mut PyObject,
    value: *mut PyObject,
) {
    // SAFETY: attached; key is text, both are owned by the caller.
    unsafe {
        if key == state().service_name
            && tracer.is_some_and(|tracer| value == tracer.service_name_ptr())
        {
            return;
        }
        convert::with_attribute(value, |value| body.set(rules, &text::lossy(key), value));
    }
}

#[cold]
#[inline(never)]
fn emit_rare(span: &SpanObject, tracer: &Tracer, head: SpanHead, body: &mut SpanBody) -> bool {
    let engine = tracer.engine();
    Python::attach(|py| {
        with_tail(py, span, engine.rules(), head, body, |head, body, tail| {
            engine.emit(head, body, tail)
        })
    })
}

fn context(py: Python<'_>, span: &SpanObject) -> Option<Core> {
    let context = span.context.get(py)?.cast_into::<SpanContext>().ok()?;
    Some(context.borrow().to_core(py))
}

fn set_ids(head: &mut SpanHead, body: &mut SpanBody, context: &Core) {
    head.trace_id = context.trace_id.to_words();
    head.span_id = context.span_id.to_word();
    head.parent_span_id = context.parent_span_id.map_or(0, |id| id.to_word());
    binding::text_id_attributes(context, &mut |key, text| body.set_text_id(key, text));
}

/// Adds what few spans have.
fn with_tail<R>(
    py: Python<'_>,
    span: &SpanObject,
    rules: &Rules,
    mut head: SpanHead,
    body: &mut SpanBody,
    take: impl FnOnce(&SpanHead, &SpanBody, &SpanTail<'_>) -> R,
) -> R {
    let mut trace_state = String::new();
    if let Some(context) = context(py, span) {
        set_ids(&mut head, body, &context);
        context.trace_state.as_str().clone_into(&mut trace_state);
    }
    let mut message = String::new();
    let mut dropped = [0; 3];
    if let Some(rare) = span.rare() {
        if head.status == 2 {
            message = rare
                .status_message
                .get(py)
                .map_or_else(String::new, |message| convert::text(&message));
        }
        push_events(py, body, rules, rare);
        push_links(py, body, rules, rare);
        dropped = [
            &rare.dropped_attributes,
            &rare.dropped_events,
            &rare.dropped_links,
        ]
        .map(std::cell::Cell::get);
    }
    let tail = SpanTail {
        trace_state: &trace_state,
        status_message: &message,
        dropped_attributes: dropped[0],
        dropped_events: dropped[1],
        dropped_links: dropped[2],
    };
    take(&head, body, &tail)
}

fn push_events(py: Python<'_>, body: &mut SpanBody, rules: &Rules, rare: &Rare) {
    if let Some(list) = rare.event_list.get(py) {
        // A list is read to its end, so that what is over the limit is counted; what somebody assigned instead may have none.
        let most = if list.is_instance_of::<PyList>() {
            usize::MAX
        } else {
            rules.limits.events as usize
        };
        let Ok(list) = list.try_iter() else { return };
        for event in list.take(most).flatten() {
            let Ok(event) = event.cast::<PyDict>() else {
                continue;
            };
            let get = |key: &str| event.get_item(key).ok().flatten();
            let name = get("name").map_or_else(String::new, |name| convert::text(&name));
            let time = get("timestamp")
                .and_then(|time| convert::time_ns(&time))
                .unwrap_or(0);
            let attributes = get("attributes").and_then(|a| a.cast_into::<PyDict>().ok());
            push_event(body, rules, time, &name, attributes.as_ref());
        }
        return;
    }
    let mut at = 0;
    loop {
        // Reading values may run Python code that looks at the events: nothing is borrowed meanwhile.
        let (name, time, attributes) = {
            let events = rare.events.borrow();
            let Some(event) = events.get(at) else { return };
            // SAFETY: the event owns both.
            unsafe {
                let attributes = Bound::from_borrowed_ptr_or_opt(py, event.attributes);
                let name = Bound::from_borrowed_ptr(py, crate::events::name_ptr(event));
                (
                    name,
                    event.time_ns,
                    attributes.map(|a| a.cast_into_unchecked::<PyDict>()),
                )
            }
        };
        push_event(
            body,
            rules,
            time,
            &convert::text(&name),
            attributes.as_ref(),
        );
        at += 1;
    }
}

fn push_event(
    body: &mut SpanBody,
    rules: &Rules,
    time: u64,
    name: &str,
    attributes: Option<&Bound<'_, PyDict>>,
) {
    let owned = attributes.map(convert::attributes).unwrap_or_default();
    let pairs: Vec<_> = owned
        .iter()
        .map(|(key, value)| (key.as_str(), AttributeValue::Value(value)))
        .collect();
    body.add_event(rules, time, name, &pairs);
}

fn push_links(py: Python<'_>, body: &mut SpanBody, rules: &Rules, rare: &Rare) {
    let Some(links) = rare.links.get(py) else {
        return;
    };
    let Ok(links) = links.cast_into::<PyList>() else {
        return;
    };
    for link in links.iter() {
        let Ok(link) = link.cast_into::<PyTuple>() else {
            continue;
        };
        let (Ok(to), Ok(attributes)) = (link.get_item(0), link.get_item(1)) else {
            continue;
        };
        let Ok(to) = to.cast_into::<SpanContext>() else {
            continue;
        };
        let core = to.borrow().to_core(py);
        let owned = attributes
            .cast_into::<PyDict>()
            .map(|a| convert::attributes(&a))
            .unwrap_or_default();
        let pairs: Vec<_> = owned
            .iter()
            .map(|(key, value)| (key.as_str(), AttributeValue::Value(value)))
            .collect();
        body.add_link(rules, &core, &pairs);
    }
}
