//! The books of a tracer.

use codomyrmex_core::{Dropped, ExporterStats as CoreExporter, Stats as Core};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::lanes::Counts;

/// Where every span that started is now: `started = unsampled + recorded + open + abandoned`.
#[pyclass(module = "codomyrmex.telemetry.tracing", name = "Stats", frozen)]
pub(crate) struct Stats {
    core: Core,
}

/// One exporter's books: `recorded = exported + dropped + queued`.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "ExporterStats",
    frozen
)]
pub(crate) struct ExporterStats {
    core: CoreExporter,
}

impl Stats {
    /// The engine's books with those of the exporters that take Span objects.
    pub(crate) fn new(mut core: Core, in_process: impl Iterator<Item = (String, Counts)>) -> Self {
        for (name, counts) in in_process {
            core.exporters.push(CoreExporter {
                name,
                exported: counts.exported,
                dropped: Dropped {
                    queue_full: counts.queue_full,
                    export_failed: counts.export_failed,
                    limit: 0,
                    shutdown: counts.shutdown,
                    hook: counts.hook,
                },
                queued: counts.queued,
                ..CoreExporter::default()
            });
        }
        Self { core }
    }
}

#[pymethods]
impl Stats {
    /// Spans that started.
    #[getter]
    fn started(&self) -> u64 {
        self.core.started
    }

    /// Of these, not sampled.
    #[getter]
    fn unsampled(&self) -> u64 {
        self.core.unsampled
    }

    /// Of these, finished.
    #[getter]
    fn recorded(&self) -> u64 {
        self.core.recorded
    }

    /// Of these, not finished yet.
    #[getter]
    fn open(&self) -> u64 {
        self.core.open
    }

    /// Of these, collected unfinished.
    #[getter]
    fn abandoned(&self) -> u64 {
        self.core.abandoned
    }

    /// Calls that had no effect, because the span had finished or the value made no sense.
    #[getter]
    fn ignored_after_finish(&self) -> u64 {
        self.core.ignored_after_finish
    }

    /// Values that redaction replaced or cut.
    #[getter]
    fn redacted(&self) -> u64 {
        self.core.redacted
    }

    /// Values that a length limit cut.
    #[getter]
    fn truncated(&self) -> u64 {
        self.core.truncated
    }

    /// Attributes, events and links beyond their span's limits.
    #[getter]
    fn over_limit(&self) -> u64 {
        self.core.over_limit
    }

    /// Bytes of buffers in use.
    #[getter]
    fn queue_bytes(&self) -> u64 {
        self.core.queue_bytes
    }

    /// The most bytes of buffers.
    #[getter]
    fn queue_limit(&self) -> u64 {
        self.core.queue_limit
    }

    /// The books of each exporter.
    #[getter]
    fn exporters(&self) -> Vec<ExporterStats> {
        self.core
            .exporters
            .iter()
            .map(|core| ExporterStats { core: core.clone() })
            .collect()
    }

    /// Whether every span is accounted for.
    #[getter]
    fn balanced(&self) -> bool {
        self.core.balanced()
    }

    fn __str__(&self) -> String {
        self.core.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Stats {}>", self.core)
    }
}

#[pymethods]
impl ExporterStats {
    /// Spans in batches that it took.
    #[getter]
    fn exported(&self) -> u64 {
        self.core.exported
    }

    /// Spans on their way to it.
    #[getter]
    fn queued(&self) -> u64 {
        self.core.queued
    }

    /// The exporter's class, or the name that an exporter of bytes gives itself.
    #[getter]
    fn name(&self) -> &str {
        &self.core.name
    }

    /// Spans that the exporter will never get, by reason.
    #[getter]
    fn dropped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Dropped {
            queue_full,
            export_failed,
            limit,
            shutdown,
            hook,
        } = self.core.dropped;
        let dropped = PyDict::new(py);
        dropped.set_item("queue_full", queue_full)?;
        dropped.set_item("export_failed", export_failed)?;
        dropped.set_item("limit", limit)?;
        dropped.set_item("shutdown", shutdown)?;
        dropped.set_item("hook", hook)?;
        Ok(dropped)
    }

    fn __repr__(&self) -> String {
        let dropped = self.core.dropped.total();
        format!(
            "<ExporterStats {}: exported {}, dropped {dropped}, queued {}>",
            self.core.name, self.core.exported, self.core.queued
        )
    }
}
