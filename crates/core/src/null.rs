//! The exporter that takes encoded batches, counts and drops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::exporter::{Batch, Delivery, ExportError, SpanExporter};

/// For benchmarks: everything up to the encoded batches happens, then they are dropped. Clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct NullExporter {
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    spans: AtomicU64,
    bytes: AtomicU64,
}

impl NullExporter {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spans so far.
    pub fn spans(&self) -> u64 {
        self.counted.spans.load(Ordering::Relaxed)
    }

    /// Encoded bytes so far.
    pub fn bytes(&self) -> u64 {
        self.counted.bytes.load(Ordering::Relaxed)
    }
}

impl SpanExporter for NullExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        self.counted
            .spans
            .fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.counted
            .bytes
            .fetch_add(batch.bytes().len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "null"
    }

    fn is_fork_safe(&self) -> bool {
        true
    }
}
