//! Events of a span: native records first, a list of dicts from the first look at them on.

use std::ptr;

use codomyrmex_core::Limits;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};

use crate::attributes::{self, text_of};
use crate::span::{Event, FINISHED, PENDING, RECORDING, SpanObject};
use crate::tracer::Tracer;
use crate::{convert, engine};

/// Whether the span takes anything now. A call after finish is counted.
pub(crate) fn takes(span: &SpanObject) -> bool {
    match span.phase.get() {
        FINISHED => {
            attributes::ignored(span);
            false
        }
        PENDING => true,
        _ => span.has(RECORDING),
    }
}

/// So many events of a span are exported.
pub(crate) fn most(span: &SpanObject) -> usize {
    let limits = span.tracer().map_or(&Limits::DEFAULT, Tracer::limits);
    limits.events as usize
}

/// Adds an event with the dict `attributes`; over the limits it is counted and dropped.
pub(crate) fn add(
    span: &SpanObject,
    name: &Bound<'_, PyAny>,
    attributes: Option<Bound<'_, PyDict>>,
    time_ns: Option<u64>,
) -> PyResult<()> {
    if !takes(span) {
        return Ok(());
    }
    let py = name.py();
    let rare = span.make_rare();
    let most = span
        .tracer()
        .map_or(usize::MAX, |tracer| tracer.limits().events as usize);
    let time_ns = time_ns.unwrap_or_else(|| engine::unix_ns(engine::ticks()));
    if let Some(list) = rare.event_list.get(py) {
        if list.len().unwrap_or(0) >= most {
            rare.dropped_events.set(rare.dropped_events.get() + 1);
            return Ok(());
        }
        // SAFETY: attached; `text_of` gives an owned reference.
        let name = unsafe { Bound::from_owned_ptr_or_err(py, text_of(name.as_ptr()))? };
        let event = as_dict(&name, time_ns, attributes)?;
        list.call_method1(pyo3::intern!(py, "append"), (event,))?;
        return Ok(());
    }
    if rare.events.borrow().len() >= most {
        rare.dropped_events.set(rare.dropped_events.get() + 1);
        return Ok(());
    }
    // SAFETY: attached; the event takes over owned references.
    unsafe {
        let name = text_of(name.as_ptr());
        let attributes = attributes.map_or(ptr::null_mut(), |dict| dict.into_ptr());
        rare.events.borrow_mut().push(Event {
            name,
            time_ns,
            attributes,
        });
    }
    Ok(())
}

/// A dict of its own for an event's or a link's attributes, with at most `most` of them; how many were too many.
pub(crate) fn own_attributes<'py>(
    given: Option<&Bound<'py, PyAny>>,
    most: usize,
) -> (Option<Bound<'py, PyDict>>, usize) {
    let Some(given) = given.filter(|given| !given.is_none()) else {
        return (None, 0);
    };
    let py = given.py();
    let copy = match given.cast_exact::<PyDict>() {
        Ok(dict) => dict.copy(),
        Err(_) => {
            let copy = PyDict::new(py);
            given
                .cast::<PyMapping>()
                .map_err(PyErr::from)
                .and_then(|mapping| copy.update(mapping))
                .map(|()| copy)
        }
    };
    let Ok(copy) = copy else { return (None, 0) };
    if copy.len() <= most {
        return (Some(copy), 0);
    }
    let kept = PyDict::new(py);
    for (key, value) in copy.iter().take(most) {
        // A key that was hashed once can be hashed again.
        drop(kept.set_item(key, value));
    }
    let over = copy.len() - kept.len();
    (Some(kept), over)
}

/// `{"name", "timestamp", "attributes"}`.
fn as_dict<'py>(
    name: &Bound<'py, PyAny>,
    time_ns: u64,
    attributes: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = name.py();
    let event = PyDict::new(py);
    event.set_item(pyo3::intern!(py, "name"), name)?;
    event.set_item(pyo3::intern!(py, "timestamp"), convert::seconds(time_ns))?;
    event.set_item(
        pyo3::intern!(py, "attributes"),
        attributes.unwrap_or_else(|| PyDict::new(py)),
    )?;
    Ok(event)
}

/// The list of events, made now if there was none; from now on it is the truth.
pub(crate) fn list<'py>(py: Python<'py>, span: &SpanObject) -> PyResult<Bound<'py, PyAny>> {
    let rare = span.make_rare();
    if let Some(list) = rare.event_list.get(py) {
        return Ok(list);
    }
    let list = PyList::empty(py);
    for event in rare.events.take() {
        // SAFETY: the event owned both; they are taken over.
        let (name, attributes) = unsafe {
            let attributes: Option<Bound<'py, PyAny>> =
                Bound::from_owned_ptr_or_opt(py, event.attributes);
            (
                Bound::from_owned_ptr(py, event.name),
                attributes.map(|a| a.cast_into_unchecked::<PyDict>()),
            )
        };
        list.append(as_dict(&name, event.time_ns, attributes)?)?;
    }
    rare.event_list.store(list.clone().into_any());
    Ok(list.into_any())
}

/// Counts attributes that an event or a link had too many of.
pub(crate) fn count_dropped(span: &SpanObject, over: usize) {
    if over > 0 {
        let count = &span.make_rare().dropped_attributes;
        count.set(count.get().saturating_add(over as u32));
    }
}

/// The name of an event that cannot be turned into text is that of its type; null stands for no memory.
pub(crate) fn name_ptr(event: &Event) -> *mut PyObject {
    if event.name.is_null() {
        // SAFETY: None is immortal or at least held by the interpreter.
        unsafe { ffi::Py_None() }
    } else {
        event.name
    }
}
