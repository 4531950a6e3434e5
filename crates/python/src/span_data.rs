//! A Span as data: made by hand, compared, shown, copied and pickled as a dataclass would be.

use std::ffi::{c_int, c_void};

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::args::{Args, method};
use crate::heap_type::{TypeBuilder, guard, guard_status};
use crate::span::{END_IS_NS, OPEN, RECORDING, START_IS_NS, SpanObject};
use crate::{engine, events, kind, status, times};

/// The fields in the order of the constructor's positions.
pub(crate) const FIELDS: [&str; 9] = [
    "name",
    "context",
    "kind",
    "status",
    "status_message",
    "start_time",
    "end_time",
    "attributes",
    "events",
];

pub(crate) fn slots(builder: TypeBuilder) -> TypeBuilder {
    builder
        .slot(ffi::Py_tp_init, init as *mut c_void)
        .slot(ffi::Py_tp_repr, repr as *mut c_void)
        .slot(ffi::Py_tp_richcompare, compare as *mut c_void)
        // As for a dataclass that can be changed.
        .slot(
            ffi::Py_tp_hash,
            ffi::PyObject_HashNotImplemented as *mut c_void,
        )
        .slot(ffi::Py_tp_call, call as *mut c_void)
        .method(c"__reduce__", method!(reduce), c"For copy and pickle.")
        .method(c"__setstate__", method!(set_state), c"For copy and pickle.")
}

unsafe extern "C" fn init(
    object: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> c_int {
    guard_status(|py| {
        // SAFETY: CPython calls this with a Span, a tuple, and a dict or null.
        let (object, args, kwargs) = unsafe {
            (
                Bound::from_borrowed_ptr(py, object),
                Bound::from_borrowed_ptr(py, args).cast_into_unchecked::<PyTuple>(),
                Bound::from_borrowed_ptr_or_opt(py, kwargs)
                    .map(|kwargs| kwargs.cast_into_unchecked::<PyDict>()),
            )
        };
        fill(&object, &args, kwargs.as_ref())
    })
}

fn fill(
    object: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    use pyo3::exceptions::PyTypeError;
    let py = object.py();
    let mut values = [const { None }; FIELDS.len()];
    if args.len() > FIELDS.len() {
        return Err(PyTypeError::new_err(format!(
            "Span() takes at most {} arguments ({} given)",
            FIELDS.len(),
            args.len()
        )));
    }
    for (value, given) in values.iter_mut().zip(args.iter()) {
        *value = Some(given);
    }
    for (name, value) in kwargs.into_iter().flatten() {
        let name = name.cast::<PyString>()?.to_string_lossy().into_owned();
        let Some(at) = FIELDS.iter().position(|field| *field == name) else {
            return Err(PyTypeError::new_err(format!(
                "Span() got an unexpected keyword argument '{name}'"
            )));
        };
        if values[at].replace(value).is_some() {
            return Err(PyTypeError::new_err(format!(
                "Span() got multiple values for argument '{name}'"
            )));
        }
    }
    let [
        name,
        context,
        kind,
        status,
        message,
        start,
        end,
        attributes,
        events,
    ] = values;
    let missing =
        |name: &str| PyTypeError::new_err(format!("Span() missing required argument: '{name}'"));
    let (name, context) = (
        name.ok_or_else(|| missing("name"))?,
        context.ok_or_else(|| missing("context"))?,
    );
    let span = SpanObject::borrow(object);
    if !span.tracer.is_empty() {
        return Err(PyTypeError::new_err(
            "Span.__init__ cannot be called on a span of a tracer",
        ));
    }
    span.name.store(name);
    span.context.store(context);
    span.phase.set(OPEN);
    span.raise(RECORDING);
    if let Some(kind) = kind {
        kind::set_kind(object, kind)?;
    }
    if let Some(status) = status {
        kind::set_status(object, status)?;
    }
    if let Some(message) = message {
        status::set_message(object, message)?;
    }
    match start {
        Some(start) => times::set_start(object, start)?,
        None => {
            span.start.set(engine::unix_now_ns());
            span.raise(START_IS_NS);
        }
    }
    span.lower(END_IS_NS);
    if let Some(end) = end {
        times::set_end(object, end)?;
    }
    span.attributes
        .store(attributes.unwrap_or_else(|| PyDict::new(py).into_any()));
    if let Some(events) = events {
        events::list(py, span)?;
        span.make_rare().event_list.store(events);
    }
    Ok(())
}

/// The values of the fields.
fn values<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let values: Vec<_> = FIELDS
        .iter()
        .map(|field| span.getattr(*field))
        .collect::<PyResult<_>>()?;
    PyTuple::new(span.py(), values)
}

unsafe extern "C" fn repr(object: *mut PyObject) -> *mut PyObject {
    guard(|py| {
        // SAFETY: CPython calls this with a Span.
        let span = unsafe { Bound::from_borrowed_ptr(py, object) };
        // SAFETY: the call is undone below.
        let entered = unsafe { ffi::Py_ReprEnter(object) };
        if entered != 0 {
            // The attributes contain the span itself.
            return if entered > 0 {
                Ok(PyString::new(py, "...").into_any())
            } else {
                Err(PyErr::fetch(py))
            };
        }
        let text = shown(&span);
        // SAFETY: undoes the call above.
        unsafe { ffi::Py_ReprLeave(object) };
        Ok(PyString::new(py, &text?).into_any())
    })
}

fn shown(span: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut text = format!("{}(", span.get_type().qualname()?);
    for (at, (field, value)) in FIELDS.iter().zip(values(span)?.iter()).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(field);
        text.push('=');
        text.push_str(&value.repr()?.to_string_lossy());
    }
    text.push(')');
    Ok(text)
}

unsafe extern "C" fn compare(
    object: *mut PyObject,
    other: *mut PyObject,
    operation: c_int,
) -> *mut PyObject {
    guard(|py| {
        // SAFETY: CPython calls this with a Span and any object.
        let (span, other) = unsafe {
            (
                Bound::from_borrowed_ptr(py, object),
                Bound::from_borrowed_ptr(py, other),
            )
        };
        if !matches!(operation, ffi::Py_EQ | ffi::Py_NE) || !span.get_type().is(other.get_type()) {
            return Ok(py.NotImplemented().into_bound(py));
        }
        let equal = span.is(&other) || values(&span)?.eq(values(&other)?)?;
        Ok(
            pyo3::types::PyBool::new(py, equal == (operation == ffi::Py_EQ))
                .to_owned()
                .into_any(),
        )
    })
}

fn reduce<'py>(span: &Bound<'py, PyAny>, _: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let py = span.py();
    let links = match SpanObject::borrow(span)
        .rare()
        .and_then(|rare| rare.links.get(py))
    {
        Some(links) => links,
        None => py.None().into_bound(py),
    };
    let reduced = [span.get_type().into_any(), values(span)?.into_any(), links];
    Ok(PyTuple::new(py, reduced)?.into_any())
}

fn set_state<'py>(span: &Bound<'py, PyAny>, args: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    let py = span.py();
    let [links] = args.named(py, "__setstate__", ["state"], 1)?;
    if let Some(links) = links.and_then(|links| links.cast_into::<PyList>().ok()) {
        SpanObject::borrow(span)
            .make_rare()
            .links
            .store(links.into_any());
    }
    Ok(py.None().into_bound(py))
}

/// A span that has not begun is a decorator as well.
unsafe extern "C" fn call(
    object: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    guard(|py| {
        // SAFETY: CPython calls this with a Span, a tuple, and a dict or null.
        let (span, args) = unsafe {
            (
                Bound::from_borrowed_ptr(py, object),
                Bound::from_borrowed_ptr(py, args).cast_into_unchecked::<PyTuple>(),
            )
        };
        if !kwargs.is_null() || args.len() != 1 {
            return Err(pyo3::exceptions::PyTypeError::new_err(
                "a span called as a decorator takes one function",
            ));
        }
        crate::decorator::from_span(&span, &args.get_item(0)?)
    })
}
