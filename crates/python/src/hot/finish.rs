//! The end of a span: towards bytes, towards the in-process exporter.

use pyo3::ffi::{self, PyObject};

use crate::attributes;
use crate::engine;
use crate::lanes::Lane;
use crate::span::{COUNTED, END_IS_NS, ENDING, FINISHED, OPEN, RECORDING, SpanObject};

pub(super) unsafe extern "C" fn finish_method(
    object: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a Span.
    unsafe {
        let span = SpanObject::from_ptr(object);
        if span.phase.get() == OPEN {
            if span.has(RECORDING) && !span.has(END_IS_NS) {
                span.end.set(engine::ticks());
            }
            crate::current::leave(span);
            finish(span);
        } else {
            attributes::ignored(span);
        }
        ffi::Py_NewRef(ffi::Py_None())
    }
}

/// Ends an open span whose end's time is set, if it is recorded.
///
/// # Safety
/// The thread is attached and has no exception set; the span is open and alive during the call.
#[inline(always)]
pub(crate) unsafe fn finish(span: &SpanObject) {
    let Some(tracer) = span.tracer() else {
        crate::times::end_by_hand(span);
        span.phase.set(FINISHED);
        return;
    };
    if !span.has(RECORDING) || span.generation.get() != engine::generation() {
        // Unsampled, or started before a fork: then it is the parent process's to export.
        span.phase.set(FINISHED);
        return;
    }
    // SAFETY: as promised by the caller.
    unsafe {
        crate::times::settle(span);
        if tracer.has_hooks() {
            span.phase.set(ENDING);
            if !crate::hooks::on_ending(span, tracer) {
                span.phase.set(FINISHED);
                span.lower(COUNTED);
                tracer.lanes().iter().for_each(Lane::discarded);
                return tracer.engine().discarded();
            }
        }
        span.phase.set(FINISHED);
        span.lower(COUNTED);
        if let Some(rare) = span.rare() {
            attributes::count_over_limit(rare, tracer);
        }
        let on = if tracer.wants_bytes() {
            crate::encode::emit(span, tracer)
        } else {
            tracer.engine().recorded()
        };
        for lane in tracer.lanes() {
            lane.push(span);
        }
        if on && tracer.has_hooks() {
            crate::hooks::on_end(span, tracer);
        }
    }
}
