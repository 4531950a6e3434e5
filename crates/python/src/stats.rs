//! The books of a tracer.

use codomyrmex_core::{Dropped, ExporterStats as CoreExporter, MetricKind, Stats as Core};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::lanes::{Counts, MOST};

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
                in_flight: counts.in_flight,
                rejected: 0,
                queue_capacity: Some(MOST as u64),
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

    /// The books as metrics under OpenTelemetry's own names. Each is a dict of `name`, `description`, `unit`, `kind` (`counter`
    /// or `up_down_counter`), and `points`: dicts of `attributes` and `value`.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let metrics = PyList::empty(py);
        for metric in self.core.metrics() {
            let points = PyList::empty(py);
            for point in metric.points {
                let attributes = PyDict::new(py);
                for (key, value) in point.attributes {
                    attributes.set_item(key, value)?;
                }
                let row = PyDict::new(py);
                row.set_item("attributes", attributes)?;
                row.set_item("value", point.value)?;
                points.append(row)?;
            }
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::UpDownCounter => "up_down_counter",
            };
            let row = PyDict::new(py);
            row.set_item("name", metric.name)?;
            row.set_item("description", metric.description)?;
            row.set_item("unit", metric.unit)?;
            row.set_item("kind", kind)?;
            row.set_item("points", points)?;
            metrics.append(row)?;
        }
        Ok(metrics)
    }

    /// The metrics in Prometheus' text format (`text/plain; version=0.0.4`), for an endpoint of your own.
    fn to_prometheus(&self) -> String {
        self.core.to_prometheus()
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

    /// Of these, spans that it is exporting.
    #[getter]
    fn in_flight(&self) -> u64 {
        self.core.in_flight
    }

    /// Of those that failed, spans that the receiver refused while it took the rest of their batch.
    #[getter]
    fn rejected(&self) -> u64 {
        self.core.rejected
    }

    /// The most spans that wait for it; None where only their bytes are limited.
    #[getter]
    fn queue_capacity(&self) -> Option<u64> {
        self.core.queue_capacity
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
