//! The `with` block: begin and make current, record the exception, end, give the parent back.

use pyo3::ffi::{self, PyObject};

use crate::engine::{self, Parent};
use crate::span::{COUNTED, END_IS_NS, ENTERED, OPEN, PENDING, RECORDING, SpanObject};
use crate::tracer::Tracer;
use crate::{attributes, current, exception, hot, inherit, sampling};

pub(super) unsafe extern "C" fn enter(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython calls this with a Span.
    unsafe {
        enter_block(SpanObject::from_ptr(object));
        ffi::Py_NewRef(object)
    }
}

pub(super) unsafe extern "C" fn exit(
    object: *mut PyObject,
    values: *mut *mut PyObject,
    count: ffi::Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: CPython calls this with a Span and `count` values.
    unsafe {
        // Type, exception, traceback; the exception alone tells everything.
        let exception = if count > 1 {
            *values.add(1)
        } else {
            ffi::Py_None()
        };
        leave_block(SpanObject::from_ptr(object), exception);
        ffi::Py_NewRef(ffi::Py_None())
    }
}

/// Begins a pending span and makes it current.
///
/// # Safety
/// The thread is attached; the span is alive during the call.
#[inline(always)]
pub(crate) unsafe fn enter_block(span: &SpanObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        if span.phase.get() == PENDING {
            let Some(tracer) = span.tracer() else { return };
            let quick = !tracer.has_hooks()
                && current::enter_new(span, |parent| {
                    if parent.is_null() {
                        begin(span, tracer, None);
                    } else {
                        begin_under(span, tracer, SpanObject::from_ptr(parent));
                    }
                });
            if quick {
                return;
            }
            begin_here(span);
            if let Some(tracer) = span.tracer().filter(|tracer| tracer.has_hooks()) {
                crate::hooks::on_start(span, tracer, current::get());
            }
        }
        if span.phase.get() == OPEN && !span.has(ENTERED) {
            current::enter(span);
        }
    }
}

/// Leaves the block: `exception` is what it raised, or None.
///
/// # Safety
/// As [`enter_block`]; no exception is set.
#[inline(always)]
pub(crate) unsafe fn leave_block(span: &SpanObject, exception: *mut PyObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        let recording = span.has(RECORDING) && span.phase.get() == OPEN;
        if recording && !span.has(END_IS_NS) {
            span.end.set(engine::ticks());
        }
        current::leave(span);
        if exception != ffi::Py_None() && recording {
            exception::record_left(span, exception);
        }
        if span.phase.get() == OPEN {
            hot::finish(span);
        }
    }
}

/// Begins a pending span under the current one.
///
/// # Safety
/// As [`enter_block`].
#[inline(always)]
pub(crate) unsafe fn begin_here(span: &SpanObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        let Some(tracer) = span.tracer() else { return };
        let parent = current::get();
        if parent.is_null() {
            begin(span, tracer, None);
        } else {
            begin_under(span, tracer, SpanObject::from_ptr(parent));
            ffi::Py_DECREF(parent);
        }
    }
}

/// Begins a pending span under another one.
///
/// # Safety
/// As [`enter_block`]; the parent is alive during the call.
#[inline(always)]
pub(crate) unsafe fn begin_under(span: &SpanObject, tracer: &Tracer, parent: &SpanObject) {
    // SAFETY: as promised by the caller.
    unsafe {
        if !parent.context.is_empty() {
            return inherit::begin(span, tracer, parent.context.as_ptr());
        }
        let (trace_id, span_id) = (parent.trace_id.get(), parent.span_id.get());
        if span_id == 0 {
            // It has not begun itself.
            return begin(span, tracer, None);
        }
        span.parent_id.set(span_id);
        begin(
            span,
            tracer,
            Some(Parent {
                trace_id,
                span_id,
                flags: parent.otlp_flags.get() & !engine::REMOTE,
            }),
        );
    }
}

/// Ids, the sampler's decision, and the start's time, in this order.
///
/// # Safety
/// As [`enter_block`].
#[inline(always)]
pub(crate) unsafe fn begin(span: &SpanObject, tracer: &Tracer, parent: Option<Parent>) {
    let engine = tracer.engine();
    if !engine.is_on() {
        return sampling::pass_through(span, parent);
    }
    let begun = match engine.begin(parent) {
        Some(begun) => begun,
        None => sampling::begin(span, tracer, parent),
    };
    span.trace_id.set(begun.trace_id);
    span.span_id.set(begun.span_id);
    span.otlp_flags.set(begun.flags as u16);
    span.phase.set(OPEN);
    if begun.sampled {
        span.raise(RECORDING | COUNTED);
        span.generation.set(engine::generation());
        span.start.set(engine::ticks());
    } else {
        // SAFETY: as promised by the caller.
        unsafe { attributes::forget(span) };
    }
}
