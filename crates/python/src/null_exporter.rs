//! NullExporter: takes encoded batches, counts and drops them.

use codomyrmex_core::NullExporter as Core;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The native half of NullExporter. A tracer that has one encodes its spans.
#[pyclass(
    module = "codomyrmex.telemetry.tracing._native",
    name = "NullExporter",
    frozen,
    subclass,
    weakref
)]
pub(crate) struct NullExporter {
    pub(crate) core: Core,
}

#[pymethods]
impl NullExporter {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { core: Core::new() }
    }

    /// Spans so far.
    #[getter]
    fn span_count(&self) -> u64 {
        self.core.spans()
    }

    /// Encoded bytes so far.
    #[getter]
    fn byte_count(&self) -> u64 {
        self.core.bytes()
    }
}
