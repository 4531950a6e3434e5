//! Heap types written straight on the C API: owned slots, tables of methods and properties, the way from C to Rust.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PySystemError;
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// One owned reference to a Python object, or none, inside a C-level struct. It is not dropped by itself: the struct's
/// `tp_dealloc` clears it.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Slot(Cell<*mut PyObject>);

impl Slot {
    pub(crate) const fn empty() -> Slot {
        Slot(Cell::new(ptr::null_mut()))
    }

    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut PyObject {
        self.0.get()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_null()
    }

    /// Takes over the reference `owned`; the old one is given up last, because that may run Python code.
    ///
    /// # Safety
    /// The thread is attached and `owned` is null or an owned reference.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, owned: *mut PyObject) {
        let old = self.0.replace(owned);
        // SAFETY: `old` was owned by this slot.
        unsafe { ffi::Py_XDECREF(old) };
    }

    /// Takes over a reference into an empty slot.
    #[inline(always)]
    pub(crate) fn fill(&self, owned: *mut PyObject) {
        debug_assert!(self.is_empty());
        self.0.set(owned);
    }

    /// Gives the reference to the caller.
    #[inline(always)]
    pub(crate) fn take(&self) -> *mut PyObject {
        self.0.replace(ptr::null_mut())
    }

    /// # Safety
    /// The thread is attached.
    #[inline(always)]
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: see `put`.
        unsafe { self.put(ptr::null_mut()) };
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the slot holds null or a live object.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, self.0.get()) }
    }

    pub(crate) fn store(&self, value: Bound<'_, PyAny>) {
        // SAFETY: a `Bound` proves that the thread is attached; `into_ptr` gives an owned reference.
        unsafe { self.put(value.into_ptr()) };
    }

    /// Shows the object to the collector, from the `__traverse__` of a PyO3 class.
    pub(crate) fn show(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        show(self.0.get(), visit)
    }

    /// # Safety
    /// To be called from `tp_traverse` with its arguments only.
    #[inline]
    pub(crate) unsafe fn visit(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let object = self.0.get();
        if object.is_null() {
            return 0;
        }
        // SAFETY: as the collector demands.
        unsafe { visit(object, arg) }
    }
}

/// Shows a pointer, which may be null, to the collector.
pub(crate) fn show(object: *mut PyObject, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    // SAFETY: `Option<Py<_>>` is a pointer that may be null; the wrapper keeps it from being given up.
    let object =
        unsafe { std::mem::transmute::<*mut PyObject, ManuallyDrop<Option<Py<PyAny>>>>(object) };
    visit.call(&*object)
}

/// A getter: what the property's value is.
pub(crate) type Get = for<'py> fn(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
/// A setter: takes the assigned value.
pub(crate) type Set = for<'py> fn(&Bound<'py, PyAny>, Bound<'py, PyAny>) -> PyResult<()>;

struct Property {
    get: Get,
    set: Option<Set>,
}

/// Collects what a heap type is made of. Tables live as long as the process, as CPython asks.
pub(crate) struct TypeBuilder {
    name: &'static CStr,
    size: usize,
    flags: std::ffi::c_ulong,
    slots: Vec<ffi::PyType_Slot>,
    methods: Vec<ffi::PyMethodDef>,
    properties: Vec<ffi::PyGetSetDef>,
    members: Vec<ffi::PyMemberDef>,
}

impl TypeBuilder {
    pub(crate) fn new<T>(name: &'static CStr, flags: std::ffi::c_ulong) -> Self {
        Self {
            name,
            size: size_of::<T>(),
            flags: flags | ffi::Py_TPFLAGS_DEFAULT,
            slots: Vec::new(),
            methods: Vec::new(),
            properties: Vec::new(),
            members: Vec::new(),
        }
    }

    pub(crate) fn slot(mut self, slot: c_int, function: *mut c_void) -> Self {
        self.slots.push(ffi::PyType_Slot {
            slot,
            pfunc: function,
        });
        self
    }

    pub(crate) fn doc(self, doc: &'static CStr) -> Self {
        self.slot(ffi::Py_tp_doc, doc.as_ptr().cast_mut().cast())
    }

    /// A member that CPython reads itself, such as `__weaklistoffset__`.
    pub(crate) fn offset(mut self, name: &'static CStr, offset: usize) -> Self {
        self.members.push(ffi::PyMemberDef {
            name: name.as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset as ffi::Py_ssize_t,
            flags: ffi::Py_READONLY,
            doc: ptr::null(),
        });
        self
    }

    pub(crate) fn method(
        mut self,
        name: &'static CStr,
        function: ffi::PyCFunctionFastWithKeywords,
        doc: &'static CStr,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: function,
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method without keywords.
    pub(crate) fn plain_method(
        mut self,
        name: &'static CStr,
        function: ffi::PyCFunctionFast,
        doc: &'static CStr,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFast: function,
            },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method with one argument.
    pub(crate) fn object_method(
        mut self,
        name: &'static CStr,
        function: ffi::PyCFunction,
        doc: &'static CStr,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: function,
            },
            ml_flags: ffi::METH_O,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method without arguments.
    pub(crate) fn bare_method(
        mut self,
        name: &'static CStr,
        function: ffi::PyCFunction,
        doc: &'static CStr,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: function,
            },
            ml_flags: ffi::METH_NOARGS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    pub(crate) fn property(
        mut self,
        name: &'static CStr,
        get: Get,
        set: Option<Set>,
        doc: &'static CStr,
    ) -> Self {
        let property: &'static Property = Box::leak(Box::new(Property { get, set }));
        self.properties.push(ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(get_property),
            set: set.map(|_| set_property as ffi::setter),
            doc: doc.as_ptr(),
            closure: ptr::from_ref(property).cast_mut().cast(),
        });
        self
    }

    /// Makes the type. The caller owns it.
    pub(crate) fn build(
        mut self,
        module: &Bound<'_, PyModule>,
    ) -> PyResult<*mut ffi::PyTypeObject> {
        let slot = |slot, table| ffi::PyType_Slot { slot, pfunc: table };
        if !self.methods.is_empty() {
            self.methods.push(ffi::PyMethodDef::zeroed());
            self.slots.push(slot(
                ffi::Py_tp_methods,
                self.methods.leak().as_mut_ptr().cast(),
            ));
        }
        if !self.properties.is_empty() {
            self.properties.push(ffi::PyGetSetDef::default());
            self.slots.push(slot(
                ffi::Py_tp_getset,
                self.properties.leak().as_mut_ptr().cast(),
            ));
        }
        if !self.members.is_empty() {
            self.members.push(ffi::PyMemberDef::default());
            self.slots.push(slot(
                ffi::Py_tp_members,
                self.members.leak().as_mut_ptr().cast(),
            ));
        }
        self.slots.push(slot(0, ptr::null_mut()));
        let mut spec = ffi::PyType_Spec {
            name: self.name.as_ptr(),
            basicsize: self.size as c_int,
            itemsize: 0,
            flags: self.flags as c_uint,
            slots: self.slots.leak().as_mut_ptr(),
        };
        // SAFETY: the tables are complete, end with an empty entry and are never freed.
        let made = unsafe {
            let made =
                ffi::PyType_FromModuleAndSpec(module.as_ptr(), &raw mut spec, ptr::null_mut());
            Bound::from_owned_ptr_or_err(module.py(), made)?
        };
        Ok(made.into_ptr().cast())
    }
}

unsafe extern "C" fn get_property(object: *mut PyObject, property: *mut c_void) -> *mut PyObject {
    guard(|py| {
        // SAFETY: `property` is the closure that `TypeBuilder::property` leaked; `object` is alive during the call.
        let (property, object) = unsafe {
            (
                &*property.cast::<Property>(),
                Bound::from_borrowed_ptr(py, object),
            )
        };
        (property.get)(&object)
    })
}

unsafe extern "C" fn set_property(
    object: *mut PyObject,
    value: *mut PyObject,
    property: *mut c_void,
) -> c_int {
    guard_status(|py| {
        // SAFETY: as in `get_property`; a null value means `del`.
        let (property, object, value) = unsafe {
            (
                &*property.cast::<Property>(),
                Bound::from_borrowed_ptr(py, object),
                Bound::from_borrowed_ptr_or_opt(py, value),
            )
        };
        match (value, property.set) {
            (Some(value), Some(set)) => set(&object, value),
            _ => Err(pyo3::exceptions::PyAttributeError::new_err(
                "this attribute cannot be deleted",
            )),
        }
    })
}

/// Runs Rust code called from C: errors become Python exceptions, and so would a panic.
pub(crate) fn guard(
    body: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut PyObject {
    Python::attach(|py| match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(value)) => value.into_ptr(),
        Ok(Err(error)) => {
            error.restore(py);
            ptr::null_mut()
        }
        Err(_) => {
            PySystemError::new_err("the tracing extension failed inside").restore(py);
            ptr::null_mut()
        }
    })
}

/// [`guard`] for C functions that return 0 or -1.
pub(crate) fn guard_status(body: impl for<'py> FnOnce(Python<'py>) -> PyResult<()>) -> c_int {
    Python::attach(|py| match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            error.restore(py);
            -1
        }
        Err(_) => {
            PySystemError::new_err("the tracing extension failed inside").restore(py);
            -1
        }
    })
}
