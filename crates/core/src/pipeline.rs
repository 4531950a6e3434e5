//! What stands behind a tracer: its rules, its threads' rings, its exporters' lanes, and its books.

mod books;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::chunk::Pool;
use crate::context::SpanContext;
use crate::diagnostics::{self, Kind};
use crate::drain::Drain;
use crate::exporter::{Batch, Delivery, Origin};
use crate::gather::{Gather, Gathered};
use crate::hooks::SpanHooks;
use crate::id_generator::IdGenerator;
use crate::kind::SpanKind;
use crate::lane::{Lane, report_full};
use crate::ring::{Appended, Ring, pressing};
use crate::rules::Rules;
use crate::sampler::Sampler;

/// How the pipeline is.
pub(crate) const ON: u8 = 0;
/// Spans are not recorded, contexts pass through.
pub(crate) const DISABLED: u8 = 1;
/// No span starts any more.
pub(crate) const SHUT_DOWN: u8 = 2;

/// The process's fork generation: 0, and one more in each forked child of a child.
pub(crate) static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Everything of one tracer. It is never freed: spans point to it without counting. What is large in it is freed at shutdown.
pub(crate) struct Pipeline {
    /// Its number in the process; never 0.
    pub(crate) number: u32,
    pub(crate) state: AtomicU8,
    /// Whether a child of a local span can start the short way: on, built-in ids, parent-based, no hooks.
    pub(crate) starts_short: AtomicBool,
    /// Built-in sampler and ids, no hooks, and roots have no parent: a span can start the short way.
    pub(crate) plain: bool,
    /// Plain, and every root is recorded.
    pub(crate) keeps_roots: bool,
    /// Only exporters of bytes and no hooks: a span can finish the short way.
    pub(crate) direct: bool,
    pub(crate) sampler: Sampler,
    pub(crate) rules: Rules,
    /// The parent of spans that have no other.
    pub(crate) parent: Option<SpanContext>,
    pub(crate) ids: Option<Box<dyn IdGenerator>>,
    pub(crate) hooks: Option<Box<dyn SpanHooks>>,
    pub(crate) origin: Arc<Origin>,
    pool: Arc<Pool>,
    rings: Mutex<Rings>,
    gather: Gather,
    lanes: Vec<Arc<Lane>>,
    in_process: bool,
    background: bool,
    pub(crate) drain: Drain,
    /// Spans that are larger than a chunk, or whose thread found none.
    aside: Mutex<Vec<Vec<u8>>>,
    has_aside: AtomicBool,
    /// Spans refused because they are larger than all buffers together.
    limit: AtomicU64,
    /// Calls on ended spans where no thread's books were at hand.
    ignored: AtomicU64,
}

/// The rings of a pipeline. They are never freed, since open spans know theirs by its address; a thread that starts takes
/// over the ring of one that ended, with its books and whatever is in it.
type Rings = Vec<Arc<Ring>>;

/// What a builder decided.
pub(crate) struct Plan {
    pub(crate) disabled: bool,
    pub(crate) sampler: Sampler,
    pub(crate) rules: Rules,
    pub(crate) parent: Option<SpanContext>,
    pub(crate) ids: Option<Box<dyn IdGenerator>>,
    pub(crate) hooks: Option<Box<dyn SpanHooks>>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) exporters: Vec<Box<dyn crate::SpanExporter>>,
    pub(crate) batch_size: usize,
    pub(crate) flush_interval: Option<Duration>,
    pub(crate) queue_bytes: usize,
}

impl Pipeline {
    /// Sets the pipeline up. No thread starts yet.
    pub(crate) fn new(plan: Plan) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let lanes: Vec<_> = plan
            .exporters
            .into_iter()
            .map(|exporter| Arc::new(Lane::new(exporter, plan.queue_bytes)))
            .collect();
        let in_process = lanes
            .iter()
            .any(|lane| lane.delivery == Delivery::InProcess);
        let background = lanes
            .iter()
            .any(|lane| lane.delivery == Delivery::Background);
        let built_in = plan.ids.is_none()
            && plan.hooks.is_none()
            && plan.sampler.decide_fast(None, 0).is_some();
        let plain = built_in && plan.parent.is_none();
        let direct = background && !in_process && plan.hooks.is_none();
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            starts_short: AtomicBool::new(
                built_in && !plan.disabled && plan.sampler.follows_parent(),
            ),
            state: AtomicU8::new(if plan.disabled { DISABLED } else { ON }),
            plain,
            keeps_roots: plain && plan.sampler.keeps_roots(),
            direct,
            sampler: plan.sampler,
            rules: plan.rules,
            parent: plan.parent,
            ids: plan.ids,
            hooks: plan.hooks,
            origin: plan.origin,
            pool: Arc::new(Pool::new(plan.queue_bytes)),
            rings: Mutex::default(),
            gather: Gather::new(plan.batch_size, plan.queue_bytes),
            lanes,
            in_process,
            background,
            drain: Drain::new(plan.flush_interval),
            aside: Mutex::default(),
            has_aside: AtomicBool::new(false),
            limit: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
        }
    }

    /// The parent of a span of this kind that has no other.
    pub(crate) fn parent_of_root(&self, kind: SpanKind) -> Option<&SpanContext> {
        let called_from_elsewhere = matches!(kind, SpanKind::Server | SpanKind::Consumer);
        self.parent.as_ref().filter(|_| !called_from_elsewhere)
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ON
    }

    /// Whether encoded spans go anywhere.
    pub(crate) fn takes_bytes(&self) -> bool {
        !self.lanes.is_empty()
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A ring for the thread that asks.
    pub(crate) fn open_ring(&'static self) -> Arc<Ring> {
        let mut rings = self.rings();
        let ring = match rings.iter().find(|ring| ring.closed().is_some()) {
            Some(ring) => {
                ring.take_over();
                ring.clone()
            }
            None => {
                let ring = Arc::new(Ring::new(self.pool.clone(), self.direct && self.is_on()));
                rings.push(ring.clone());
                ring
            }
        };
        drop(rings);
        if self.background || self.drain.has_interval() {
            self.drain.start(self);
        }
        crate::signal::keep_watch();
        ring
    }

    /// Looks after a span that did not simply go into the chunk at hand; where it is not in the ring, `field` is the span.
    #[cold]
    #[inline(never)]
    pub(crate) fn after_append(&self, appended: Appended, ring: &Ring, field: Vec<u8>) {
        match appended {
            Appended::Here => {}
            Appended::NewChunk => {
                if pressing(&self.pool) {
                    self.drain.wake();
                }
            }
            Appended::TooLarge | Appended::Full => self.append_aside(ring, field),
        }
    }

    /// Takes a span that found no room in its thread's chunks.
    fn append_aside(&self, ring: &Ring, field: Vec<u8>) {
        ring.books.recorded.bump();
        if field.len() > self.pool.limit() {
            self.limit.fetch_add(1, Ordering::Relaxed);
            return diagnostics::report(
                Kind::Limit,
                "a span larger than all buffers was dropped (see queue_bytes)",
            );
        }
        if !self.pool.charge(field.len()) {
            ring.books.queue_full.bump();
            self.drain.wake();
            return report_full();
        }
        self.aside
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(field);
        self.has_aside.store(true, Ordering::Release);
        if self.pool.charged() >= self.pool.limit() / 8 {
            self.drain.wake();
        }
    }

    /// Takes a finished span, encoded as one field, to every exporter. On the thread that finished it.
    pub(crate) fn deliver(&'static self, ring: &Ring, field: Vec<u8>) {
        let mut batch = None;
        if self.in_process {
            batch = self.gather.add(&field);
            if !self.is_on() {
                // It was shut down meanwhile; the lanes count what comes too late.
                batch = batch.or_else(|| self.gather.take());
            }
        }
        if self.background {
            match ring.append_encoded(&field) {
                Appended::Here => {}
                other => self.after_append(other, ring, field),
            }
        } else {
            ring.books.recorded.bump();
        }
        if let Some(batch) = batch {
            self.offer_in_process(batch);
            self.pump();
        }
    }

    fn offer_in_process(&self, gathered: Gathered) {
        let batch = self.batch(gathered.bytes, gathered.len);
        for lane in self
            .lanes
            .iter()
            .filter(|lane| lane.delivery == Delivery::InProcess)
        {
            lane.offer(batch.clone());
        }
    }

    fn pump(&self) {
        for lane in self
            .lanes
            .iter()
            .filter(|lane| lane.delivery == Delivery::InProcess)
        {
            lane.pump();
        }
    }

    fn batch(&self, bytes: Vec<u8>, len: usize) -> Batch {
        Batch {
            origin: self.origin.clone(),
            bytes: Arc::new(bytes),
            len,
        }
    }

    /// Moves what stands in the rings to the lanes of the exporters of bytes. Only under the drain's lock.
    pub(crate) fn drain_rings(&self, batch_bytes: usize) {
        let rings = self.rings().clone();
        let mut bytes = Vec::new();
        let mut len = 0;
        let hand_over = |bytes: &mut Vec<u8>, len: &mut usize| {
            if *len > 0 {
                if bytes.len() < bytes.capacity() / 2 {
                    bytes.shrink_to_fit();
                }
                let batch = self.batch(std::mem::take(bytes), std::mem::take(len));
                for lane in self
                    .lanes
                    .iter()
                    .filter(|lane| lane.delivery == Delivery::Background)
                {
                    lane.offer(batch.clone());
                }
            }
        };
        for ring in &rings {
            let closed = ring.closed();
            ring.drain(|committed, spans| {
                if bytes.len() + committed.len() > batch_bytes {
                    hand_over(&mut bytes, &mut len);
                }
                if bytes.capacity() == 0 && committed.len() * 2 > crate::chunk::ROOM {
                    bytes.reserve_exact(batch_bytes);
                }
                bytes.extend_from_slice(committed);
                len += spans as usize;
            });
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
            for field in aside {
                self.pool.discharge(field.len());
                if bytes.len() + field.len() > batch_bytes {
                    hand_over(&mut bytes, &mut len);
                }
                if bytes.is_empty() {
                    bytes = field;
                } else {
                    bytes.extend_from_slice(&field);
                }
                len += 1;
            }
        }
        hand_over(&mut bytes, &mut len);
    }

    /// After the shutdown: what threads leave behind is counted, and its memory freed.
    pub(crate) fn sweep(&self) {
        self.drain.pass(self);
        self.pool.free_idle();
    }

    /// Everything finished so far to the exporters, and theirs handed on; false if the deadline came first.
    pub(crate) fn flush(&'static self, deadline: Option<Instant>) -> bool {
        if let Some(gathered) = self.gather.take() {
            self.offer_in_process(gathered);
        }
        self.drain.pass(self);
        // First all that is queued, for background exporters work side by side.
        let settled: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| lane.settle(deadline))
            .collect();
        let mut all = true;
        for (lane, settled) in self.lanes.iter().zip(settled) {
            all &= settled && lane.flush_exporter(deadline);
        }
        all
    }

    /// What the drain does when its time has come: as a flush, without waiting for background exporters.
    pub(crate) fn tick(&'static self) {
        if self.drain.has_interval()
            && let Some(gathered) = self.gather.take()
        {
            self.offer_in_process(gathered);
            self.pump();
        }
        self.drain.pass(self);
    }

    /// Ends the pipeline: the rest is flushed before the deadline, the exporters are shut down, threads end. Only the
    /// first call does anything; it says whether all was delivered.
    pub(crate) fn shut_down(&'static self, deadline: Option<Instant>) -> bool {
        if self.state.swap(SHUT_DOWN, Ordering::AcqRel) == SHUT_DOWN {
            return true;
        }
        self.starts_short.store(false, Ordering::Relaxed);
        for ring in self.rings().iter() {
            ring.retire();
        }
        let settled = self.flush(deadline);
        self.drain.stop();
        for lane in &self.lanes {
            lane.close(deadline);
        }
        // What came too late for the flush is counted by the closed lanes.
        if let Some(gathered) = self.gather.take() {
            self.offer_in_process(gathered);
        }
        self.sweep();
        settled
    }

    /// Counts a call on a span that is over.
    pub(crate) fn count_ignored(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs a hook, a panic caught.
    pub(crate) fn run_hook(&self, hook: impl FnOnce(&dyn SpanHooks)) {
        if let Some(hooks) = &self.hooks
            && catch_unwind(AssertUnwindSafe(|| hook(&**hooks))).is_err()
        {
            diagnostics::report(
                Kind::Hook,
                "a span hook panicked; the span goes on as it is",
            );
        }
    }

    /// Holds every lock, so that a child forked meanwhile finds what they guard whole. Gives a lane whose exporter another
    /// thread is inside of, if there is one.
    pub(crate) fn lock_for_fork(
        &'static self,
        held: &mut Vec<Box<dyn std::any::Any>>,
    ) -> Option<&'static Lane> {
        self.drain.lock_for_fork(held);
        held.push(Box::new(self.rings()));
        held.push(Box::new(
            self.aside.lock().unwrap_or_else(|e| e.into_inner()),
        ));
        held.push(Box::new(self.gather.lock_for_fork()));
        let mut busy_lane = None;
        for lane in &self.lanes {
            let (guard, busy) = lane.lock_for_fork();
            held.push(Box::new(guard));
            busy_lane = busy_lane.or(busy.then_some(&**lane));
        }
        busy_lane
    }

    /// The fork is over, and this is the parent.
    pub(crate) fn let_go_after_fork(&self) {
        self.lanes.iter().for_each(|lane| lane.let_in());
    }

    /// In a forked child: what was recorded belongs to the parent, and the books start from zero.
    pub(crate) fn reset_after_fork(&self) {
        for ring in std::mem::take(&mut *self.rings()) {
            // Whoever is on its way through the ring of the forking thread finds it empty.
            ring.reset_after_fork();
            // Leaked, so that no later ring has the address by which an open span of the parent's knows its own.
            std::mem::forget(ring);
        }
        self.aside.lock().unwrap_or_else(|e| e.into_inner()).clear();
        self.pool.reset_after_fork();
        self.gather.reset_after_fork();
        self.limit.store(0, Ordering::Relaxed);
        self.ignored.store(0, Ordering::Relaxed);
        self.rules.reset_counters();
        for lane in &self.lanes {
            lane.reset_after_fork();
        }
        self.drain.reset_after_fork();
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("service_name", &self.origin.service_name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
