use pyo3::prelude::*;
pub(crate) fn from_span<'py>(_span: &Bound<'py, PyAny>, _function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Err(pyo3::exceptions::PyNotImplementedError::new_err("decorator"))
}
