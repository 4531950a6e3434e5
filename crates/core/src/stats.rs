//! The books: where every span that started is now.

use std::fmt;

/// Why spans did not reach an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The buffers were full.
    pub queue_full: u64,
    /// The exporter failed.
    pub export_failed: u64,
    /// A span was larger than all buffers together.
    pub limit: u64,
    /// The tracer was shut down before.
    pub shutdown: u64,
    /// A hook dropped it.
    pub hook: u64,
}

impl Dropped {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.queue_full + self.export_failed + self.limit + self.shutdown + self.hook
    }
}

/// One exporter's books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExporterStats {
    /// The exporter's name.
    pub name: String,
    /// Spans in batches that it took.
    pub exported: u64,
    /// Spans that it will never get.
    pub dropped: Dropped,
    /// Spans on their way to it.
    pub queued: u64,
    /// Of these, spans that it is exporting.
    pub in_flight: u64,
    /// Of those that failed, spans that the receiver refused while it took the rest of their batch.
    pub rejected: u64,
    /// The most spans in its queue, where that is limited beside the bytes.
    pub queue_capacity: Option<u64>,
}

/// A tracer's books, in spans. Exact whenever no span starts or ends meanwhile.
///
/// `started = unsampled + recorded + open + abandoned`, and for each exporter `recorded = exported + dropped + queued`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Spans that started.
    pub started: u64,
    /// Of these, not sampled.
    pub unsampled: u64,
    /// Of these, finished.
    pub recorded: u64,
    /// Of these, not finished yet.
    pub open: u64,
    /// Of these, collected or left behind unfinished.
    pub abandoned: u64,
    /// A row for each exporter.
    pub exporters: Vec<ExporterStats>,
    /// Calls on spans that had finished already.
    pub ignored_after_finish: u64,
    /// Values that redaction replaced or cut.
    pub redacted: u64,
    /// Values that a length limit cut.
    pub truncated: u64,
    /// Attributes, events and links beyond their span's limits.
    pub over_limit: u64,
    /// Bytes of buffers in use, and the most that may be.
    pub queue_bytes: u64,
    /// The most bytes of buffers.
    pub queue_limit: u64,
}

impl Stats {
    /// Whether every span is accounted for.
    pub fn balanced(&self) -> bool {
        self.started == self.unsampled + self.recorded + self.open + self.abandoned
            && self
                .exporters
                .iter()
                .all(|e| self.recorded == e.exported + e.dropped.total() + e.queued)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "started {} = unsampled {} + recorded {} + open {} + abandoned {}",
            self.started, self.unsampled, self.recorded, self.open, self.abandoned
        )?;
        for exporter in &self.exporters {
            let dropped = exporter.dropped;
            write!(
                f,
                "\n{}: exported {}, dropped {}",
                exporter.name,
                exporter.exported,
                dropped.total()
            )?;
            let reasons = [
                ("queue_full", dropped.queue_full),
                ("export_failed", dropped.export_failed),
                ("limit", dropped.limit),
                ("shutdown", dropped.shutdown),
                ("hook", dropped.hook),
            ];
            for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
                write!(f, " {reason}={count}")?;
            }
            write!(f, ", queued {}", exporter.queued)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_span_unbalances_the_books() {
        let exporter = ExporterStats {
            name: "x".into(),
            exported: 2,
            dropped: Dropped::default(),
            queued: 1,
            ..ExporterStats::default()
        };
        let stats = Stats {
            started: 4,
            recorded: 3,
            open: 1,
            exporters: vec![exporter],
            ..Stats::default()
        };
        assert!(stats.balanced());
        assert!(
            !Stats {
                recorded: 4,
                open: 0,
                ..stats.clone()
            }
            .balanced()
        );
        assert!(!Stats { open: 0, ..stats }.balanced());
    }

    #[test]
    fn the_books_print_the_reasons_that_count() {
        let dropped = Dropped {
            queue_full: 2,
            ..Dropped::default()
        };
        let exporter = ExporterStats {
            name: "null".into(),
            exported: 1,
            dropped,
            queued: 0,
            ..ExporterStats::default()
        };
        let stats = Stats {
            started: 3,
            recorded: 3,
            exporters: vec![exporter],
            ..Stats::default()
        };
        assert_eq!(
            stats.to_string(),
            "started 3 = unsampled 0 + recorded 3 + open 0 + abandoned 0\nnull: exported 1, dropped 2 queue_full=2, queued 0"
        );
    }
}
