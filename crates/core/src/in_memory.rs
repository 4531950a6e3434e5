//! The exporter that keeps finished spans in memory, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::drawing::drawn;
use crate::exporter::{Batch, ExportError, SpanExporter};
use crate::finished::FinishedSpan;
use crate::ids::TraceId;

/// Keeps the newest spans. Clones share what they keep, so one goes to the tracer and one stays with the test.
/// What is kept outlives the tracer.
///
/// ```
/// use codomyrmex_core::{InMemoryExporter, Tracer};
/// let exporter = InMemoryExporter::new();
/// let tracer = Tracer::builder("shop").exporter(exporter.clone()).build();
/// tracer.span("checkout").finish();
/// tracer.flush();
/// assert_eq!(exporter.spans()[0].name, "checkout");
/// ```
#[derive(Clone, Debug)]
pub struct InMemoryExporter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    most: usize,
    spans: Mutex<VecDeque<FinishedSpan>>,
}

impl Default for InMemoryExporter {
    fn default() -> Self {
        Self::new()
    }
}

impl InMemoryExporter {
    /// Keeps the newest 1,000 spans.
    pub fn new() -> Self {
        Self::with_capacity(1000)
    }

    /// Keeps the newest `max_spans` spans.
    pub fn with_capacity(max_spans: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                most: max_spans,
                spans: Mutex::default(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<FinishedSpan>> {
        self.shared.spans.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// All spans, the oldest first.
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.lock().iter().cloned().collect()
    }

    /// The spans of one trace, or all.
    pub fn get_spans(&self, trace_id: Option<TraceId>) -> Vec<FinishedSpan> {
        self.lock()
            .iter()
            .filter(|span| trace_id.is_none_or(|id| span.context.trace_id == id))
            .cloned()
            .collect()
    }

    /// Forgets all spans.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The traces drawn as trees without times, for tests.
    pub fn tree(&self) -> String {
        self.tree_with(&[])
    }

    /// As [`tree`](Self::tree), with these attributes where a span has them.
    pub fn tree_with(&self, attributes: &[&str]) -> String {
        codomyrmex_draw::shape(&drawn(&self.spans()), attributes)
    }
}

impl SpanExporter for InMemoryExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let service: Arc<str> = batch.service_name().into();
        let mut spans = self.lock();
        for view in batch.spans() {
            if spans.len() >= self.shared.most.max(1) {
                spans.pop_front();
            }
            if self.shared.most > 0 {
                spans.push_back(FinishedSpan::from_view(&view, &service));
            }
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "in_memory"
    }
}
