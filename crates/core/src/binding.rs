//! The engine for bindings to other languages, whose spans are objects of their own: decisions, ids, times and books from
//! here, bytes to here.

use std::sync::atomic::Ordering;
use std::time::Instant;

use codomyrmex_wire::{SpanHead, SpanTail, Value};

pub use crate::body::SpanBody;
use crate::context::SpanContext;
use crate::decide::{decide, new_span_id, new_trace_id};
use crate::kind::SpanKind;
pub use crate::loose_spans::LooseSpans;
use crate::options::{Parent, SpanOptions};
use crate::pipeline::GENERATION;
use crate::propagation::traceparent::{self, TraceParent};
use crate::record::{RANDOM, REMOTE, REMOTE_KNOWN, SAMPLED, encode_field};
use crate::ring::Appended;
pub use crate::rules::Rules;
use crate::sampler::SamplingResult;
use crate::start::push_text_ids;
use crate::thread;
use crate::tracer::Tracer;

/// The parent's part in a new span.
#[derive(Clone, Copy, Debug)]
pub struct ParentIds {
    /// The trace's id as words in memory order.
    pub trace_id: [u64; 2],
    /// The parent's id as a word in memory order.
    pub span_id: u64,
    /// W3C trace flags: sampled 1, random 2.
    pub flags: u8,
    /// It came from another process.
    pub is_remote: bool,
}

/// The bytes of a `traceparent`.
pub const TRACEPARENT_LENGTH: usize = traceparent::LENGTH;

/// The `traceparent` of these ids, which are valid: ASCII.
#[inline]
pub fn write_traceparent(ids: ParentIds) -> [u8; TRACEPARENT_LENGTH] {
    let parent = TraceParent {
        trace_id: crate::TraceId::from_words(ids.trace_id),
        span_id: crate::SpanId::from_word(ids.span_id),
        sampled: u32::from(ids.flags) & SAMPLED != 0,
        random: u32::from(ids.flags) & RANDOM != 0,
    };
    parent.write().bytes()
}

/// What a `traceparent` says; None for what [`SpanContext::from_traceparent`] refuses.
#[inline]
pub fn read_traceparent(text: &str) -> Option<ParentIds> {
    let parent = TraceParent::parse(text)?;
    let sampled = if parent.sampled { SAMPLED } else { 0 };
    let random = if parent.random { RANDOM } else { 0 };
    Some(ParentIds {
        trace_id: parent.trace_id.to_words(),
        span_id: parent.span_id.to_word(),
        flags: (sampled | random) as u8,
        is_remote: true,
    })
}

/// A span that has started, and is counted.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The trace's id as words in memory order.
    pub trace_id: [u64; 2],
    /// The span's id as a word in memory order.
    pub span_id: u64,
    /// OTLP's span flags.
    pub flags: u32,
    /// Whether it is to be recorded; else it only carries a context.
    pub sampled: bool,
}

/// Has `flush` called, on a thread of its own, each time that SIGTERM flushes the tracers
/// ([`flush_on_sigterm`](crate::flush_on_sigterm)); it is told by when it should be done. The first one stays.
pub fn flush_on_sigterm_too(flush: fn(Option<Instant>)) {
    crate::signal::also_flush(flush);
}

/// Whether spans that start now are recorded at all. If not, contexts pass through and nothing is counted.
#[inline]
pub fn is_on(tracer: &Tracer) -> bool {
    tracer.is_enabled()
}

/// Limits and redaction of the tracer, for [`SpanBody`].
#[inline]
pub fn rules(tracer: &Tracer) -> &Rules {
    &tracer.pipeline().rules
}

/// Whether finished spans must be encoded: some exporter takes bytes.
#[inline]
pub fn takes_bytes(tracer: &Tracer) -> bool {
    tracer.pipeline().takes_bytes()
}

/// Whether [`emit`] may wait for room ([`WhenFull::Wait`](crate::WhenFull::Wait)): then not while holding what others need.
pub fn may_wait(tracer: &Tracer) -> bool {
    tracer.pipeline().patience().is_some()
}

/// The process's fork generation: a span of an older one belongs to a parent process.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// The parent of a span of this kind that has no other and is not asked to be a root.
#[inline]
pub fn parent_of_root(tracer: &Tracer, kind: SpanKind) -> Option<&SpanContext> {
    tracer.pipeline().parent_of_root(kind)
}

/// Starts a span under a built-in sampler; None where the sampler or the ids are the user's own, or
/// roots have a parent: then [`begin_with`].
#[inline]
pub fn begin(tracer: &Tracer, parent: Option<ParentIds>) -> Option<Begun> {
    let pipeline = tracer.pipeline();
    if !pipeline.plain {
        return None;
    }
    Some({
        let state = thread::state();
        let (trace_id, mut flags, parent_sampled) = match parent {
            Some(parent) => {
                let remote = if parent.is_remote { REMOTE } else { 0 };
                let flags = u32::from(parent.flags) & RANDOM | REMOTE_KNOWN | remote;
                (
                    parent.trace_id,
                    flags,
                    Some(u32::from(parent.flags) & SAMPLED != 0),
                )
            }
            None => (
                [state.random.next(), state.random.next()],
                RANDOM | REMOTE_KNOWN,
                None,
            ),
        };
        let span_id = state.random.next();
        let low = crate::TraceId::from_words(trace_id).low();
        let sampled = pipeline.sampler.decide_fast(parent_sampled, low) == Some(true);
        let books = &state.ring(pipeline).books;
        if sampled {
            flags |= SAMPLED;
            books.started.bump();
        } else {
            books.unsampled.bump();
        }
        Begun {
            trace_id,
            span_id,
            flags,
            sampled,
        }
    })
}

/// Starts a span under any sampler. The result's attributes and trace state are for the caller to apply.
pub fn begin_with(
    tracer: &Tracer,
    parent: Option<&SpanContext>,
    name: &str,
    kind: SpanKind,
    attributes: &[(String, Value)],
    links: &[SpanContext],
) -> (Begun, SamplingResult) {
    let pipeline = tracer.pipeline();
    let trace_id = parent.map_or_else(|| new_trace_id(pipeline), |parent| parent.trace_id);
    let options = SpanOptions {
        kind,
        parent: Parent::Root,
        attributes: attributes
            .iter()
            .map(|(key, value)| (&**key, value.into()))
            .collect(),
        links: links.iter().collect(),
        start_time: None,
    };
    let decision = decide(pipeline, name, &options, parent, trace_id);
    let sampled = decision.is_sampled();
    let mut flags = REMOTE_KNOWN;
    if parent.is_some_and(|parent| parent.is_remote) {
        flags |= REMOTE;
    }
    if parent.map_or(pipeline.ids.is_none(), SpanContext::random_trace_id) {
        flags |= RANDOM;
    }
    if sampled {
        flags |= SAMPLED;
    }
    let span_id = new_span_id(pipeline);
    thread::with(|state| {
        let books = &state.ring(pipeline).books;
        if sampled {
            books.started.bump()
        } else {
            books.unsampled.bump()
        }
    });
    (
        Begun {
            trace_id: trace_id.to_words(),
            span_id,
            flags,
            sampled,
        },
        decision,
    )
}

/// Counts a finished span, and takes it to the exporters of bytes if there are any. Gives whether the tracer still was on;
/// if not the span is counted as dropped by shutdown. What the tail says was dropped comes to what the body dropped.
#[inline]
pub fn emit(tracer: &Tracer, head: &SpanHead, body: &SpanBody, tail: &SpanTail<'_>) -> bool {
    let pipeline = tracer.pipeline();
    thread::with(|state| {
        let ring = state.ring(pipeline);
        if !pipeline.is_on() {
            ring.books.recorded.bump();
            ring.books.shutdown.bump();
            return false;
        }
        if pipeline.direct && tail.is_empty() && !body.any_dropped() {
            let appended = ring.append(head, body.bytes());
            if appended != Appended::Here {
                let field = if appended.is_there() {
                    Vec::new()
                } else {
                    encode_field(head, body.bytes(), tail)
                };
                pipeline.after_append(appended, ring, field);
            }
        } else {
            let tail = body.with_dropped(tail);
            pipeline.deliver(ring, encode_field(head, body.bytes(), &tail));
        }
        true
    })
}

/// Counts a finished span that no exporter of bytes wants. Gives whether the tracer still was on.
#[inline]
pub fn count_recorded(tracer: &Tracer) -> bool {
    let pipeline = tracer.pipeline();
    thread::with(|state| {
        let books = &state.ring(pipeline).books;
        books.recorded.bump();
        if !pipeline.is_on() {
            books.shutdown.bump();
        }
        pipeline.is_on()
    })
}

/// Counts a finished span that a hook dropped.
pub fn count_discarded(tracer: &Tracer) {
    let pipeline = tracer.pipeline();
    thread::with(|state| {
        let books = &state.ring(pipeline).books;
        books.recorded.bump();
        books.hook.bump();
    });
}

/// Counts a span that was given up unfinished.
pub fn count_abandoned(tracer: &Tracer) {
    thread::state()
        .ring(tracer.pipeline())
        .books
        .abandoned
        .bump();
}

/// Counts a call on a span that had finished.
pub fn count_ignored(tracer: &Tracer) {
    tracer.pipeline().count_ignored();
}

/// The attributes that carry a context's ids of any text, pushed as keys and texts.
pub fn text_id_attributes(context: &SpanContext, push: &mut dyn FnMut(&'static str, &str)) {
    push_text_ids(context, push);
}
