//! The methods of a Span that are not hot.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};

use crate::args::{Args, method};
use crate::heap_type::TypeBuilder;
use crate::span::SpanObject;
use crate::{attributes, convert, events, exception, kind, links, status};

pub(crate) fn methods(builder: TypeBuilder) -> TypeBuilder {
    builder
        .method(
            c"set_attributes",
            method!(set_attributes),
            c"set_attributes($self, /, attributes)\n--\n\nSets every attribute of a mapping.",
        )
        .method(
            c"add_event",
            method!(add_event),
            c"add_event($self, /, name, attributes=None, timestamp=None)\n--\n\nAdds an event that happens now, or at `timestamp`.",
        )
        .method(
            c"add_link",
            method!(add_link),
            c"add_link($self, /, context, attributes=None)\n--\n\nAdds a link to a Span or a SpanContext.",
        )
        .method(
            c"set_status",
            method!(set_status),
            c"set_status($self, /, status, message='')\n--\n\nSets the status: OK is final, ERROR wins over UNSET.",
        )
        .method(
            c"record_exception",
            method!(record_exception),
            c"record_exception($self, /, exception, attributes=None)\n--\n\nAdds an `exception` event and sets ERROR with its message.",
        )
        .method(c"update_name", method!(update_name), c"update_name($self, /, name)\n--\n\nGives the span another name.")
        .method(c"to_dict", method!(to_dict), c"to_dict($self, /)\n--\n\nThe span as plain values.")
        .method(
            c"to_json",
            method!(to_json),
            c"to_json($self, /, pretty=False)\n--\n\nThe span as JSON.",
        )
}

fn set_attributes<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [given] = args.named(span.py(), "set_attributes", ["attributes"], 1)?;
    if let Some(given) = given {
        // SAFETY: attached; `given` is owned.
        unsafe { attributes::take_mapping(SpanObject::borrow(span), given.as_ptr()) };
    }
    Ok(span.clone())
}

fn add_event<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [name, given, timestamp] = args.named(
        span.py(),
        "add_event",
        ["name", "attributes", "timestamp"],
        1,
    )?;
    let object = SpanObject::borrow(span);
    if let Some(name) = name {
        let most = object.tracer().map_or(usize::MAX, |tracer| {
            tracer.limits().attributes_per_event as usize
        });
        let (own, over) = events::own_attributes(given.as_ref(), most);
        events::count_dropped(object, over);
        let time = timestamp.and_then(|time| convert::time_ns(&time));
        if events::add(object, &name, own, time).is_err() {
            attributes::ignored(object);
        }
    }
    Ok(span.clone())
}

fn add_link<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [to, given] = args.named(span.py(), "add_link", ["context", "attributes"], 1)?;
    let object = SpanObject::borrow(span);
    if to.is_some_and(|to| links::add(object, &to, given.as_ref()).is_err()) {
        attributes::ignored(object);
    }
    Ok(span.clone())
}

fn set_status<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [given, message] = args.named(span.py(), "set_status", ["status", "message"], 1)?;
    let object = SpanObject::borrow(span);
    if events::takes(object) {
        // SAFETY: attached; the value is owned.
        match given.and_then(|given| unsafe { kind::number_of_status(given.as_ptr()) }) {
            Some(number) => status::set(object, number, message),
            None => attributes::ignored(object),
        }
    }
    Ok(span.clone())
}

fn record_exception<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [raised, given] = args.named(
        span.py(),
        "record_exception",
        ["exception", "attributes"],
        1,
    )?;
    let object = SpanObject::borrow(span);
    if raised
        .is_some_and(|raised| exception::record(object, &raised, given.as_ref(), None).is_err())
    {
        attributes::ignored(object);
    }
    Ok(span.clone())
}

fn update_name<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [name] = args.named(span.py(), "update_name", ["name"], 1)?;
    let object = SpanObject::borrow(span);
    if let Some(name) = name
        && events::takes(object)
    {
        // SAFETY: attached; `text_of` gives an owned reference.
        unsafe { object.name.put(attributes::text_of(name.as_ptr())) };
    }
    Ok(span.clone())
}

fn to_dict<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    args.named::<0>(span.py(), "to_dict", [], 0)?;
    Ok(as_dict(span)?.into_any())
}

/// The span as plain values; attributes and events are copies of the containers, not of the values.
pub(crate) fn as_dict<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = span.py();
    let dict = PyDict::new(py);
    dict.set_item("name", span.getattr("name")?)?;
    for id in ["trace_id", "span_id", "parent_span_id"] {
        // A span made by hand may have anything as its context.
        dict.set_item(
            id,
            span.getattr(id)
                .unwrap_or_else(|_| py.None().into_bound(py)),
        )?;
    }
    for word in ["kind", "status"] {
        let member = span.getattr(word)?;
        dict.set_item(word, member.getattr("value").unwrap_or(member))?;
    }
    dict.set_item("status_message", span.getattr("status_message")?)?;
    dict.set_item("start_time", span.getattr("start_time")?)?;
    dict.set_item("end_time", span.getattr("end_time")?)?;
    dict.set_item("duration_ms", span.getattr("duration_ms")?)?;
    dict.set_item("attributes", copied(&span.getattr("attributes")?)?)?;
    let events = PyList::empty(py);
    if let Ok(iterator) = span.getattr("events")?.try_iter() {
        for event in iterator {
            events.append(copied_event(&event?)?)?;
        }
    }
    dict.set_item("events", events)?;
    Ok(dict)
}

fn copied<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match value.cast::<PyMapping>() {
        Ok(mapping) => {
            let copy = PyDict::new(value.py());
            copy.update(mapping)?;
            Ok(copy.into_any())
        }
        Err(_) => Ok(value.clone()),
    }
}

fn copied_event<'py>(event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Ok(given) = event.cast::<PyDict>() else {
        return Ok(event.clone());
    };
    let copy = given.copy()?;
    if let Some(attributes) = copy.get_item("attributes")? {
        copy.set_item("attributes", copied(&attributes)?)?;
    }
    Ok(copy.into_any())
}

fn to_json<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let [pretty] = args.named(span.py(), "to_json", ["pretty"], 0)?;
    let pretty = pretty.is_some_and(|pretty| pretty.is_truthy().unwrap_or(false));
    let finished = crate::finished::finished(span, None)?;
    let text = if pretty {
        finished.to_json_pretty()
    } else {
        finished.to_json()
    };
    Ok(pyo3::types::PyString::new(span.py(), &text).into_any())
}
