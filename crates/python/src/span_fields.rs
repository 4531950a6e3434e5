//! The fields and properties of a Span.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyString};

use crate::heap_type::{Set, TypeBuilder};
use crate::span::{ENDING, FINISHED, OPEN, RECORDING, SpanObject};
use crate::span_context::SpanContext;
use crate::{attributes, events, inherit, kind, links, status, times};

/// A setter that has no effect, and is counted, once a tracer's span has ended: by then it may be exported.
macro_rules! set {
    ($set:path) => {{
        fn assign<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
            let object = SpanObject::borrow(span);
            if object.phase.get() == FINISHED && !object.tracer.is_empty() {
                attributes::ignored(object);
                return Ok(());
            }
            $set(span, value)
        }
        Some(assign as Set)
    }};
}

pub(crate) fn fields(builder: TypeBuilder) -> TypeBuilder {
    builder
        .property(
            c"name",
            get_name,
            set!(set_name),
            c"What the span is called.",
        )
        .property(
            c"context",
            get_context,
            set!(set_context),
            c"The span's SpanContext.",
        )
        .property(
            c"kind",
            kind::get_kind,
            set!(kind::set_kind),
            c"The span's SpanKind.",
        )
        .property(
            c"status",
            kind::get_status,
            set!(kind::set_status),
            c"The span's SpanStatus.",
        )
        .property(
            c"status_message",
            status::get_message,
            set!(status::set_message),
            c"What went wrong; empty without an error.",
        )
        .property(
            c"start_time",
            times::get_start,
            set!(times::set_start),
            c"Start, in seconds since the epoch.",
        )
        .property(
            c"end_time",
            times::get_end,
            set!(times::set_end),
            c"End, in seconds since the epoch; None before it.",
        )
        .property(
            c"attributes",
            get_attributes,
            set!(set_attributes),
            c"The attributes, `service.name` first. May be changed in place until the end.",
        )
        .property(
            c"events",
            get_events,
            set!(set_events),
            c"The events: dicts with name, timestamp and attributes.",
        )
        .property(
            c"links",
            get_links,
            None,
            c"The links: pairs of SpanContext and attributes.",
        )
        .property(c"trace_id", get_trace_id, None, c"The trace id as text.")
        .property(c"span_id", get_span_id, None, c"The span id as text.")
        .property(
            c"parent_span_id",
            get_parent_span_id,
            None,
            c"The parent's span id as text; None for a root.",
        )
        .property(
            c"duration_ms",
            get_duration,
            None,
            c"Milliseconds from start to end, or to now.",
        )
        .property(
            c"is_finished",
            get_is_finished,
            None,
            c"Whether the span has ended.",
        )
        .property(
            c"is_recording",
            get_is_recording,
            None,
            c"Whether attributes and events are kept.",
        )
}

fn get_name<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = span.py();
    Ok(SpanObject::borrow(span)
        .name
        .get(py)
        .unwrap_or_else(|| PyString::intern(py, "").into_any()))
}

fn set_name<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    SpanObject::borrow(span).name.store(value);
    Ok(())
}

fn get_context<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    inherit::context(span.py(), SpanObject::borrow(span))
}

fn set_context<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    SpanObject::borrow(span).context.store(value);
    Ok(())
}

fn get_attributes<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; the dict is borrowed from the span.
    unsafe {
        Bound::from_borrowed_ptr_or_opt(span.py(), attributes::dict(SpanObject::borrow(span)))
            .ok_or_else(|| pyo3::exceptions::PyMemoryError::new_err(()))
    }
}

fn set_attributes<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let span = SpanObject::borrow(span);
    span.attributes.store(value);
    // SAFETY: attached.
    unsafe { span.clear_pairs() };
    Ok(())
}

fn get_events<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    events::list(span.py(), SpanObject::borrow(span))
}

fn set_events<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let span = SpanObject::borrow(span);
    events::list(value.py(), span)?;
    span.make_rare().event_list.store(value);
    Ok(())
}

fn get_links<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(links::list(span.py(), SpanObject::borrow(span))?.into_any())
}

/// A field of the context, without making one if the span has none yet.
fn from_context<'py>(span: &Bound<'py, PyAny>, field: &str) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    let py = span.py();
    match object.context.get(py) {
        // Somebody may have assigned something else than a SpanContext.
        Some(context) => Ok(context
            .getattr(field)
            .unwrap_or_else(|_| py.None().into_bound(py))),
        None => {
            let context = SpanContext::of_ids(
                py,
                object.trace_id.get(),
                object.span_id.get(),
                object.parent_id.get(),
                object.otlp_flags.get(),
            );
            Bound::new(py, context)?.getattr(field)
        }
    }
}

fn get_trace_id<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    from_context(span, "trace_id")
}

fn get_span_id<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    from_context(span, "span_id")
}

fn get_parent_span_id<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    from_context(span, "parent_span_id")
}

fn get_duration<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyFloat::new(span.py(), times::duration_ms(SpanObject::borrow(span))).into_any())
}

fn get_is_finished<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    let finished = object.phase.get() == FINISHED || times::end_ns(object).is_some();
    Ok(PyBool::new(span.py(), finished).to_owned().into_any())
}

fn get_is_recording<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    let recording = matches!(object.phase.get(), OPEN | ENDING) && object.has(RECORDING);
    Ok(PyBool::new(span.py(), recording).to_owned().into_any())
}
