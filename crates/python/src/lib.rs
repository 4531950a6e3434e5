//! The extension module `codomyrmex.telemetry.tracing._native`.
//!
//! Decisions, ids, times, books and bytes are the engine's; here Python's objects meet them. What every span goes through is
//! written on CPython's C API (`hot`, `span`, `current`, `decorator`), everything else with PyO3's macros.

mod args;
mod attributes;
mod baggage;
mod by_hand;
mod console;
mod convert;
mod current;
mod decorator;
mod diagnostics;
mod driven;
mod encode;
mod engine;
mod events;
mod exception;
mod finished;
mod headers;
mod heap_type;
mod hooks;
mod hot;
mod inherit;
mod kind;
mod lanes;
mod limits;
mod links;
mod module;
mod multiprocessing;
mod null_exporter;
mod otlp_exporter;
mod place;
mod propagation;
mod queue_options;
mod sampler;
mod sampling;
mod settings;
mod sigterm;
mod span;
mod span_context;
mod span_data;
mod span_fields;
mod span_methods;
mod stats;
mod status;
mod text;
mod timer;
mod times;
mod traceback;
mod tracer;
mod user_code;
mod waiting;

use pyo3::prelude::*;

/// The native half of `codomyrmex.telemetry.tracing`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module::fill(module)
}
