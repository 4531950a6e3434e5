//! The books of a pipeline: sums over its rings and lanes that add up at any moment.

use std::sync::atomic::Ordering;

use super::end::STALLED;
use super::{Pipeline, SHUT_DOWN};
use crate::exporter::Delivery;
use crate::ring::Books;
use crate::stats::{Dropped, ExporterStats, Stats};

/// Sums of [`Books`].
#[derive(Clone, Copy, Default)]
struct Totals {
    started: u64,
    unsampled: u64,
    recorded: u64,
    abandoned: u64,
    queue_full: u64,
    hook: u64,
    shutdown: u64,
    ignored: u64,
}

impl Totals {
    /// What ended is read before what started, so that a span that ends meanwhile is not counted twice.
    fn add(&mut self, books: &Books) {
        self.abandoned += books.abandoned.get();
        self.queue_full += books.queue_full.get();
        self.hook += books.hook.get();
        self.shutdown += books.shutdown.get();
        self.ignored += books.ignored.get();
        self.recorded += books.recorded.get();
        self.unsampled += books.unsampled.get();
        self.started += books.started.get();
    }
}

impl Pipeline {
    /// The books now.
    pub(crate) fn stats(&self) -> Stats {
        if self.state.load(Ordering::Acquire) == SHUT_DOWN {
            // A thread can have been in the middle of finishing a span.
            self.drain.pass(self, Some(STALLED));
        }
        self.read_books()
    }

    /// The books as they stand.
    pub(crate) fn read_books(&self) -> Stats {
        let reading = self.drain.hold();
        // Lanes first: a batch that is on its way to one then counts as still gathered.
        let lanes: Vec<_> = self.lanes.iter().map(|lane| lane.stats()).collect();
        let gathered = self.gather.came();
        let limit = self.limit.load(Ordering::Relaxed);
        let mut waiting = self.aside.lock().unwrap_or_else(|e| e.into_inner()).len() as u64;
        let totals = {
            let mut totals = Totals::default();
            for ring in self.rings().iter() {
                totals.add(&ring.books);
                let (appended, here) = ring.appended();
                totals.recorded += appended;
                waiting += here;
            }
            totals
        };
        drop(reading);
        let exporters = self.lanes.iter().zip(lanes).map(|(lane, books)| {
            let mut dropped = Dropped {
                hook: totals.hook,
                ..books.dropped
            };
            dropped.shutdown += totals.shutdown;
            let mut queued = books.queued;
            if lane.delivery == Delivery::Background {
                dropped.queue_full += totals.queue_full;
                dropped.limit += limit;
                queued += waiting;
            } else {
                queued += gathered - books.came;
            }
            ExporterStats {
                name: lane.name.clone(),
                exported: books.exported,
                dropped,
                queued,
                in_flight: books.in_flight,
                rejected: books.rejected,
                queue_capacity: lane.capacity(),
            }
        });
        Stats {
            started: totals.started + totals.unsampled,
            unsampled: totals.unsampled,
            recorded: totals.recorded,
            open: totals
                .started
                .saturating_sub(totals.recorded + totals.abandoned),
            abandoned: totals.abandoned,
            exporters: exporters.collect(),
            ignored_after_finish: totals.ignored + self.ignored.load(Ordering::Relaxed),
            redacted: self.rules.redacted(),
            truncated: self.rules.truncated(),
            over_limit: self.rules.dropped(),
            queue_bytes: self.pool.used() as u64,
            queue_limit: self.pool.limit() as u64,
        }
    }
}
