//! A traced function: the native callable that `@trace` and `@tracer.span(…)` make of a function.
//!
//! It says of itself what the function would say, so that `inspect`, frameworks and pickle take it for that function.

mod make;

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::args::{Args, method};
use crate::attributes;
use crate::driven;
use crate::heap_type::{Slot, TypeBuilder, guard};
use crate::hot;
use crate::module::state;
use crate::span::{self, Pair, SpanObject};
use crate::user_code;

pub(crate) use make::{from_span, traced};

unsafe extern "C" {
    /// CPython's own: a function bound to an instance. PyO3 does not declare it.
    fn PyMethod_New(function: *mut PyObject, instance: *mut PyObject) -> *mut PyObject;
}

/// The C-level struct of a traced function.
#[repr(C)]
pub(crate) struct Traced {
    base: PyObject,
    vectorcall: Cell<Option<ffi::vectorcallfunc>>,
    weak_references: Cell<*mut PyObject>,
    dict: Slot,
    pub(crate) function: Slot,
    /// The tracer, or empty where the registry's tracer of `tracer_name` is asked for at each call.
    tracer: Slot,
    tracer_name: Slot,
    name: Slot,
    function_name: Slot,
    /// A dict of attributes that every span gets, or empty.
    attributes: Slot,
    kind: Cell<u8>,
}

impl Traced {
    /// # Safety
    /// `object` is a traced function and outlives the reference.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a Traced {
        // SAFETY: as promised by the caller; all fields are cells.
        unsafe { &*object.cast::<Traced>() }
    }

    fn slots(&self) -> [&Slot; 7] {
        [
            &self.dict,
            &self.function,
            &self.tracer,
            &self.tracer_name,
            &self.name,
            &self.function_name,
            &self.attributes,
        ]
    }

    /// A pending span for one call: owned. Null, without an exception, where there is no tracer or no memory.
    ///
    /// # Safety
    /// The thread is attached and has no exception set.
    #[inline(always)]
    pub(crate) unsafe fn new_span(&self) -> *mut SpanObject {
        // SAFETY: as promised by the caller; the slots own what they hold.
        unsafe {
            let tracer = self.find_tracer();
            if tracer.is_null() {
                return ptr::null_mut();
            }
            let made = span::allocate();
            if made.is_null() {
                ffi::PyErr_Clear();
                ffi::Py_DECREF(tracer);
                return made;
            }
            let span = &*made;
            span.tracer.fill(tracer);
            span.name.fill(ffi::Py_NewRef(self.name.as_ptr()));
            span.kind.set(self.kind.get());
            span.push_pair(Pair {
                key: ffi::Py_NewRef(state().function_name),
                value: ffi::Py_NewRef(self.function_name.as_ptr()),
            });
            if !self.attributes.is_empty() {
                attributes::take_mapping(span, self.attributes.as_ptr());
            }
            made
        }
    }

    /// The tracer: owned, or null.
    #[inline(always)]
    unsafe fn find_tracer(&self) -> *mut PyObject {
        if !self.tracer.is_empty() {
            // SAFETY: the slot owns it.
            return unsafe { ffi::Py_NewRef(self.tracer.as_ptr()) };
        }
        // SAFETY: attached; the registry maps names to tracers.
        unsafe {
            let found = ffi::PyDict_GetItemWithError(state().registry, self.tracer_name.as_ptr());
            if !found.is_null() {
                return ffi::Py_NewRef(found);
            }
            ffi::PyErr_Clear();
        }
        self.ask_for_tracer()
    }

    #[cold]
    fn ask_for_tracer(&self) -> *mut PyObject {
        Python::attach(|py| {
            let name = self.tracer_name.get(py);
            let asked = py
                .import("codomyrmex.telemetry.tracing.tracer")
                .and_then(|module| module.getattr("get_tracer")?.call1((name,)));
            match asked {
                Ok(tracer) if tracer.is_instance_of::<crate::tracer::Tracer>() => tracer.into_ptr(),
                // Without a tracer the function runs all the same.
                _ => ptr::null_mut(),
            }
        })
    }
}

/// Calls a plain function in a span.
unsafe extern "C" fn call_plain(
    object: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a traced function and arguments that live during the call; the function is owned by it,
    // and the caller owns the object.
    unsafe {
        let traced = Traced::from_ptr(object);
        let function = traced.function.as_ptr();
        let span = traced.new_span();
        if span.is_null() {
            return user_code::vectorcall(function, args, count, names);
        }
        hot::enter_block(&*span);
        let result = user_code::vectorcall(function, args, count, names);
        if result.is_null() {
            leave_raising(&*span);
        } else {
            hot::leave_block(&*span, ffi::Py_None());
        }
        ffi::Py_DECREF(span.cast());
        result
    }
}

/// Leaves a span's block with the exception that is set, and sets it again.
///
/// # Safety
/// The thread is attached and has an exception set; the span is alive.
#[cold]
pub(crate) unsafe fn leave_raising(span: &SpanObject) {
    with_raised(|exception| {
        // SAFETY: as promised by the caller; the exception is not set meanwhile.
        unsafe { hot::leave_block(span, exception) };
    });
}

/// Runs `then` with the exception that is set, which is not set meanwhile, and sets it again. None is handed over where none is set.
pub(crate) fn with_raised(then: impl FnOnce(*mut PyObject)) {
    let (mut class, mut value, mut traceback) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: called attached; the three references are owned between fetch and restore.
    #[allow(deprecated, reason = "the one way that exists on all versions")]
    unsafe {
        ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback);
        if !traceback.is_null() && !value.is_null() {
            ffi::PyException_SetTraceback(value, traceback);
        }
        then(if value.is_null() {
            ffi::Py_None()
        } else {
            value
        });
        ffi::PyErr_Restore(class, value, traceback);
    }
}

/// Calls a function whose body runs later: the result is driven in a span.
unsafe extern "C" fn call_driven(
    object: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for `call_plain`.
    unsafe {
        let inner = user_code::vectorcall(
            Traced::from_ptr(object).function.as_ptr(),
            args,
            count,
            names,
        );
        if inner.is_null() {
            return inner;
        }
        driven::wrap(inner, object)
    }
}

/// What is the function's: the type has some of these names too, and would answer for itself.
const THE_FUNCTIONS: [&CStr; 6] = [
    c"__doc__",
    c"__module__",
    c"__name__",
    c"__qualname__",
    c"__annotations__",
    c"__type_params__",
];

unsafe extern "C" fn get_attribute(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this with a traced function and a `str`.
    unsafe {
        let traced = Traced::from_ptr(object);
        let function = traced.function.as_ptr();
        let is = |word: &CStr| ffi::PyUnicode_CompareWithASCIIString(name, word.as_ptr()) == 0;
        if function.is_null() {
            return ffi::PyObject_GenericGetAttr(object, name);
        }
        if is(c"__wrapped__") {
            return ffi::Py_NewRef(function);
        }
        if is(c"__class__") {
            // `inspect` asks for this to tell functions from other callables.
            return ffi::PyObject_GetAttr(function, name);
        }
        let own = if traced.dict.is_empty() {
            ptr::null_mut()
        } else {
            ffi::PyDict_GetItemWithError(traced.dict.as_ptr(), name)
        };
        if !own.is_null() {
            return ffi::Py_NewRef(own);
        }
        ffi::PyErr_Clear();
        if THE_FUNCTIONS.iter().any(|word| is(word)) {
            return ffi::PyObject_GetAttr(function, name);
        }
        let found = ffi::PyObject_GenericGetAttr(object, name);
        if found.is_null() && ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0 {
            ffi::PyErr_Clear();
            return ffi::PyObject_GetAttr(function, name);
        }
        found
    }
}

unsafe extern "C" fn bind(
    object: *mut PyObject,
    instance: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a traced function, and an instance or null.
    unsafe {
        if instance.is_null() || instance == ffi::Py_None() {
            return ffi::Py_NewRef(object);
        }
        PyMethod_New(object, instance)
    }
}

unsafe extern "C" fn repr(object: *mut PyObject) -> *mut PyObject {
    guard(|py| {
        // SAFETY: CPython calls this with a traced function.
        let function = unsafe { Traced::from_ptr(object) }.function.get(py);
        let shown =
            function.map_or_else(|| Ok(PyString::new(py, "?")), |function| function.repr())?;
        Ok(PyString::new(py, &format!("<traced {}>", shown.to_string_lossy())).into_any())
    })
}

/// Pickled by its name, as a function is.
fn reduce<'py>(object: &Bound<'py, PyAny>, _: &Args<'_>) -> PyResult<Bound<'py, PyAny>> {
    object
        .getattr("__qualname__")
        .map_err(|_| PyAttributeError::new_err("a callable without a name cannot be pickled"))
}

unsafe extern "C" fn traverse(
    object: *mut PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls this with a live traced function.
    unsafe {
        let mut result = visit(ffi::Py_TYPE(object).cast(), arg);
        for slot in Traced::from_ptr(object).slots() {
            if result == 0 {
                result = slot.visit(visit, arg);
            }
        }
        result
    }
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: the collector calls this with a live traced function.
    unsafe {
        for slot in Traced::from_ptr(object).slots() {
            slot.clear();
        }
    }
    0
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: CPython calls this once, when the last reference is gone.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        if !Traced::from_ptr(object).weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Makes the type.
pub(crate) fn build(module: &Bound<'_, PyModule>) -> PyResult<*mut ffi::PyTypeObject> {
    TypeBuilder::new::<Traced>(
        c"codomyrmex.telemetry.tracing._native.TracedFunction",
        ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_HAVE_VECTORCALL
            | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    )
    .slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void)
    .slot(ffi::Py_tp_descr_get, bind as *mut c_void)
    .slot(ffi::Py_tp_getattro, get_attribute as *mut c_void)
    .slot(ffi::Py_tp_repr, repr as *mut c_void)
    .slot(ffi::Py_tp_traverse, traverse as *mut c_void)
    .slot(ffi::Py_tp_clear, clear as *mut c_void)
    .slot(ffi::Py_tp_dealloc, dealloc as *mut c_void)
    .offset(c"__vectorcalloffset__", offset_of!(Traced, vectorcall))
    .offset(c"__weaklistoffset__", offset_of!(Traced, weak_references))
    .offset(c"__dictoffset__", offset_of!(Traced, dict))
    .method(
        c"__reduce__",
        method!(reduce),
        c"Pickled by its name, as a function is.",
    )
    .build(module)
}
