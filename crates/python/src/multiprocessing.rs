//! Children of `multiprocessing`: they end without `atexit`, and run finalizers in its place.

use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// After the finalizers of everybody who may still record.
const LAST: i32 = -1_000;

/// Has `farewell` called when a child of `multiprocessing` ends, and where this process is one, at its end. Gives false
/// where `multiprocessing` is not in use yet.
pub(crate) fn watch(farewell: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = farewell.py();
    let modules = py
        .import("sys")?
        .getattr("modules")?
        .cast_into::<PyDict>()?;
    let Some(util) = modules.get_item("multiprocessing.util")? else {
        return Ok(false);
    };
    // A child forgets at its start what was to be done at the end, and then does this.
    let at_start = wrap_pyfunction!(at_start, py)?;
    util.call_method1("register_after_fork", (farewell, at_start))?;
    add(&util, farewell)?;
    Ok(true)
}

#[pyfunction]
fn at_start(farewell: &Bound<'_, PyAny>) -> PyResult<()> {
    add(
        farewell.py().import("multiprocessing.util")?.as_any(),
        farewell,
    )
}

fn add(util: &Bound<'_, PyAny>, farewell: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = util.py();
    let options = [("exitpriority", LAST)].into_py_dict(py)?;
    util.call_method("Finalize", (py.None(), farewell), Some(&options))?;
    Ok(())
}
