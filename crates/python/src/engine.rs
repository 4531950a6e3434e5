//! What the binding needs of the engine, in one place.

use codomyrmex_core::binding::{self, Begun, ParentIds, Rules, SpanBody};
use codomyrmex_core::{Limits, Stats, Tracer, clock};
use codomyrmex_wire::{SpanHead, SpanTail};
use pyo3::Python;

/// What a new span takes from its parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    pub(crate) trace_id: [u64; 2],
    pub(crate) span_id: u64,
    /// OTLP's span flags.
    pub(crate) flags: u16,
}

/// OTLP's span flags: sampled.
pub(crate) const SAMPLED: u16 = 1;
/// The trace id is random.
pub(crate) const RANDOM: u16 = 2;
/// The parent came from another process.
pub(crate) const REMOTE: u16 = 0x200;

/// A tracer of the engine, and what it said of itself when it was made.
pub(crate) struct Engine {
    tracer: Tracer,
    takes_bytes: bool,
    may_wait: bool,
}

impl Engine {
    pub(crate) fn new(tracer: Tracer) -> Self {
        let takes_bytes = binding::takes_bytes(&tracer);
        let may_wait = binding::may_wait(&tracer);
        Self {
            tracer,
            takes_bytes,
            may_wait,
        }
    }

    /// Whether finished spans are encoded.
    #[inline(always)]
    pub(crate) fn takes_bytes(&self) -> bool {
        self.takes_bytes
    }

    /// Whether spans are recorded at all.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        binding::is_on(&self.tracer)
    }

    /// Ids and the sampler's decision; None where that takes [`binding::begin_with`].
    #[inline(always)]
    pub(crate) fn begin(&self, parent: Option<Parent>) -> Option<Begun> {
        let parent = parent.map(|parent| ParentIds {
            trace_id: parent.trace_id,
            span_id: parent.span_id,
            flags: parent.flags as u8,
            is_remote: parent.flags & REMOTE != 0,
        });
        binding::begin(&self.tracer, parent)
    }

    pub(crate) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    pub(crate) fn rules(&self) -> &Rules {
        binding::rules(&self.tracer)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.rules().limits
    }

    /// Counts a finished span and takes it to the exporters of bytes. False where the tracer is off.
    #[inline(always)]
    pub(crate) fn emit(&self, head: &SpanHead, body: &SpanBody, tail: &SpanTail<'_>) -> bool {
        if self.may_wait {
            return self.emit_detached(head, body, tail);
        }
        binding::emit(&self.tracer, head, body, tail)
    }

    /// The exporter that makes room may need the interpreter, and so do the application's other threads.
    #[cold]
    #[inline(never)]
    fn emit_detached(&self, head: &SpanHead, body: &SpanBody, tail: &SpanTail<'_>) -> bool {
        Python::attach(|py| py.detach(|| binding::emit(&self.tracer, head, body, tail)))
    }

    /// Counts a finished span that goes to exporters of objects only. False where the tracer is off.
    #[inline(always)]
    pub(crate) fn recorded(&self) -> bool {
        binding::count_recorded(&self.tracer)
    }

    /// Counts a span that a hook dropped.
    pub(crate) fn discarded(&self) {
        binding::count_discarded(&self.tracer);
    }

    /// Counts a span that was collected unfinished.
    pub(crate) fn abandoned(&self) {
        binding::count_abandoned(&self.tracer);
    }

    /// Counts a call without effect.
    pub(crate) fn ignored(&self) {
        binding::count_ignored(&self.tracer);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.tracer.stats()
    }
}

/// Spans of an older generation belong to the process that this one was forked from.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    binding::generation()
}

#[inline(always)]
pub(crate) fn ticks() -> u64 {
    clock::ticks()
}

#[inline(always)]
pub(crate) fn to_unix_ns(start: u64, end: u64) -> (u64, u64) {
    clock::to_unix_ns(start, end)
}

/// A moment in ticks as nanoseconds since the epoch.
pub(crate) fn unix_ns(reading: u64) -> u64 {
    clock::to_unix_ns(reading, reading).0
}

/// Now, by the system's clock: for spans that belong to no tracer.
pub(crate) fn unix_now_ns() -> u64 {
    clock::unix_now_ns()
}
