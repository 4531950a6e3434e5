//! What a lane's lock guards: the queue, who is inside the exporter, the books.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lost::Lost;
use crate::clock;
use crate::exporter::{Batch, SpanExporter};
use crate::stats::Dropped;
use crate::thread::{ThreadToken, this_thread};

#[derive(Default)]
pub(super) struct State {
    /// None once it is shut down.
    pub(super) exporter: Option<Arc<dyn SpanExporter>>,
    /// The thread that is inside the exporter.
    pub(super) busy: Option<ThreadToken>,
    pub(super) queue: VecDeque<Batch>,
    pub(super) queue_bytes: usize,
    pub(super) queue_spans: u64,
    /// Spans of the batch that is being exported.
    pub(super) in_flight: u64,
    /// Batches that came, and batches that are over and done with.
    pub(super) offered: u64,
    pub(super) settled: u64,
    /// Batches up to here are to be exported now. What the exporter itself causes waits for the next batch from elsewhere
    /// or for a flush, so that an exporter that starts spans does not feed itself for ever.
    pub(super) wanted: u64,
    /// Spans that came.
    pub(super) came: u64,
    pub(super) exported: u64,
    pub(super) dropped: Dropped,
    /// Of those that failed, how many the receiver refused.
    pub(super) rejected: u64,
    /// Traces that lost spans since the last export, and those that the export that goes on tells of.
    pub(super) lost: Lost,
    pub(super) told: Lost,
    pub(super) flushes: Flushes,
    /// Until when the queue, which is full, is waited for: begun anew with each batch that leaves it.
    pub(super) waited_for: Option<Option<Instant>>,
    /// Nothing is taken in any more.
    pub(super) closed: bool,
    /// It closes once everything that is there is delivered.
    pub(super) finishing: bool,
    /// When the shutdown that goes on is over at the latest.
    pub(super) ends: Option<Instant>,
    /// The exporter's shutdown has begun.
    pub(super) ending: bool,
    /// The deadline of a shutdown has come.
    pub(super) cancelled: bool,
    /// Another thread forks, and waits until nobody is inside the exporter: nobody enters meanwhile.
    pub(super) held: bool,
    /// The lane's own thread runs.
    pub(super) staffed: bool,
    /// This is a forked child that has not used the exporter yet: what it holds is the parent's.
    pub(super) inherited: bool,
}

impl State {
    pub(super) fn has_work(&self) -> bool {
        self.busy.is_none() && self.offered - (self.queue.len() as u64) < self.wanted
    }

    /// Whether another thread is inside the exporter.
    pub(super) fn busy_elsewhere(&self) -> bool {
        self.busy.is_some_and(|thread| thread != this_thread())
    }

    /// Whether the queue, which is full, has been waited for as long as this.
    pub(super) fn is_stalled(&mut self, patience: Duration) -> bool {
        let until = self
            .waited_for
            .get_or_insert_with(|| clock::deadline(patience));
        clock::remaining(*until).is_zero()
    }

    /// Spans that are not settled.
    pub(super) fn left(&self) -> u64 {
        self.queue_spans + self.in_flight
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.queue_bytes += batch.memory();
        self.queue_spans += batch.len() as u64;
        self.offered += 1;
        self.inherited = false;
        self.queue.push_back(batch);
    }

    pub(super) fn pop(&mut self) -> Option<Batch> {
        let batch = self.queue.pop_front()?;
        self.queue_bytes -= batch.memory();
        self.queue_spans -= batch.len() as u64;
        self.in_flight = batch.len() as u64;
        self.waited_for = None;
        Some(batch)
    }

    /// Whether the deadline of a shutdown has come: an exporter that minds it gives up by itself, perhaps before it is told.
    pub(super) fn is_over(&self) -> bool {
        self.cancelled || self.ends.is_some() && clock::remaining(self.ends).is_zero()
    }

    /// The batch that was being exported is over and done with, but for so many of its spans, which failed or are given up by
    /// a shutdown.
    pub(super) fn settle(&mut self, batch: &Batch, failed: u64, is_over: bool) {
        self.in_flight = 0;
        self.settled += 1;
        self.waited_for = None;
        self.exported += batch.len() as u64 - failed;
        if is_over {
            self.dropped.shutdown += failed;
        } else {
            self.dropped.export_failed += failed;
        }
    }

    /// What is queued will not be exported any more.
    pub(super) fn drop_queue(&mut self) -> VecDeque<Batch> {
        let left = std::mem::take(&mut self.queue);
        self.dropped.shutdown += std::mem::take(&mut self.queue_spans);
        self.settled += left.len() as u64;
        self.queue_bytes = 0;
        left
    }
}

/// Flushes of the exporter that are asked of the lane's own thread. Each has a number.
#[derive(Default)]
pub(super) struct Flushes {
    /// Flushes that began, and those that ended.
    begun: u64,
    ended: u64,
    /// Behind how many settled batches the next two come. Whoever asks while two wait joins the second, so that the first is
    /// not put off for ever.
    waiting: VecDeque<u64>,
}

impl Flushes {
    /// Asks for a flush behind so many settled batches; gives its number.
    pub(super) fn ask(&mut self, behind: u64) -> u64 {
        if self.waiting.len() < 2 {
            self.waiting.push_back(behind);
        } else if let Some(last) = self.waiting.back_mut() {
            *last = behind;
        }
        self.begun + self.waiting.len() as u64
    }

    /// Takes the flush whose turn it is.
    pub(super) fn begin(&mut self, settled: u64) -> bool {
        let due = self
            .waiting
            .front()
            .is_some_and(|behind| *behind <= settled);
        if due {
            self.waiting.pop_front();
            self.begun += 1;
        }
        due
    }

    pub(super) fn end(&mut self) {
        self.ended += 1;
    }

    pub(super) fn is_over(&self, number: u64) -> bool {
        self.ended >= number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_comes_behind_what_was_there_and_is_not_put_off_by_later_ones() {
        let mut flushes = Flushes::default();
        assert_eq!(flushes.ask(3), 1);
        assert_eq!(flushes.ask(5), 2);
        assert_eq!(flushes.ask(9), 2);
        assert!(!flushes.begin(2));
        assert!(flushes.begin(3));
        // One that is asked for while the first runs cannot join it.
        assert_eq!(flushes.ask(9), 3);
        flushes.end();
        assert!(flushes.is_over(1) && !flushes.is_over(2));
        assert!(!flushes.begin(8));
        assert!(flushes.begin(9));
        assert!(flushes.begin(9));
        assert!(!flushes.begin(9));
    }
}
