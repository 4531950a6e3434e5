//! How a span starts: parent, sampling, ids, and only then whatever costs.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use codomyrmex_wire as wire;

use crate::clock;
use crate::context::SpanContext;
use crate::decide::{decide, new_span_id, new_trace_id};
use crate::ids::TraceId;
use crate::options::{Parent, SpanOptions};
use crate::pipeline::{DISABLED, Pipeline};
use crate::record::{Inherited, Marks, RANDOM, REMOTE, REMOTE_KNOWN, Record, SAMPLED};
use crate::ring::Ring;
use crate::span::StartedSpan;
use crate::text_id::{PARENT_SPAN_ID_ATTRIBUTE, SPAN_ID_ATTRIBUTE, TRACE_ID_ATTRIBUTE};
use crate::thread::{self, ThreadState};

/// Starts a span under the current one, and makes it the current one. Null where nothing is recorded or carried.
#[inline(always)]
pub(crate) fn start_current(pipeline: &'static Pipeline, name: &str) -> *mut Record {
    let state = thread::state();
    let Some((parent, ring)) = local_parent(state, pipeline) else {
        if !pipeline.is_on() {
            return ptr::null_mut();
        }
        return start_current_otherwise(pipeline, name);
    };
    if !parent.marks.short_parent {
        if parent.marks.unsampled_parent {
            return start_unsampled(state, ring, pipeline, parent);
        }
        return start_current_otherwise(pipeline, name);
    }
    let record = state.next_place(pipeline);
    // SAFETY: a place's own record is whole, and this thread's alone while nothing is current there.
    fill(
        state,
        ring,
        pipeline,
        unsafe { &mut *record },
        parent,
        name,
        true,
    );
    state.occupy_next(record);
    // SAFETY: as above.
    unsafe { (*record).start = clock::ticks() };
    record
}

/// Starts a span under the current one. Null where nothing is recorded or carried.
#[inline(always)]
pub(crate) fn start(pipeline: &'static Pipeline, name: &str) -> *mut Record {
    let state = thread::state();
    let Some((parent, ring)) =
        local_parent(state, pipeline).filter(|(parent, _)| parent.marks.short_parent)
    else {
        return start_otherwise(pipeline, name);
    };
    let record = state.take_record(pipeline);
    // SAFETY: just taken, so this thread's alone.
    fill(
        state,
        ring,
        pipeline,
        unsafe { &mut *record },
        parent,
        name,
        false,
    );
    // SAFETY: as above.
    unsafe { (*record).start = clock::ticks() };
    record
}

/// Makes a span the current one of this thread.
pub(crate) fn enter(record: *mut Record) -> *mut Record {
    if !record.is_null() {
        let place = thread::state().push(record);
        // SAFETY: the caller has just started the span, or owns it.
        unsafe { (*record).place = place.0 };
    }
    record
}

/// The current span and the ring, where the tracer's rules let a child do as its parent.
#[inline(always)]
fn local_parent(
    state: &'static ThreadState,
    pipeline: &'static Pipeline,
) -> Option<(&'static Record, &'static Ring)> {
    if !pipeline.starts_short.load(Ordering::Relaxed) {
        return None;
    }
    let ring = state.ring_at_hand(pipeline)?;
    // SAFETY: a current span's record lives as long as it is in the thread's frames, and is touched by this thread alone
    // meanwhile; callers use the reference before anything else happens on this thread.
    let parent = unsafe { state.top().as_ref() }?;
    Some((parent, ring))
}

/// Makes a record an open child of `parent`; the start time is the caller's to set.
#[inline(always)]
fn fill(
    state: &ThreadState,
    ring: &Ring,
    pipeline: &'static Pipeline,
    record: &mut Record,
    parent: &Record,
    name: &str,
    placed: bool,
) {
    if !std::ptr::eq(record.ring, ring) {
        record.adopt(pipeline, ring, state.generation());
    }
    record.trace_id = parent.trace_id;
    record.parent_span_id = parent.span_id;
    record.flags_and_kind = parent.flags_and_kind & TRACE_FLAGS | CHILD;
    record.span_id = state.random.next_seeded();
    record.marks = Marks {
        placed,
        ..Marks::OPEN
    };
    record.body.start(name);
    ring.books.started.bump();
}

/// As [`start_current`], below an unsampled span that has nothing to inherit but ids and flags.
#[inline]
fn start_unsampled(
    state: &ThreadState,
    ring: &Ring,
    pipeline: &'static Pipeline,
    parent: &Record,
) -> *mut Record {
    let pointer = state.next_place(pipeline);
    // SAFETY: a place's own record is whole, and this thread's alone while nothing is current there.
    let record = unsafe { &mut *pointer };
    record.trace_id = parent.trace_id;
    record.parent_span_id = parent.span_id;
    record.flags_and_kind = parent.flags_and_kind & TRACE_FLAGS | CHILD;
    record.span_id = state.random.next_seeded();
    record.marks.placed = true;
    record.leave_unsampled();
    ring.books.unsampled.bump();
    state.occupy_next(pointer);
    pointer
}

/// As [`start_current`], every other way: roots, and spans below an unsampled one, still take their place's record.
#[inline(never)]
fn start_current_otherwise(pipeline: &'static Pipeline, name: &str) -> *mut Record {
    let state = thread::state();
    let at_hand = state.ring_at_hand(pipeline);
    if let Some(ring) = at_hand
        && pipeline.keeps_roots
        && state.top().is_null()
        && pipeline.is_on()
    {
        return start_root(state, ring, pipeline, name);
    }
    // SAFETY: as in `local_parent`.
    let parent = unsafe { state.current().as_ref() };
    let plain = pipeline.plain && parent.is_none_or(|parent| parent.inherited.is_none());
    let Some(ring) = at_hand.filter(|_| plain) else {
        return enter(start_otherwise(pipeline, name));
    };
    let pointer = state.next_place(pipeline);
    // SAFETY: a place's own record is whole, and this thread's alone while nothing is current there.
    let record = unsafe { &mut *pointer };
    let sampled = take_ids(state, pipeline, record, parent);
    record.marks = Marks {
        placed: true,
        ..Marks::OPEN
    };
    if sampled {
        if !std::ptr::eq(record.ring, ring) {
            record.adopt(pipeline, ring, state.generation());
        }
        record.body.start(name);
        ring.books.started.bump();
        record.start = clock::ticks();
    } else {
        record.leave_unsampled();
        ring.books.unsampled.bump();
    }
    state.occupy_next(pointer);
    pointer
}

/// As [`start_current`], for a root that is recorded whatever its ids.
#[inline(always)]
fn start_root(
    state: &ThreadState,
    ring: &Ring,
    pipeline: &'static Pipeline,
    name: &str,
) -> *mut Record {
    let pointer = state.next_place(pipeline);
    // SAFETY: a place's own record is whole, and this thread's alone while nothing is current there.
    let record = unsafe { &mut *pointer };
    if !std::ptr::eq(record.ring, ring) {
        record.adopt(pipeline, ring, state.generation());
    }
    record.trace_id = [state.random.next_seeded(), state.random.next_seeded()];
    record.span_id = state.random.next_seeded();
    record.parent_span_id = 0;
    record.flags_and_kind = ROOT;
    record.marks = Marks {
        placed: true,
        ..Marks::OPEN
    };
    record.body.start(name);
    ring.books.started.bump();
    state.occupy_next(pointer);
    record.start = clock::ticks();
    pointer
}

/// Gives a record its ids and flags by built-in rules, and says whether it is sampled. There is nothing else to inherit.
#[inline]
fn take_ids(
    state: &ThreadState,
    pipeline: &'static Pipeline,
    record: &mut Record,
    parent: Option<&Record>,
) -> bool {
    record.pipeline = pipeline;
    match parent {
        Some(parent) => {
            record.trace_id = parent.trace_id;
            record.parent_span_id = parent.span_id;
            record.flags_and_kind = parent.flags_and_kind & u64::from(RANDOM) << 16 | CHILD;
        }
        None => {
            record.trace_id = [state.random.next_seeded(), state.random.next_seeded()];
            record.parent_span_id = 0;
            record.flags_and_kind = u64::from(RANDOM) << 16 | CHILD;
        }
    }
    record.span_id = state.random.next_seeded();
    let low = TraceId::from_words(record.trace_id).low();
    let sampled = pipeline
        .sampler
        .decide_fast(parent.map(Record::is_sampled), low)
        == Some(true);
    record.flags_and_kind |= u64::from(sampled) << 16;
    sampled
}

/// Every other way to start: the tracer is off or has code of the user's, the thread is new to it, or the parent is none, not
/// sampled, or has more to inherit than ids.
#[inline(never)]
fn start_otherwise(pipeline: &'static Pipeline, name: &str) -> *mut Record {
    if !pipeline.is_on() {
        return ptr::null_mut();
    }
    if !pipeline.plain {
        return start_with(pipeline, name, &SpanOptions::new());
    }
    let state = thread::state();
    let ring = state.ring(pipeline);
    // SAFETY: as in `local_parent`.
    let parent = unsafe { state.top().as_ref() };
    if parent.is_some_and(|parent| parent.inherited.is_some()) {
        return start_with(pipeline, name, &SpanOptions::new());
    }
    let pointer = state.take_record(pipeline);
    // SAFETY: just taken, so this thread's alone; it is another record than the parent's, which is in use.
    let record = unsafe { &mut *pointer };
    if take_ids(state, pipeline, record, parent) {
        open(state, ring, record, name);
        record.start = clock::ticks();
    } else {
        record.leave_unsampled();
        ring.books.unsampled.bump();
    }
    pointer
}

/// The flags that a child takes over, in the encoded word of flags and kind.
const TRACE_FLAGS: u64 = ((SAMPLED | RANDOM) as u64) << 16;
/// An internal span with a local parent.
const CHILD: u64 = wire::flags_and_kind(REMOTE_KNOWN, 1);
/// A sampled internal span with random ids and no parent.
const ROOT: u64 = wire::flags_and_kind(REMOTE_KNOWN | SAMPLED | RANDOM, 1);

/// Makes a record with ids and flags an open span; the start time is the caller's to set.
fn open(state: &ThreadState, ring: &Ring, record: &mut Record, name: &str) {
    record.adopt(record.pipeline, ring, state.generation());
    let inherits = record.inherited.is_some();
    record.marks = Marks {
        rare: inherits,
        short_finish: !inherits,
        short_parent: !inherits,
        ..Marks::OPEN
    };
    record.body.start(name);
    ring.books.started.bump();
}

/// Ids that are texts go along as attributes, for wires that need bytes.
#[cold]
#[inline(never)]
fn set_text_ids(record: &mut Record) {
    if record
        .inherited
        .as_ref()
        .is_some_and(|inherited| inherited.text_ids.is_some())
    {
        let context = record.context();
        push_text_ids(&context, &mut |key, text| {
            record.body.set_text_id(key, text)
        });
    }
}

/// The attributes that carry ids of any text.
pub(crate) fn push_text_ids(context: &SpanContext, push: &mut dyn FnMut(&'static str, &str)) {
    let texts = [
        (TRACE_ID_ATTRIBUTE, context.text_trace_id()),
        (SPAN_ID_ATTRIBUTE, context.text_span_id()),
        (PARENT_SPAN_ID_ATTRIBUTE, context.text_parent_span_id()),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            push(key, text);
        }
    }
}

/// Starts a span with options, or under a sampler, hooks or ids of the user's own.
#[inline(never)]
pub(crate) fn start_with(
    pipeline: &'static Pipeline,
    name: &str,
    options: &SpanOptions<'_>,
) -> *mut Record {
    let parent = match &options.parent {
        Parent::Current => {
            current_context().or_else(|| pipeline.parent_of_root(options.kind).cloned())
        }
        Parent::Root => None,
        Parent::Explicit(context) => context.is_valid().then(|| SpanContext::clone(context)),
    };
    if !pipeline.is_on() {
        return match (&options.parent, parent) {
            (Parent::Explicit(_), Some(parent)) => pass_through(pipeline, &parent),
            _ => ptr::null_mut(),
        };
    }
    let trace_id = match &parent {
        Some(parent) => parent.trace_id,
        None => new_trace_id(pipeline),
    };
    let decision = decide(pipeline, name, options, parent.as_ref(), trace_id);
    let inherited = inherit(parent.as_ref(), decision.trace_state.clone());
    let span_id = new_span_id(pipeline);
    let pointer = thread::state().take_record(pipeline);
    // SAFETY: just taken, so this thread's alone; hooks below reach it only through the span they are handed.
    let record = unsafe { &mut *pointer };
    record.pipeline = pipeline;
    record.trace_id = trace_id.to_words();
    record.span_id = span_id;
    record.parent_span_id = parent.as_ref().map_or(0, |parent| parent.span_id.to_word());
    let mut flags = REMOTE_KNOWN;
    if parent.as_ref().is_some_and(|parent| parent.is_remote) {
        flags |= REMOTE;
    }
    if parent
        .as_ref()
        .map_or(pipeline.ids.is_none(), SpanContext::random_trace_id)
    {
        flags |= RANDOM;
    }
    record.inherited = inherited;
    let state = thread::state();
    let ring = state.ring(pipeline);
    if !decision.is_sampled() {
        record.flags_and_kind = wire::flags_and_kind(flags, 1);
        record.leave_unsampled();
        ring.books.unsampled.bump();
        return pointer;
    }
    record.flags_and_kind = wire::flags_and_kind(flags | SAMPLED, options.kind.otlp());
    open(state, ring, record, name);
    if record.inherited.is_some() {
        set_text_ids(record);
    }
    match options.start_time {
        Some(ns) => {
            record.start = ns;
            record.marks.explicit_start = true;
            record.marks.rare = true;
            record.marks.short_finish = false;
        }
        None => record.start = clock::ticks(),
    }
    // SAFETY: the record stays whole while this handle is used; nobody else reaches it yet.
    let span = unsafe { StartedSpan::new(pointer) };
    for (key, value) in &decision.attributes {
        span.set_attribute(key, value);
    }
    for (key, value) in &options.attributes {
        span.set_attribute(key, *value);
    }
    for link in &options.links {
        span.add_link(link, &[]);
    }
    if pipeline.hooks.is_some() {
        pipeline.run_hook(|hooks| hooks.on_start(&span, parent.as_ref()));
    }
    pointer
}

/// A span of a tracer that is off: it carries the parent's own context, so that what comes in goes out.
fn pass_through(pipeline: &'static Pipeline, parent: &SpanContext) -> *mut Record {
    if pipeline.state.load(Ordering::Relaxed) != DISABLED {
        return ptr::null_mut();
    }
    let pointer = thread::state().take_record(pipeline);
    // SAFETY: just taken, so this thread's alone.
    let record = unsafe { &mut *pointer };
    record.pipeline = pipeline;
    record.trace_id = parent.trace_id.to_words();
    record.span_id = parent.span_id.to_word();
    record.parent_span_id = parent.parent_span_id.map_or(0, |id| id.to_word());
    record.flags_and_kind = wire::flags_and_kind(u32::from(parent.trace_flags()), 1);
    record.inherited = inherit(Some(parent), None);
    record.leave_unsampled();
    pointer
}

fn inherit(
    parent: Option<&SpanContext>,
    trace_state: Option<crate::TraceState>,
) -> Option<Arc<Inherited>> {
    let inherited = parent.and_then(Inherited::from_parent);
    match trace_state {
        None => inherited,
        Some(trace_state) => {
            let mut inherited = inherited.map_or_else(Inherited::default, |i| Inherited::clone(&i));
            inherited.trace_state = trace_state;
            Some(Arc::new(inherited))
        }
    }
}

/// The context of this thread's current span.
pub fn current_context() -> Option<SpanContext> {
    let top = thread::state().current();
    // SAFETY: a current span's record is whole and touched by this thread alone.
    (!top.is_null()).then(|| unsafe { &*top }.context())
}
