//! How a span finishes: one clock reading, one encoding, and out of the way.

use std::sync::atomic::Ordering;

use codomyrmex_wire::{self as wire, SHORT_BODY, SpanIter};

use crate::clock;
use crate::ids::TraceId;
use crate::pipeline::{GENERATION, Pipeline};
use crate::record::{Phase, Record};
use crate::ring::Appended;
use crate::span::EndingSpan;
use crate::thread::{self, Place, ThreadState};

/// Finishes a span the short way and takes its record back, if it can: on the thread and for the tracer that it started
/// with, nothing about it rare, and room in the chunk at hand. If not, nothing has happened.
///
/// # Safety
/// `pointer` is a record that this thread owns, and gives up here if the answer is true.
#[inline(always)]
pub(crate) unsafe fn finish_short(state: &ThreadState, pointer: *mut Record) -> bool {
    // SAFETY: by this function's contract.
    let record = unsafe { &mut *pointer };
    if !record.marks.short_finish || record.ring != state.last_ring() {
        return false;
    }
    // SAFETY: this thread's last ring is alive.
    let ring = unsafe { &*record.ring };
    let len = record.body.len();
    if len > SHORT_BODY || !ring.is_direct() {
        return false;
    }
    let (Some(mut room), Some(clock)) = (ring.short_room(), clock::settled()) else {
        return false;
    };
    let end = clock.ticks();
    if !clock.covers(end) {
        return false;
    }
    let end_ns = clock.unix_ns(end);
    let start_ns = clock.unix_ns(record.start);
    let head = wire::write_short_head(
        room.head(),
        record.trace_id,
        record.span_id,
        record.parent_span_id,
        record.flags_and_kind,
        start_ns,
        end_ns,
        len,
    );
    // SAFETY: the head is written, and a body's memory is longer than a short body and one piece.
    unsafe { room.append(head, record.body.as_ptr(), len) };
    if !record.marks.placed {
        // SAFETY: the record came from a thread's store, and its owner gave it up.
        unsafe { state.give_record(pointer) };
    }
    true
}

/// Finishes a span.
///
/// # Safety
/// `pointer` is a record that this thread owns and gives up here.
#[inline]
pub(crate) unsafe fn finish(pointer: *mut Record) {
    // SAFETY: by this function's contract.
    unsafe {
        if !finish_short(thread::state(), pointer) {
            finish_otherwise(pointer, None);
        }
    }
}

/// Finishes a span that was made current on this thread.
///
/// # Safety
/// As of [`finish`], and the span is current at its place, or was until those below it ended.
#[inline(always)]
pub(crate) unsafe fn finish_current(pointer: *mut Record) {
    // SAFETY: by this function's contract.
    unsafe {
        if (*pointer).marks.is_placed_unsampled() {
            // Unsampled, with nothing to let go of: its place is free again.
            thread::state().pop_record(pointer);
        } else {
            finish_current_recorded(pointer);
        }
    }
}

/// As [`finish_current`], for a span that is recorded, most likely.
///
/// # Safety
/// As of [`finish_current`].
#[inline(never)]
unsafe fn finish_current_recorded(pointer: *mut Record) {
    let state = thread::state();
    // SAFETY: by this function's contract.
    unsafe {
        let place = Place((*pointer).place);
        if finish_short(state, pointer) {
            state.pop(place);
        } else {
            finish_current_otherwise(pointer, None);
        }
    }
}

/// As [`finish_current`], every other way: the span is current no more when the user's code runs.
///
/// # Safety
/// As of [`finish_current`].
#[inline(never)]
pub(crate) unsafe fn finish_current_otherwise(pointer: *mut Record, end_time: Option<u64>) {
    // SAFETY: by this function's contract.
    unsafe {
        thread::state().pop(Place((*pointer).place));
        finish_otherwise(pointer, end_time);
    }
}

/// Every other way to finish.
///
/// # Safety
/// As of [`finish`].
#[inline(never)]
pub(crate) unsafe fn finish_otherwise(pointer: *mut Record, end_time: Option<u64>) {
    let state = thread::state();
    // SAFETY: by this function's contract.
    let record = unsafe { &mut *pointer };
    let pipeline = record.pipeline;
    if record.marks.phase == Phase::Unsampled && record.inherited.is_none() {
        // SAFETY: the record came from a thread's store, and its owner gave it up.
        return unsafe { state.give_used_record(pointer) };
    }
    let mut field = None;
    let mut appended = None;
    let mut lost = None;
    if record.marks.phase == Phase::Recording {
        let ring = state.ring(pipeline);
        if !record.marks.rare
            && end_time.is_none()
            && ring.is_direct()
            && record.generation == state.generation()
        {
            let (start_ns, end_ns) = clock::to_unix_ns(record.start, clock::ticks());
            let outcome = ring.append(&record.head(start_ns, end_ns), record.body.bytes());
            if outcome == Appended::Full && pipeline.has_no_room(record.body.len()) {
                lost = Some(TraceId::from_words(record.trace_id));
            } else {
                if !outcome.is_there() {
                    field = Some(record.encode(start_ns, end_ns));
                }
                appended = Some(outcome);
            }
        } else {
            field = encode_slowly(record, end_time);
            record.status_message = None;
        }
    }
    record.marks.phase = Phase::Finished;
    record.marks.explicit_start = false;
    record.body.clear();
    record.inherited = None;
    // SAFETY: the record came from a thread's store, and its owner gave it up.
    unsafe { state.give_used_record(pointer) };
    // From here on the user's code may run, and start spans in the record that was given back.
    if let Some(trace) = lost {
        return pipeline.drop_unencoded(state.ring(pipeline), trace);
    }
    match (appended, field) {
        (Some(Appended::Here), _) | (None, None) => {}
        (Some(appended), field) => {
            pipeline.after_append(appended, state.ring(pipeline), field.unwrap_or_default())
        }
        (None, Some(field)) => hand_on(pipeline, field),
    }
}

/// The span as one encoded field, unless it goes nowhere: with hooks, in-process exporters, rare parts, or a tracer that is
/// off.
#[cold]
#[inline(never)]
fn encode_slowly(record: &mut Record, end_time: Option<u64>) -> Option<Vec<u8>> {
    let now = clock::ticks();
    let pipeline = record.pipeline;
    if record.generation != GENERATION.load(Ordering::Relaxed) {
        // It started before a fork and belongs to the parent's process.
        return None;
    }
    if pipeline.hooks.is_some() {
        // SAFETY: the record is ours; the hook reaches it through this handle alone.
        let mut ending = unsafe { EndingSpan::new(record) };
        pipeline.run_hook(|hooks| hooks.on_ending(&mut ending));
        let discarded = ending.is_discarded();
        if record.generation != GENERATION.load(Ordering::Relaxed) {
            // The hook forked, and this is the child.
            return None;
        }
        if discarded {
            let books = &thread::state().ring(pipeline).books;
            books.recorded.bump();
            books.hook.bump();
            return None;
        }
    }
    if !pipeline.is_on() {
        let books = &thread::state().ring(pipeline).books;
        books.recorded.bump();
        books.shutdown.bump();
        return None;
    }
    let (start_ns, end_ns) = times(record, now, end_time);
    Some(record.encode(start_ns, end_ns))
}

/// Shows an encoded span to the hooks, and takes it to the exporters.
fn hand_on(pipeline: &'static Pipeline, field: Vec<u8>) {
    if pipeline.hooks.is_some() {
        let generation = GENERATION.load(Ordering::Relaxed);
        if let Some(Ok(view)) = SpanIter::new(&field).next() {
            pipeline.run_hook(|hooks| hooks.on_end(&view));
        }
        if generation != GENERATION.load(Ordering::Relaxed) {
            return;
        }
    }
    pipeline.deliver(thread::state().ring(pipeline), field);
}

fn times(record: &Record, now: u64, end_time: Option<u64>) -> (u64, u64) {
    if record.marks.explicit_start {
        (
            record.start,
            end_time.unwrap_or_else(|| clock::unix_ns(now)),
        )
    } else {
        let (start_ns, end_ns) = clock::to_unix_ns(record.start, now);
        (start_ns, end_time.unwrap_or(end_ns))
    }
}
