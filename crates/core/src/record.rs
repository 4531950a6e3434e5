//! An open span: what it is made of between start and finish.

use std::sync::Arc;

use codomyrmex_wire::{self as wire, SpanHead, SpanTail};

use crate::baggage::Baggage;
use crate::body::SpanBody;
use crate::context::SpanContext;
use crate::ids::{SpanId, TraceId};
use crate::pipeline::Pipeline;
use crate::ring::Ring;
use crate::text_id::TextIds;
use crate::trace_state::TraceState;

/// W3C trace flag: sampled.
pub(crate) const SAMPLED: u32 = 0x01;
/// W3C trace flag (level 2): the trace id is random.
pub(crate) const RANDOM: u32 = 0x02;
/// OTLP: it is known whether the parent is remote.
pub(crate) const REMOTE_KNOWN: u32 = 0x100;
/// OTLP: the parent is remote.
pub(crate) const REMOTE: u32 = 0x200;

/// What a child takes over from its parent beside the trace id and the flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    pub(crate) baggage: Baggage,
    pub(crate) trace_state: TraceState,
    pub(crate) text_ids: Option<Arc<TextIds>>,
}

impl Inherited {
    fn is_empty(&self) -> bool {
        self.baggage.is_empty() && self.trace_state.is_empty() && self.text_ids.is_none()
    }

    /// What a child of `context` inherits, if there is anything.
    pub(crate) fn from_parent(context: &SpanContext) -> Option<Arc<Self>> {
        let inherited = Self {
            baggage: context.baggage.clone(),
            trace_state: context.trace_state.clone(),
            text_ids: context.text_ids().and_then(|ids| ids.child()),
        };
        (!inherited.is_empty()).then(|| Arc::new(inherited))
    }
}

/// How far a span is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Sampled and open.
    Recording,
    /// Not sampled: it only carries a context.
    Unsampled,
    /// Over.
    Finished,
}

/// How a span is; eight bytes, so that they are set by one store.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Marks {
    pub(crate) phase: Phase,
    pub(crate) status: u8,
    /// Nothing is set that the short way to finish does not write.
    pub(crate) short_finish: bool,
    /// Something is set that stands outside head and body, or the times are the caller's.
    pub(crate) rare: bool,
    /// A child can start the short way: this one is recording, and there is nothing to inherit but ids and flags.
    pub(crate) short_parent: bool,
    /// The start is the caller's, in nanoseconds since the epoch.
    pub(crate) explicit_start: bool,
    /// The record belongs to a place of its thread, and stays there.
    pub(crate) placed: bool,
    /// A child is not sampled either, and there is nothing to inherit but ids and flags.
    pub(crate) unsampled_parent: bool,
}

impl Marks {
    /// Neither recording nor carrying a context.
    pub(crate) const OVER: Self = Self {
        phase: Phase::Finished,
        status: 0,
        short_finish: false,
        rare: false,
        short_parent: false,
        explicit_start: false,
        placed: false,
        unsampled_parent: false,
    };
    /// Recording, with nothing rare.
    pub(crate) const OPEN: Self = Self {
        phase: Phase::Recording,
        short_finish: true,
        short_parent: true,
        ..Self::OVER
    };
    /// Only carrying a context.
    pub(crate) const UNSAMPLED: Self = Self {
        phase: Phase::Unsampled,
        unsampled_parent: true,
        ..Self::OVER
    };

    /// Whether the span is one that ends by leaving its place: not sampled, and with nothing to let go of.
    #[inline(always)]
    pub(crate) fn is_placed_unsampled(self) -> bool {
        self.unsampled_parent & self.placed
    }
}

/// The memory of one open span; pooled by threads. One thread at a time touches it: the one that has the span.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) pipeline: &'static Pipeline,
    pub(crate) trace_id: [u64; 2],
    pub(crate) span_id: u64,
    pub(crate) parent_span_id: u64,
    /// Raw ticks, or nanoseconds since the epoch where `marks.explicit_start` is set.
    pub(crate) start: u64,
    /// OTLP's flags and kind as they are encoded.
    pub(crate) flags_and_kind: u64,
    /// The ring that was its thread's last when it started; only to be compared.
    pub(crate) ring: *const Ring,
    /// The fork generation in which it started.
    pub(crate) generation: u32,
    /// The place at which it is, or was last, a thread's current span.
    pub(crate) place: u32,
    pub(crate) marks: Marks,
    pub(crate) body: SpanBody,
    pub(crate) inherited: Option<Arc<Inherited>>,
    pub(crate) status_message: Option<Box<str>>,
    /// Of a spare record: the next one of its thread.
    pub(crate) next_spare: *mut Record,
}

impl Record {
    pub(crate) fn new(pipeline: &'static Pipeline) -> Self {
        Self {
            pipeline,
            trace_id: [0; 2],
            span_id: 0,
            parent_span_id: 0,
            start: 0,
            flags_and_kind: 0,
            ring: std::ptr::null(),
            generation: 0,
            place: 0,
            marks: Marks::OVER,
            body: SpanBody::new(),
            inherited: None,
            status_message: None,
            next_spare: std::ptr::null_mut(),
        }
    }

    /// Ties the record to the tracer and the ring that it serves from now on.
    #[cold]
    #[inline(never)]
    pub(crate) fn adopt(&mut self, pipeline: &'static Pipeline, ring: &Ring, generation: u32) {
        self.pipeline = pipeline;
        self.ring = ring;
        self.generation = generation;
        self.body.adopt(&pipeline.rules);
    }

    /// Makes it a span that only carries a context.
    #[inline]
    pub(crate) fn leave_unsampled(&mut self) {
        self.marks = Marks {
            placed: self.marks.placed,
            unsampled_parent: self.inherited.is_none() && !self.is_sampled(),
            ..Marks::UNSAMPLED
        };
        if !self.ring.is_null() {
            self.ring = std::ptr::null();
            self.body.refuse();
        }
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> u32 {
        wire::split_flags_and_kind(self.flags_and_kind).0
    }

    /// OTLP's number of the kind.
    pub(crate) fn set_kind(&mut self, kind: u8) {
        self.flags_and_kind = wire::flags_and_kind(self.flags(), kind);
    }

    #[inline(always)]
    pub(crate) fn is_sampled(&self) -> bool {
        self.flags() & SAMPLED != 0
    }

    /// The span's context, made anew.
    pub(crate) fn context(&self) -> SpanContext {
        let mut context = SpanContext::new(
            TraceId::from_words(self.trace_id),
            SpanId::from_word(self.span_id),
        );
        context.parent_span_id = SpanId::from_word(self.parent_span_id).valid();
        context.sampled = self.is_sampled();
        context.set_random_trace_id(self.flags() & RANDOM != 0);
        if let Some(inherited) = &self.inherited {
            context.baggage = inherited.baggage.clone();
            context.trace_state = inherited.trace_state.clone();
            context.set_text_ids(inherited.text_ids.clone());
        }
        context
    }

    #[inline(always)]
    pub(crate) fn head(&self, start_ns: u64, end_ns: u64) -> SpanHead {
        let (flags, kind) = wire::split_flags_and_kind(self.flags_and_kind);
        SpanHead {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            kind,
            status: self.marks.status,
            flags,
            start_ns,
            end_ns,
        }
    }

    /// The whole span as one encoded field, rare parts included.
    pub(crate) fn encode(&self, start_ns: u64, end_ns: u64) -> Vec<u8> {
        let trace_state = self
            .inherited
            .as_ref()
            .map(|i| i.trace_state.to_string())
            .unwrap_or_default();
        let (dropped_attributes, dropped_events, dropped_links) = self.body.dropped();
        let tail = SpanTail {
            trace_state: &trace_state,
            status_message: self.status_message.as_deref().unwrap_or_default(),
            dropped_attributes,
            dropped_events,
            dropped_links,
        };
        encode_field(&self.head(start_ns, end_ns), self.body.bytes(), &tail)
    }
}

/// A span as one encoded field in a vector of its own.
pub(crate) fn encode_field(head: &SpanHead, body: &[u8], tail: &SpanTail<'_>) -> Vec<u8> {
    let mut field = vec![0; wire::span_bound_with_tail(body.len(), tail)];
    let len = wire::encode_span_with_tail(&mut field, head, body, tail).unwrap_or(0);
    field.truncate(len);
    field
}
