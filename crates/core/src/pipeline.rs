//! What stands behind a tracer: its rules, its threads' rings, its exporters' lanes, and its books.

mod batches;
mod books;
mod end;
mod fork;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use codomyrmex_wire::SpanIter;
use end::Ending;

use crate::batch_memory::BatchMemory;
use crate::chunk::{CHUNK, Pool};
use crate::clock;
use crate::context::SpanContext;
use crate::diagnostics::{self, Kind};
use crate::drain::Drain;
use crate::exporter::{Delivery, Origin};
use crate::gather::{Gather, Gathered};
use crate::hooks::SpanHooks;
use crate::id_generator::IdGenerator;
use crate::ids::TraceId;
use crate::kind::SpanKind;
use crate::lane::{self, Bounds, Lane, Reason, report_full};
use crate::per_process::PerProcess;
use crate::ring::{Appended, Ring};
use crate::rules::Rules;
use crate::sampler::Sampler;
use crate::when_full::WhenFull;

/// A batch takes so many bytes at most, except for one span that is larger. Between these two it is a part of the queue, so
/// that a queue holds several.
const BATCH_BYTES: std::ops::RangeInclusive<usize> = (64 << 10)..=(512 << 10);
const BATCHES_OF_A_QUEUE: usize = 4;
/// About as small as a span is, bytes.
const SMALL_SPAN: usize = 64;

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
    /// Most spans of a batch for the exporters of bytes, and most bytes.
    batch_spans: usize,
    batch_bytes: usize,
    batch_memory: Arc<BatchMemory>,
    when_full: WhenFull,
    pub(crate) books_on_the_wire: bool,
    instance_id: PerProcess<String>,
    /// So many bytes in use are worth a pass of the drain before its time.
    pressing: usize,
    pub(crate) drain: Drain,
    ending: Ending,
    /// Spans that are larger than a chunk, or whose thread found none.
    aside: Mutex<Vec<Vec<u8>>>,
    has_aside: AtomicBool,
    /// How many of them have gone to the lanes.
    aside_taken: AtomicU64,
    /// The ring that the next pass begins with.
    next_ring: AtomicUsize,
    /// Spans stay in the buffers because no lane has room for them: passes make no sense until a batch leaves one.
    holds_back: AtomicBool,
    /// How often lanes told their receivers which traces lost spans: what was remembered before is to be remembered again.
    pub(crate) tellings: AtomicU64,
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
    pub(crate) max_export_batch_size: usize,
    pub(crate) bounds: Bounds,
    pub(crate) when_full: WhenFull,
    pub(crate) books_on_the_wire: bool,
    pub(crate) flush_interval: Option<Duration>,
}

impl Pipeline {
    /// Sets the pipeline up. No thread starts yet.
    pub(crate) fn new(plan: Plan) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let lanes: Vec<_> = plan
            .exporters
            .into_iter()
            .map(|exporter| Arc::new(Lane::new(exporter, plan.bounds)))
            .collect();
        let in_process = lanes
            .iter()
            .any(|lane| lane.delivery == Delivery::InProcess);
        let background = lanes
            .iter()
            .any(|lane| lane.delivery == Delivery::Background);
        // A batch of more spans than the queue may have would never find room.
        let queue_spans = usize::try_from(plan.bounds.spans).unwrap_or(usize::MAX);
        let batch_spans = plan.max_export_batch_size.min(queue_spans).max(1);
        let batch_bytes = (plan.bounds.bytes / BATCHES_OF_A_QUEUE)
            .clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end());
        let pool = Pool::new(plan.bounds.bytes);
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
            pressing: pressing(&pool, queue_spans),
            pool: Arc::new(pool),
            rings: Mutex::default(),
            gather: Gather::new(plan.batch_size.min(batch_spans), plan.bounds.bytes),
            lanes,
            in_process,
            background,
            batch_spans,
            batch_bytes,
            batch_memory: Arc::new(BatchMemory::new(batch_bytes)),
            when_full: plan.when_full,
            books_on_the_wire: plan.books_on_the_wire,
            instance_id: PerProcess::new(lane::new_instance_id),
            drain: Drain::new(plan.flush_interval, plan.when_full.patience()),
            ending: Ending::default(),
            aside: Mutex::default(),
            has_aside: AtomicBool::new(false),
            aside_taken: AtomicU64::new(0),
            next_ring: AtomicUsize::new(0),
            holds_back: AtomicBool::new(false),
            tellings: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
        }
    }

    /// The parent of a span of this kind that has no other.
    pub(crate) fn parent_of_root(&self, kind: SpanKind) -> Option<&SpanContext> {
        let called_from_elsewhere = matches!(kind, SpanKind::Server | SpanKind::Consumer);
        self.parent.as_ref().filter(|_| !called_from_elsewhere)
    }

    /// Tells the lanes where they belong.
    pub(crate) fn settle(&'static self) {
        for (number, lane) in self.lanes.iter().enumerate() {
            lane.join(self, number);
        }
    }

    /// What tells this tracer in this process from all others.
    pub(crate) fn instance_id(&self) -> String {
        self.instance_id.lock().clone()
    }

    /// How long a lane without room is waited for, if at all.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.when_full.patience()
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
                if self.pool.used() >= self.pressing {
                    self.wake_drain();
                }
            }
            Appended::TooLarge | Appended::Full => self.append_aside(ring, field),
        }
    }

    /// Takes a span that found no room in its thread's chunks.
    fn append_aside(&self, ring: &Ring, field: Vec<u8>) {
        if field.len() > self.pool.limit() {
            ring.books.recorded.bump();
            self.limit.fetch_add(1, Ordering::Relaxed);
            self.lose(&field, Reason::Limit);
            return diagnostics::report(
                Kind::Limit,
                "a span larger than all buffers was dropped (see queue_bytes)",
            );
        }
        // Whoever waits has not finished its span yet.
        let fits = self.pool.charge(field.len()) || self.wait_for_buffers(field.len());
        ring.books.recorded.bump();
        if !fits {
            ring.books.queue_full.bump();
            self.lose(&field, Reason::QueueFull);
            self.wake_drain();
            return report_full();
        }
        self.aside
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(field);
        self.has_aside.store(true, Ordering::Release);
        if self.pool.charged() >= self.pool.limit() / 8 {
            self.wake_drain();
        }
    }

    /// Whether a span of so many bytes, for which its thread found no chunk, is lost whatever is done.
    pub(crate) fn has_no_room(&self, bytes: usize) -> bool {
        self.patience().is_none() && !self.pool.could_charge(bytes)
    }

    /// Counts a span that found no room and need not be encoded.
    #[cold]
    #[inline(never)]
    pub(crate) fn drop_unencoded(&self, ring: &Ring, trace: TraceId) {
        ring.books.recorded.bump();
        ring.books.queue_full.bump();
        self.wake_drain();
        let lost = (trace.low(), self.tellings.load(Ordering::Acquire));
        if ring.lost.get() == Some(lost) {
            return;
        }
        let remembered = self.background_lanes().fold(true, |all, lane| {
            all & lane.lose_one(trace, Reason::QueueFull)
        });
        ring.lost.set(Some(lost).filter(|_| remembered));
        report_full();
    }

    fn wake_drain(&self) {
        if !self.holds_back.load(Ordering::Relaxed) {
            self.drain.wake();
        }
    }

    /// A batch has left a lane's queue: what is held back for want of room may go on.
    pub(crate) fn lane_has_room(&self) {
        if self.patience().is_some() || self.holds_back.swap(false, Ordering::SeqCst) {
            self.drain.wake_again();
        }
    }

    /// Remembers the trace of a span that found no room.
    fn lose(&self, field: &[u8], reason: Reason) {
        if let Some(Ok(span)) = SpanIter::new(field).next() {
            let trace = TraceId::from_bytes(span.trace_id());
            self.background_lanes().for_each(|lane| {
                lane.lose_one(trace, reason);
            });
        }
    }

    /// Waits for room in the buffers where that is asked for, and takes it; false if there was none in time.
    fn wait_for_buffers(&self, bytes: usize) -> bool {
        let Some(patience) = self.patience() else {
            return false;
        };
        if lane::inside() || diagnostics::is_held() {
            return false;
        }
        self.drain
            .wait_for_pass(clock::deadline(patience), || self.pool.charge(bytes))
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
            self.offer_in_process(batch, self.patience());
            self.pump();
        }
    }

    fn in_process_lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.iter().filter(|lane| !lane.is_background())
    }

    fn background_lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.iter().filter(|lane| lane.is_background())
    }

    fn offer_in_process(&self, gathered: Gathered, patience: Option<Duration>) {
        let batch = self.batch(gathered.bytes, gathered.len);
        let deadline = patience.and_then(clock::deadline);
        for lane in self.in_process_lanes() {
            if patience.is_some() && !diagnostics::is_held() {
                lane.wait_until_fits(&batch, deadline);
            }
            lane.offer(batch.clone());
        }
    }

    fn pump(&self) {
        self.in_process_lanes().for_each(|lane| lane.pump());
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
}

/// However large the buffers are, this much in use is enough for a batch, and still in the processor's caches; bytes.
const PRESSING: usize = 256 << 10;

/// So many bytes in use that the drain should not wait for its time: an eighth of the buffers, and no more than lets the
/// spans of a short queue come in time.
fn pressing(pool: &Pool, queue_spans: usize) -> usize {
    let few = queue_spans.saturating_mul(SMALL_SPAN / 2);
    (pool.limit() / 8).min(few).clamp(2 * CHUNK, PRESSING)
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("service_name", &self.origin.service_name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
