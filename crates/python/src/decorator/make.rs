//! What a traced function is made of: a function, and what every span of it is made with.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::{Traced, call_driven, call_plain};
use crate::driven::Kind;
use crate::heap_type::Slot;
use crate::module::state;
use crate::span::{PENDING, SpanObject};
use crate::{attributes, kind};

/// What runs when a function is called, by its code's flags.
fn kind_of(function: &Bound<'_, PyAny>) -> Option<Kind> {
    let mut function = function.clone();
    for _ in 0..8 {
        if let Ok(code) = function.getattr("__code__") {
            let flags: c_int = code.getattr("co_flags").ok()?.extract().ok()?;
            return match flags {
                _ if flags & ffi::CO_COROUTINE != 0 => Some(Kind::Coroutine),
                _ if flags & ffi::CO_ASYNC_GENERATOR != 0 => Some(Kind::AsyncGenerator),
                _ if flags & ffi::CO_GENERATOR != 0 => Some(Kind::Generator),
                _ => None,
            };
        }
        // A method, or a functools.partial.
        function = function
            .getattr("__func__")
            .or_else(|_| function.getattr("func"))
            .ok()?;
    }
    None
}

/// What every span of a traced function is made with.
struct Options<'py> {
    tracer: Option<Bound<'py, PyAny>>,
    tracer_name: Option<Bound<'py, PyAny>>,
    name: Option<Bound<'py, PyAny>>,
    kind: u8,
    attributes: Option<Bound<'py, PyDict>>,
}

fn make<'py>(function: &Bound<'py, PyAny>, options: Options<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let class = function.get_type();
    let class_name = class.name()?;
    if class_name == "classmethod" || class_name == "staticmethod" {
        // The function inside is traced, and is a class or static method again.
        return class.call1((make(&function.getattr("__func__")?, options)?,));
    }
    if !function.is_callable() {
        return Err(PyTypeError::new_err("only a function can be traced"));
    }
    let function_name = match function.getattr("__name__") {
        Ok(name) => name,
        Err(_) => class_name.into_any(),
    };
    let kind = kind_of(function);
    // SAFETY: attached; every field is written before the collector may see it.
    unsafe {
        let made = ffi::PyObject_GC_New::<Traced>(state().traced_type);
        if made.is_null() {
            return Err(PyErr::fetch(py));
        }
        let call: ffi::vectorcallfunc = if kind.is_some() {
            call_driven
        } else {
            call_plain
        };
        (&raw mut (*made).vectorcall).write(Cell::new(Some(call)));
        (&raw mut (*made).weak_references).write(Cell::new(ptr::null_mut()));
        for slot in [
            &raw mut (*made).dict,
            &raw mut (*made).function,
            &raw mut (*made).tracer,
            &raw mut (*made).tracer_name,
            &raw mut (*made).name,
            &raw mut (*made).function_name,
            &raw mut (*made).attributes,
        ] {
            slot.write(Slot::empty());
        }
        (&raw mut (*made).kind).write(Cell::new(options.kind));
        let traced = &*made;
        let object = Bound::from_owned_ptr(py, made.cast());
        ffi::PyObject_GC_Track(made.cast());
        traced.function.store(function.clone());
        traced.name.put(attributes::text_of(
            options.name.as_ref().unwrap_or(&function_name).as_ptr(),
        ));
        traced
            .function_name
            .put(attributes::text_of(function_name.as_ptr()));
        let name = options
            .tracer_name
            .unwrap_or_else(|| PyString::intern(py, "default").into_any());
        traced.tracer_name.store(name);
        if let Some(tracer) = options.tracer {
            traced.tracer.store(tracer);
        }
        if let Some(attributes) = options.attributes {
            traced.attributes.store(attributes.into_any());
        }
        let dict = PyDict::new(py);
        if let Ok(given) = function
            .getattr("__dict__")
            .and_then(|given| Ok(given.cast_into::<PyDict>()?))
        {
            dict.update(given.as_mapping())?;
        }
        traced.dict.store(dict.into_any());
        Ok(object)
    }
}

/// `_native.traced(function, name, kind, tracer_name)`: what the decorator `trace` makes.
#[pyfunction]
pub(crate) fn traced<'py>(
    function: &Bound<'py, PyAny>,
    name: Option<Bound<'py, PyAny>>,
    kind: Bound<'py, PyAny>,
    tracer_name: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; `kind` is owned.
    let kind = unsafe { kind::number_of_kind(kind.as_ptr()) }.unwrap_or(1);
    make(
        function,
        Options {
            tracer: None,
            tracer_name: Some(tracer_name),
            name,
            kind,
            attributes: None,
        },
    )
}

/// A span that has not begun, as a decorator: every call gets a span like it.
pub(crate) fn from_span<'py>(
    span: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = span.py();
    let object = SpanObject::borrow(span);
    let Some(tracer) = object
        .tracer
        .get(py)
        .filter(|_| object.phase.get() == PENDING)
    else {
        return Err(PyTypeError::new_err(
            "only tracer.span(...) is a decorator, and only before its block",
        ));
    };
    let attributes = PyDict::new(py);
    for at in 0..usize::from(object.pair_count.get()) {
        let pair = object.pair(at);
        // SAFETY: the pair owns both.
        unsafe {
            attributes.set_item(
                Bound::from_borrowed_ptr(py, pair.key),
                Bound::from_borrowed_ptr(py, pair.value),
            )?
        };
    }
    if let Some(dict) = object
        .attributes
        .get(py)
        .and_then(|dict| dict.cast_into::<PyDict>().ok())
    {
        attributes.update(dict.as_mapping())?;
    }
    let options = Options {
        tracer: Some(tracer),
        tracer_name: None,
        name: object.name.get(py),
        kind: object.kind.get(),
        attributes: (!attributes.is_empty()).then_some(attributes),
    };
    make(function, options)
}
