//! Start and end of a span: ticks while it runs, nanoseconds since the epoch afterwards, float seconds for Python.

use pyo3::prelude::*;

use crate::convert;
use crate::engine;
use crate::span::{END_IS_NS, RECORDING, START_IS_NS, SpanObject};

/// Turns what is still ticks into nanoseconds, both under one clock anchor.
#[inline(always)]
pub(crate) fn settle(span: &SpanObject) {
    if span.flags.get() & (START_IS_NS | END_IS_NS) != 0 {
        return settle_given(span);
    }
    let (start, end) = engine::to_unix_ns(span.start.get(), span.end.get());
    span.start.set(start);
    span.end.set(end);
    span.raise(START_IS_NS | END_IS_NS);
}

#[cold]
fn settle_given(span: &SpanObject) {
    if !span.has(START_IS_NS) {
        span.start
            .set(engine::to_unix_ns(span.start.get(), span.start.get()).0);
    } else if !span.has(END_IS_NS) {
        let shown = span.rare().map_or(0, |rare| rare.start_ticks.get());
        let from = if shown == 0 { span.end.get() } else { shown };
        let (from, to) = engine::to_unix_ns(from, span.end.get());
        // A start that was shown keeps its value, and the duration is that of the clock.
        span.end.set(if shown == 0 {
            to
        } else {
            span.start.get().saturating_add(to.saturating_sub(from))
        });
    }
    span.raise(START_IS_NS | END_IS_NS);
}

/// The end of a span that belongs to no tracer: the one that was given, or now.
pub(crate) fn end_by_hand(span: &SpanObject) {
    if !has_end(span) {
        span.end.set(engine::unix_now_ns());
        span.raise(END_IS_NS);
    }
}

fn has_end(span: &SpanObject) -> bool {
    span.has(END_IS_NS)
}

/// The start in nanoseconds; from now on it stays that.
pub(crate) fn start_ns(span: &SpanObject) -> u64 {
    if !span.has(START_IS_NS) {
        let ticks = span.start.get();
        if ticks == 0 || !span.has(RECORDING) {
            // An unsampled span reads the clock only if somebody asks.
            span.start.set(engine::unix_now_ns());
        } else {
            span.start.set(engine::to_unix_ns(ticks, ticks).0);
            span.make_rare().start_ticks.set(ticks);
        }
        span.raise(START_IS_NS);
    }
    span.start.get()
}

/// The moment of an end that was read and is not settled yet.
pub(crate) fn end_reading_ns(span: &SpanObject) -> Option<u64> {
    (!has_end(span) && span.end.get() != 0).then(|| engine::unix_ns(span.end.get()))
}

/// The end in nanoseconds, where there is one.
pub(crate) fn end_ns(span: &SpanObject) -> Option<u64> {
    has_end(span).then(|| span.end.get())
}

pub(crate) fn get_start<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    if let Some(value) = object
        .rare()
        .and_then(|rare| rare.start_value.get(span.py()))
    {
        return Ok(value);
    }
    Ok(convert::seconds(start_ns(object))
        .into_pyobject(span.py())?
        .into_any())
}

pub(crate) fn set_start<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let object = SpanObject::borrow(span);
    object.start.set(convert::time_ns(&value).unwrap_or(0));
    object.raise(START_IS_NS);
    object.make_rare().start_value.store(value);
    Ok(())
}

pub(crate) fn get_end<'py>(span: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let object = SpanObject::borrow(span);
    if let Some(value) = object.rare().and_then(|rare| rare.end_value.get(span.py())) {
        return Ok(value);
    }
    match end_ns(object) {
        Some(end) => Ok(convert::seconds(end).into_pyobject(span.py())?.into_any()),
        None => Ok(span.py().None().into_bound(span.py())),
    }
}

pub(crate) fn set_end<'py>(span: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<()> {
    let object = SpanObject::borrow(span);
    match convert::time_ns(&value) {
        Some(end) => {
            object.end.set(end);
            object.raise(END_IS_NS);
        }
        None => {
            object.end.set(0);
            object.lower(END_IS_NS);
        }
    }
    if value.is_none() {
        if let Some(rare) = object.rare() {
            // SAFETY: a `Bound` proves that the thread is attached.
            unsafe { rare.end_value.clear() };
        }
    } else {
        object.make_rare().end_value.store(value);
    }
    Ok(())
}

pub(crate) fn duration_ms(span: &SpanObject) -> f64 {
    let start = start_ns(span);
    let end = end_ns(span).unwrap_or_else(engine::unix_now_ns);
    (i128::from(end) - i128::from(start)) as f64 / 1e6
}
