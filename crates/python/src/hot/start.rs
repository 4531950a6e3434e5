//! `Tracer.span`: allocates the span and keeps what it was called with; it begins with the block.

use std::ptr;

use pyo3::ffi::{self, PyObject};

use crate::args::Args;
use crate::attributes;
use crate::hot::attribute::take_keywords;
use crate::kind;
use crate::module::state;
use crate::span::{self, SpanObject};
use crate::tracer::Tracer;

/// `Tracer.span(name, kind=INTERNAL, attributes=None, /, **attributes)`.
pub(crate) unsafe extern "C" fn span_method(
    tracer: *mut PyObject,
    values: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a Tracer and arguments that live during the call.
    unsafe {
        let args = Args::new(values, count, names);
        if !Tracer::from_ptr(tracer).is_ready() {
            ffi::PyErr_SetString(
                ffi::PyExc_RuntimeError,
                c"Tracer.__init__ has not been called".as_ptr(),
            );
            return ptr::null_mut();
        }
        let made = span::allocate();
        if made.is_null() {
            return ptr::null_mut();
        }
        let span = &*made;
        span.tracer.fill(ffi::Py_NewRef(tracer));
        if !take_options(span, &args) {
            ffi::Py_DECREF(made.cast());
            return ptr::null_mut();
        }
        made.cast()
    }
}

/// Name, kind and attributes of a new span; false, with TypeError set, where there is no name or too many positions.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn take_options(span: &SpanObject, args: &Args<'_>) -> bool {
    let positions = args.positions();
    // SAFETY: arguments live during the call.
    unsafe {
        let mut name = if positions > 0 {
            args.position(0)
        } else {
            ptr::null_mut()
        };
        let mut kind = ptr::null_mut();
        if positions > 1 {
            kind = args.position(1);
            if positions > 2 {
                if positions > 3 {
                    return refuse(c"span() takes at most 3 positions: name, kind, attributes");
                }
                attributes::take_mapping(span, args.position(2));
            }
        }
        if args.keywords() != 0 {
            let (named_kind, named_name) = take_keywords(span, args, name.is_null());
            if !named_kind.is_null() {
                kind = named_kind;
            }
            if name.is_null() {
                name = named_name;
            }
        }
        if name.is_null() {
            return refuse(c"span() missing required argument: 'name'");
        }
        if ffi::Py_TYPE(name) == &raw mut ffi::PyUnicode_Type {
            span.name.fill(ffi::Py_NewRef(name));
        } else {
            span.name.put(attributes::text_of(name));
        }
        if !kind.is_null() && kind != state().kinds[0].get() {
            kind::set(span, kind);
        }
    }
    true
}

#[cold]
unsafe fn refuse(message: &std::ffi::CStr) -> bool {
    // SAFETY: the thread is attached.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_TypeError, message.as_ptr()) };
    false
}
