//! The arguments of fastcall methods, and the way of such a method from C to Rust.

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

/// The arguments of a METH_FASTCALL | METH_KEYWORDS method.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    values: *const *mut PyObject,
    positions: usize,
    names: *mut PyObject,
    marker: std::marker::PhantomData<&'a ()>,
}

impl<'a> Args<'a> {
    /// # Safety
    /// The three values are those that CPython called a fastcall method with.
    #[inline(always)]
    pub(crate) unsafe fn new(
        values: *const *mut PyObject,
        count: ffi::Py_ssize_t,
        names: *mut PyObject,
    ) -> Self {
        Self {
            values,
            positions: count as usize,
            names,
            marker: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn positions(&self) -> usize {
        self.positions
    }

    #[inline(always)]
    pub(crate) fn keywords(&self) -> usize {
        if self.names.is_null() {
            return 0;
        }
        // SAFETY: the names are a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(self.names) as usize }
    }

    /// The argument at a position below [`Args::positions`]; borrowed.
    #[inline(always)]
    pub(crate) fn position(&self, at: usize) -> *mut PyObject {
        debug_assert!(at < self.positions);
        // SAFETY: the caller stays below the count that CPython gave.
        unsafe { *self.values.add(at) }
    }

    /// Name and value of a keyword argument; borrowed.
    #[inline(always)]
    pub(crate) fn keyword(&self, at: usize) -> (*mut PyObject, *mut PyObject) {
        debug_assert!(at < self.keywords());
        // SAFETY: keyword values follow the positions, in the order of the names.
        unsafe {
            (
                ffi::PyTuple_GET_ITEM(self.names, at as ffi::Py_ssize_t),
                *self.values.add(self.positions + at),
            )
        }
    }

    /// The arguments by the names of the parameters. The first `required` must be there.
    pub(crate) fn named<'py, const N: usize>(
        &self,
        py: Python<'py>,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        use pyo3::exceptions::PyTypeError;
        if self.positions > N {
            return Err(PyTypeError::new_err(format!(
                "{function}() takes at most {N} arguments ({} given)",
                self.positions
            )));
        }
        let mut found = [const { None }; N];
        for (at, place) in found.iter_mut().enumerate().take(self.positions) {
            // SAFETY: arguments live as long as the call.
            *place = Some(unsafe { Bound::from_borrowed_ptr(py, self.position(at)) });
        }
        for at in 0..self.keywords() {
            let (name, value) = self.keyword(at);
            // SAFETY: as above; keyword names are text.
            let (name, value) = unsafe {
                (
                    Bound::from_borrowed_ptr(py, name)
                        .cast_into_unchecked::<pyo3::types::PyString>(),
                    Bound::from_borrowed_ptr(py, value),
                )
            };
            let name = name.to_string_lossy();
            let Some(place) = names.iter().position(|n| *n == name) else {
                return Err(PyTypeError::new_err(format!(
                    "{function}() got an unexpected keyword argument '{name}'"
                )));
            };
            if found[place].replace(value).is_some() {
                return Err(PyTypeError::new_err(format!(
                    "{function}() got multiple values for argument '{name}'"
                )));
            }
        }
        for (name, value) in names.iter().zip(&found).take(required) {
            if value.is_none() {
                return Err(PyTypeError::new_err(format!(
                    "{function}() missing required argument: '{name}'"
                )));
            }
        }
        Ok(found)
    }
}

/// Makes the C function of a method from a Rust function `(&Bound<PyAny>, &Args) -> PyResult<Bound<PyAny>>`.
macro_rules! method {
    ($function:path) => {{
        unsafe extern "C" fn call(
            object: *mut pyo3::ffi::PyObject,
            values: *const *mut pyo3::ffi::PyObject,
            count: pyo3::ffi::Py_ssize_t,
            names: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            $crate::heap_type::guard(|py| {
                // SAFETY: CPython keeps object and arguments alive during the call.
                let (object, args) = unsafe {
                    (
                        pyo3::Bound::from_borrowed_ptr(py, object),
                        $crate::args::Args::new(values, count, names),
                    )
                };
                $function(&object, &args)
            })
        }
        call as pyo3::ffi::PyCFunctionFastWithKeywords
    }};
}
pub(crate) use method;
