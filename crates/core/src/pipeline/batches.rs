//! From the rings to the lanes: what threads have finished becomes batches.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use codomyrmex_wire::end_of_spans;

use super::Pipeline;
use crate::batch_memory::BatchBytes;
use crate::chunk::{Committed, ROOM};
use crate::exporter::Batch;

/// The batch that is being filled.
struct Filling<'a> {
    pipeline: &'a Pipeline,
    bytes: Vec<u8>,
    len: usize,
}

impl Filling<'_> {
    /// Adds so many spans, in one batch or several.
    fn add(&mut self, mut bytes: &[u8], mut spans: usize) {
        let most = self.pipeline.batch_spans;
        if self.bytes.len() + bytes.len() > self.pipeline.batch_bytes {
            self.hand_over();
        }
        while self.len + spans > most {
            let first = most - self.len;
            let (now, later) = bytes.split_at(end_of_spans(bytes, first));
            self.bytes.extend_from_slice(now);
            self.len += first;
            self.hand_over();
            bytes = later;
            spans -= first;
        }
        if spans == 0 {
            return;
        }
        if self.bytes.capacity() == 0 && bytes.len() * 2 > ROOM && spans < most {
            self.bytes = self.pipeline.batch_memory.take();
            let most = self.pipeline.batch_bytes.max(bytes.len());
            self.bytes.reserve_exact(most);
        }
        self.bytes.extend_from_slice(bytes);
        self.len += spans;
    }

    /// Adds one span that has memory of its own.
    fn add_block(&mut self, field: Vec<u8>) {
        if self.bytes.len() + field.len() > self.pipeline.batch_bytes
            || self.len >= self.pipeline.batch_spans
        {
            self.hand_over();
        }
        if self.bytes.is_empty() {
            self.bytes = field;
            self.len = 1;
        } else {
            self.add(&field, 1);
        }
    }

    /// How many of these spans every lane has room for, beside what is being filled, or is not waited for.
    fn room_for(&self, bytes: usize, spans: u32, patience: Option<Duration>) -> u32 {
        let Some(patience) = patience else {
            return spans;
        };
        let pipeline = self.pipeline;
        let is_another = self.bytes.len() + bytes > pipeline.batch_bytes
            || self.len + spans as usize > pipeline.batch_spans;
        // What a batch counts for in a queue is what it takes.
        let bytes = match is_another {
            true => self.bytes.capacity() + bytes,
            false => self.bytes.capacity().max(self.bytes.len() + bytes),
        };
        let is_one = !is_another && bytes <= pipeline.batch_bytes || self.bytes.is_empty();
        pipeline.background_lanes().fold(spans, |fits, lane| {
            let room = lane.room_in_spans(patience).saturating_sub(self.len as u64);
            if lane.has_room(bytes, is_one, patience) {
                fits.min(u32::try_from(room).unwrap_or(u32::MAX))
            } else {
                0
            }
        })
    }

    fn hand_over(&mut self) {
        if self.len == 0 {
            return;
        }
        let most = self.pipeline.batch_bytes;
        if self.bytes.capacity() != most || self.bytes.len() < most / 4 * 3 {
            // It counts for what it takes, and room was found for what is in it.
            self.bytes.shrink_to_fit();
        }
        let bytes = std::mem::take(&mut self.bytes);
        let batch = self.pipeline.batch(bytes, std::mem::take(&mut self.len));
        for lane in self.pipeline.background_lanes() {
            lane.offer(batch.clone());
        }
    }
}

impl Pipeline {
    pub(super) fn batch(&self, bytes: Vec<u8>, len: usize) -> Batch {
        Batch {
            origin: self.origin.clone(),
            bytes: Arc::new(BatchBytes::new(bytes, self.batch_memory.clone())),
            len,
            deadline: None,
            lane: None,
        }
    }

    /// Moves what stands in the rings to the lanes of the exporters of bytes. Only under the drain's lock. False where
    /// something stays behind because a lane has no room, which is waited for as long as `patience` says.
    pub(crate) fn drain_rings(&self, patience: Option<Duration>) -> bool {
        let rings = self.rings().clone();
        let mut filling = Filling {
            pipeline: self,
            bytes: Vec::new(),
            len: 0,
        };
        // Where there is no room for all, each ring has its turn.
        let first = self.next_ring.load(Ordering::Relaxed);
        for turn in 0..rings.len() {
            let place = (first + turn) % rings.len();
            let ring = &rings[place];
            let closed = ring.closed();
            let mut all = true;
            ring.drain_while(|committed, spans| {
                let fits = filling.room_for(committed.len(), spans, patience);
                if fits == spans {
                    filling.add(committed, spans as usize);
                    return None;
                }
                all = false;
                let part = end_of_spans(committed, fits as usize);
                filling.add(&committed[..part], fits as usize);
                Some(Committed {
                    spans: fits,
                    bytes: part as u32,
                })
            });
            if !all {
                self.next_ring.store(place + 1, Ordering::Relaxed);
                filling.hand_over();
                return false;
            }
            if closed.is_some() {
                // Under the lock, so that no thread takes the ring over meanwhile.
                let _rings = self.rings();
                if ring.closed() == closed {
                    ring.release();
                }
            }
        }
        if self.has_aside.swap(false, Ordering::Acquire) {
            let aside = std::mem::take(&mut *self.aside.lock().unwrap_or_else(|e| e.into_inner()));
            let mut aside = aside.into_iter();
            while let Some(field) = aside.next() {
                if filling.room_for(field.len(), 1, patience) == 0 {
                    let mut kept = self.aside.lock().unwrap_or_else(|e| e.into_inner());
                    kept.splice(0..0, std::iter::once(field).chain(aside));
                    self.has_aside.store(true, Ordering::Release);
                    filling.hand_over();
                    return false;
                }
                self.pool.discharge(field.len());
                self.aside_taken.fetch_add(1, Ordering::Relaxed);
                filling.add_block(field);
            }
        }
        if filling.len == 0 {
            // Nothing goes on here.
            self.batch_memory.free();
        }
        filling.hand_over();
        true
    }

    /// What stands in the buffers now. Only under the drain's lock, as [`is_reached`](Self::is_reached).
    pub(crate) fn goal(&self) -> Goal {
        let rings = self.rings();
        let rings = rings.iter().map(|ring| ring.appended().0).collect();
        let aside = self.aside.lock().unwrap_or_else(|e| e.into_inner()).len() as u64;
        Goal {
            rings,
            aside: self.aside_taken.load(Ordering::Relaxed) + aside,
        }
    }

    /// Whether everything that stood there has gone to the lanes, whatever came afterwards.
    pub(crate) fn is_reached(&self, goal: &Goal) -> bool {
        let rings = self.rings();
        let mut taken = rings.iter().map(|ring| {
            let (all, here) = ring.appended();
            all - here
        });
        let reached = goal
            .rings
            .iter()
            .all(|goal| taken.next().is_none_or(|taken| taken >= *goal));
        reached && self.aside_taken.load(Ordering::Relaxed) >= goal.aside
    }
}

/// How much has to leave the buffers for a flush.
pub(crate) struct Goal {
    /// Spans out of each ring, since ever.
    rings: Vec<u64>,
    /// Spans out of those beside the rings, since ever.
    aside: u64,
}
