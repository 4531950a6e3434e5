//! What a lane tells the receiver about itself, with each export.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use codomyrmex_wire::{Value, books};

use super::Lane;
use super::lost::{Lost, Reason};
use crate::exporter::Batch;
use crate::ids::TraceId;
use crate::stats::Stats;

impl Lane {
    fn tells(&self) -> bool {
        self.pipeline
            .get()
            .is_some_and(|pipeline| pipeline.books_on_the_wire)
    }

    /// Remembers the traces of a batch that is lost.
    pub(super) fn lose(&self, batch: &Batch, reason: Reason) {
        if self.tells() && !self.lost_is_full.load(Ordering::Relaxed) {
            let lost = Lost::of(batch.bytes(), reason);
            let mut state = self.lock();
            state.lost.merge(lost);
            self.lost_is_full
                .store(state.lost.is_full(), Ordering::Relaxed);
        }
    }

    /// Remembers a trace that lost a span. False where another thread has the lock, for this one finishes a span.
    pub(crate) fn lose_one(&self, trace: TraceId, reason: Reason) -> bool {
        if !self.tells() || self.lost_is_full.load(Ordering::Relaxed) {
            return true;
        }
        let Ok(mut state) = self.state.try_lock() else {
            return false;
        };
        state.lost.add(trace, reason);
        self.lost_is_full
            .store(state.lost.is_full(), Ordering::Relaxed);
        true
    }

    /// Moves what was lost to what the export that goes on tells of, and gives all of that.
    fn tell_lost(&self) -> Lost {
        let mut state = self.lock();
        let lost = std::mem::take(&mut state.lost);
        state.told.merge(lost);
        self.lost_is_full.store(false, Ordering::Relaxed);
        if let Some(pipeline) = self.pipeline.get() {
            pipeline.tellings.fetch_add(1, Ordering::Release);
        }
        state.told.clone()
    }

    /// The attributes of the scope for an export that goes on.
    pub(crate) fn books(&self) -> Vec<(String, Value)> {
        let Some(pipeline) = self.pipeline.get().filter(|_| self.tells()) else {
            return Vec::new();
        };
        let lost = self.tell_lost();
        let stats = pipeline.read_books();
        let mut attributes = vec![
            (
                books::INSTANCE_ID.to_owned(),
                Value::Str(pipeline.instance_id()),
            ),
            (
                books::EXPORTER.to_owned(),
                Value::Str(format!("{}/{}", self.name, self.number())),
            ),
        ];
        self.push_counts(&stats, &mut attributes);
        for reason in Reason::ALL {
            let traces: Vec<_> = lost
                .traces(reason)
                .map(|trace| Value::Str(trace.to_string()))
                .collect();
            if !traces.is_empty() {
                attributes.push((reason.attribute().to_owned(), Value::Array(traces)));
            }
        }
        if lost.has_more() {
            attributes.push((books::LOST_MORE.to_owned(), Value::Bool(true)));
        }
        attributes
    }

    fn push_counts(&self, stats: &Stats, attributes: &mut Vec<(String, Value)>) {
        let Some(row) = stats.exporters.get(self.number()) else {
            return;
        };
        let dropped = row.dropped;
        let counts = [
            (books::STARTED, stats.started),
            (books::UNSAMPLED, stats.unsampled),
            (books::RECORDED, stats.recorded),
            (books::ABANDONED, stats.abandoned),
            (books::EXPORTED, row.exported),
            (books::DROPPED_QUEUE_FULL, dropped.queue_full),
            (books::DROPPED_EXPORT_FAILED, dropped.export_failed),
            (books::DROPPED_LIMIT, dropped.limit),
            (books::DROPPED_SHUTDOWN, dropped.shutdown),
            (books::DROPPED_HOOK, dropped.hook),
        ];
        for (name, count) in counts {
            if count > 0 {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                attributes.push((name.to_owned(), Value::Int(count)));
            }
        }
    }
}

/// A new instance's id: 32 hexadecimal digits.
pub(crate) fn new_instance_id() -> String {
    let mut id = String::with_capacity(32);
    crate::thread::with(|state| {
        let _ = write!(
            id,
            "{:016x}{:016x}",
            state.random.next(),
            state.random.next()
        );
    });
    id
}
