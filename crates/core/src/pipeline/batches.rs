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

    /// How many of these spans every lane has room for, beside what is being filled, or is not waited for. Without patience
    /// it is all of them, or none where no lane would take any.
    fn room_for(&self, bytes: usize, spans: u32, patience: Option<Duration>) -> u32 {
        let pipeline = self.pipeline;
        let is_another = self.bytes.len() + bytes > pipeline.batch_bytes
            || self.len + spans as usize > pipeline.batch_spans;
        // What a batch counts for in a queue is what it takes.
        let bytes = match is_another {
            true => self.bytes.capacity() + bytes,
            false => self.bytes.capacity().max(self.bytes.len() + bytes),
        };
        let is_one = !is_another && bytes <= pipeline.batch_bytes || self.bytes.is_empty();
        let Some(patience) = patience else {
            // Nobody is waited for; but what no lane takes is not copied in vain.
            // Room for a whole batch, for with less each would be as small as the room that the last one left.
            let bytes = match is_another {
                true => bytes.max(self.bytes.capacity() + pipeline.batch_bytes),
                false => bytes.max(pipeline.batch_bytes),
            };
            let is_taken = || {
                let mut lanes = pipeline.background_lanes();
                lanes.any(|lane| lane.takes(bytes, is_one))
            };
            return if is_taken() || pipeline.hold_back_unless(is_taken) {
                spans
            } else {
                0
            };
        };
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
    /// From now on whoever takes a batch out of a lane wakes the drain, unless there is room already.
    fn hold_back_unless(&self, has_room: impl Fn() -> bool) -> bool {
        self.holds_back.store(true, Ordering::SeqCst);
        let has_room = has_room();
        if has_room {
            self.holds_back.store(false, Ordering::SeqCst);
        }
        has_room
    }

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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use crate::{Batch, Delivery, ExportError, SpanExporter, Tracer};

    /// Exports nothing before its gate is open.
    struct Gated(Arc<Mutex<()>>);

    impl SpanExporter for Gated {
        fn export(&self, _batch: &Batch) -> Result<(), ExportError> {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(())
        }

        fn delivery(&self) -> Delivery {
            Delivery::Background
        }
    }

    #[test]
    fn what_no_lane_takes_stays_in_the_buffers_while_they_have_room() {
        const QUEUE: usize = 256 << 10;
        const SPAN: usize = 1 << 10;
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let tracer = Tracer::builder("shop")
            .exporter(Gated(gate.clone()))
            .queue_bytes(QUEUE)
            .build();
        let value = "v".repeat(SPAN);
        let mut recorded = 0;
        while tracer.stats().exporters[0].dropped.total() == 0 {
            tracer.span("a").set_attribute("value", value.as_str());
            recorded += 1;
            tracer.pipeline().tick();
        }
        // The queue and the buffers are full, and one batch is on its way.
        assert!(recorded * SPAN > QUEUE * 3 / 2, "{recorded}");
        drop(closed);
        tracer.shutdown();
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!(stats.exporters[0].exported as usize, recorded - 1);
    }

    #[test]
    fn a_batch_that_leaves_lets_go_on_what_was_held_back() {
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let tracer = Tracer::builder("shop")
            .exporter(Gated(gate.clone()))
            .queue_bytes(256 << 10)
            .flush_interval(std::time::Duration::from_secs(3600))
            .build();
        let value = "v".repeat(1 << 10);
        while tracer.pipeline().tick() {
            tracer.span("a").set_attribute("value", value.as_str());
        }
        drop(closed);
        // Nobody flushes, and no interval is over: each batch that leaves wakes the drain.
        while tracer.stats().exporters[0].queued > 0 {
            std::thread::yield_now();
        }
        assert_eq!(tracer.stats().exporters[0].dropped.total(), 0);
    }
}
