//! `inject` and `extract`: the header `traceparent` and a dict without PyO3's arguments, everything else as `propagation` has
//! it.

use std::ptr;
use std::sync::OnceLock;

use codomyrmex_core::Propagator;
use codomyrmex_core::binding::{self, ParentIds, TRACEPARENT_LENGTH};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::args::Args;
use crate::headers::is_of_trace_context;
use crate::module::state;
use crate::span::SpanObject;
use crate::span_context::SpanContext;
use crate::{current, engine, heap_type, propagation};

/// Headers beyond this are not looked through here.
const MOST: ffi::Py_ssize_t = 64;

const INJECT: &std::ffi::CStr = c"inject(carrier, context=None, *, propagators=None)\n--\n\nWrite a context, that of the current span by default, into a mapping or a list of pairs, and return it.";
const EXTRACT: &std::ffi::CStr = c"extract(carrier, context=None, *, propagators=None)\n--\n\nThe context that a mapping, a list of pairs or a WSGI environ brings; `context` where it brings none.";

/// Adds both functions.
pub(crate) fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (name, function, doc) in [
        (
            c"inject",
            inject as ffi::PyCFunctionFastWithKeywords,
            INJECT,
        ),
        (c"extract", extract, EXTRACT),
    ] {
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: function,
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        }));
        // SAFETY: attached; the definition is never freed.
        let function = unsafe {
            Bound::from_owned_ptr_or_err(
                module.py(),
                ffi::PyCFunction_NewEx(
                    definition,
                    ptr::null_mut(),
                    module.name()?.as_any().as_ptr(),
                ),
            )?
        };
        module.add(function.getattr("__name__")?.cast::<PyString>()?, function)?;
    }
    Ok(())
}

unsafe extern "C" fn inject(
    _: *mut PyObject,
    values: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with arguments that live during the call.
    unsafe {
        if count == 1 && names.is_null() && is_plain() && inject_current(*values) {
            return ffi::Py_NewRef(*values);
        }
        let args = Args::new(values, count, names);
        heap_type::guard(|py| {
            let [carrier, context, propagators] = read(&args, py, "inject")?;
            propagation::inject(carrier, context, propagators)
        })
    }
}

unsafe extern "C" fn extract(
    _: *mut PyObject,
    values: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for `inject`.
    unsafe {
        if count == 1
            && names.is_null()
            && is_plain()
            && let Some(parent) = only_traceparent(*values)
        {
            return heap_type::guard(|py| {
                Ok(Bound::new(py, SpanContext::incoming(py, parent))?.into_any())
            });
        }
        let args = Args::new(values, count, names);
        heap_type::guard(|py| {
            let [carrier, context, propagators] = read(&args, py, "extract")?;
            propagation::extract(carrier, context, propagators)
        })
    }
}

type Given<'py> = Option<Bound<'py, PyAny>>;

fn read<'py>(args: &Args<'_>, py: Python<'py>, function: &str) -> PyResult<[Given<'py>; 3]> {
    if args.positions() > 2 {
        return Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "{function}() takes from 1 to 2 positional arguments but {} were given",
            args.positions()
        )));
    }
    args.named(py, function, ["carrier", "context", "propagators"], 1)
}

/// Whether the formats that the environment chooses are W3C's and no others.
#[inline(always)]
fn is_plain() -> bool {
    static PLAIN: OnceLock<bool> = OnceLock::new();
    *PLAIN.get_or_init(|| {
        let fields = codomyrmex_tracing::propagation::propagators().fields();
        fields.contains(&"traceparent") && fields.iter().all(|field| is_of_trace_context(field))
    })
}

/// Writes the current span's ids into a dict. False, and nothing is done, where that takes more.
#[inline(always)]
unsafe fn inject_current(carrier: *mut PyObject) -> bool {
    // SAFETY: attached; the span is owned here, and what is found in the dict lives as long as the dict is not changed.
    unsafe {
        if ffi::PyDict_CheckExact(carrier) == 0
            || ffi::PyDict_Size(carrier) != 0 && holds_another(carrier)
        {
            return false;
        }
        let found = current::get();
        if found.is_null() {
            return true;
        }
        let span = SpanObject::from_ptr(found);
        let ids = ParentIds {
            trace_id: span.trace_id.get(),
            span_id: span.span_id.get(),
            flags: (span.otlp_flags.get() & (engine::SAMPLED | engine::RANDOM)) as u8,
            is_remote: false,
        };
        let done = span.context.is_empty()
            && ids.span_id != 0
            && ids.trace_id != [0, 0]
            && write(carrier, ids);
        ffi::Py_DECREF(found);
        done
    }
}

#[inline(always)]
unsafe fn write(carrier: *mut PyObject, ids: ParentIds) -> bool {
    // SAFETY: attached; the new text has room for as many characters of ASCII, and nobody else has seen it yet.
    unsafe {
        let text = ffi::PyUnicode_New(TRACEPARENT_LENGTH as ffi::Py_ssize_t, 0x7f);
        if text.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        let value = binding::write_traceparent(ids);
        let into = ffi::PyUnicode_DATA(text).cast::<u8>();
        ptr::copy_nonoverlapping(value.as_ptr(), into, TRACEPARENT_LENGTH);
        let set = ffi::PyDict_SetItem(carrier, state().traceparent, text);
        ffi::Py_DECREF(text);
        if set < 0 {
            ffi::PyErr_Clear();
        }
        set == 0
    }
}

/// Whether a dict holds a key that may be the header in another case, or one that goes with it.
unsafe fn holds_another(carrier: *mut PyObject) -> bool {
    // SAFETY: attached; nothing changes the dict meanwhile.
    unsafe {
        let (mut at, mut key) = (0, ptr::null_mut());
        while ffi::PyDict_Next(carrier, &raw mut at, &raw mut key, ptr::null_mut()) != 0 {
            if key != state().traceparent
                && ffi::PyUnicode_Check(key) != 0
                && matches!(ffi::PyUnicode_GET_LENGTH(key), 10 | 11)
            {
                return true;
            }
        }
        false
    }
}

/// What a dict says whose only header of these formats is a well-formed `traceparent`; None where it takes a closer look.
#[inline(always)]
unsafe fn only_traceparent(carrier: *mut PyObject) -> Option<ParentIds> {
    // SAFETY: attached; nothing changes the dict meanwhile.
    unsafe {
        if ffi::PyDict_CheckExact(carrier) == 0 || ffi::PyDict_Size(carrier) > MOST {
            return None;
        }
        let mut found = None;
        let (mut at, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        while ffi::PyDict_Next(carrier, &raw mut at, &raw mut key, &raw mut value) != 0 {
            if key == state().traceparent {
                found = Some(value);
                continue;
            }
            let key = ascii(key)?;
            if key == "traceparent" && found.is_none() {
                found = Some(value);
            } else if key.starts_with("HTTP_")
                || key.starts_with("wsgi.")
                || is_of_trace_context(key)
            {
                return None;
            }
        }
        binding::read_traceparent(ascii(found?)?)
    }
}

/// The text of a `str` that is all ASCII.
#[inline(always)]
unsafe fn ascii<'a>(object: *mut PyObject) -> Option<&'a str> {
    // SAFETY: attached; ASCII is UTF-8, one byte for each character.
    unsafe {
        if ffi::PyUnicode_CheckExact(object) == 0 || ffi::PyUnicode_IS_COMPACT_ASCII(object) == 0 {
            return None;
        }
        let bytes = std::slice::from_raw_parts(
            ffi::PyUnicode_DATA(object).cast::<u8>(),
            ffi::PyUnicode_GET_LENGTH(object) as usize,
        );
        Some(std::str::from_utf8_unchecked(bytes))
    }
}
