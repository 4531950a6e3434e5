//! Open spans as their users hold them.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use codomyrmex_wire::{AttributeValue, SpanIter, Value};

use crate::body::formatted;
use crate::clock;
use crate::context::SpanContext;
use crate::diagnostics;
use crate::finish::{finish, finish_current, finish_current_otherwise, finish_otherwise};
use crate::ids::{SpanId, TraceId};
use crate::kind::SpanKind;
use crate::record::{Phase, Record};
use crate::span_methods::span_methods;
use crate::start::enter;
use crate::status::SpanStatus;
use crate::thread::{self, Place};

/// What all kinds of handles do to the record they stand for. Null, unsampled and finished records take nothing.
#[derive(Clone, Copy)]
struct Handle(*mut Record);

impl Handle {
    /// The record, to be let go of before any of the user's code runs.
    #[inline(always)]
    fn record<'a>(self) -> Option<&'a mut Record> {
        // SAFETY: whoever made this handle owns the record or found it in this thread's frames, on this thread; the
        // reference does not outlive the call that asked for it, and no user code runs while it is held.
        unsafe { self.0.as_mut() }
    }

    #[inline(always)]
    fn recording<'a>(self) -> Option<&'a mut Record> {
        self.record()
            .filter(|record| record.marks.phase == Phase::Recording)
    }

    #[inline(always)]
    /// `value` has been formatted, for that runs the user's code.
    fn set_attribute(self, key: &str, value: AttributeValue<'_>) {
        if let Some(record) = self.record()
            && !record.body.set_short(thread::state().keys(), key, value)
        {
            self.set_otherwise(key, value);
        }
    }

    /// A first key, a long value, an equal key, or a span that takes nothing.
    #[cold]
    #[inline(never)]
    fn set_otherwise(self, key: &str, value: AttributeValue<'_>) {
        if let Some(record) = self.recording() {
            let _hold = diagnostics::hold();
            let rules = &record.pipeline.rules;
            thread::with_keys(|keys| record.body.set_long(rules, keys, key, value));
            record.marks.short_finish = false;
            record.marks.rare |= record.body.any_dropped();
        }
    }

    fn add_event(self, name: &str, time: Option<u64>, attributes: &[(&str, AttributeValue<'_>)]) {
        let _hold = diagnostics::hold();
        if let Some(record) = self.recording() {
            let time = time.unwrap_or_else(|| clock::unix_ns(clock::ticks()));
            record
                .body
                .add_event(&record.pipeline.rules, time, name, attributes);
            record.marks.short_finish = false;
            record.marks.rare |= record.body.any_dropped();
        }
    }

    fn add_link(self, to: &SpanContext, attributes: &[(&str, AttributeValue<'_>)]) {
        let _hold = diagnostics::hold();
        if let Some(record) = self.recording() {
            record.body.add_link(&record.pipeline.rules, to, attributes);
            record.marks.short_finish = false;
            record.marks.rare |= record.body.any_dropped();
        }
    }

    /// OK is final, ERROR stands over UNSET, a description counts with ERROR alone (OpenTelemetry: Set Status).
    fn set_status(self, status: SpanStatus, message: &str) {
        let Some(record) = self.recording() else {
            return;
        };
        if record.marks.status == SpanStatus::Ok.otlp() || status == SpanStatus::Unset {
            return;
        }
        record.marks.status = status.otlp();
        record.marks.short_finish = false;
        let message = if status == SpanStatus::Error {
            message
        } else {
            ""
        };
        record.status_message = (!message.is_empty()).then(|| message.into());
        record.marks.rare |= record.status_message.is_some();
    }

    fn record_exception(self, kind: &str, message: &str, stacktrace: &str) {
        let mut attributes = Vec::with_capacity(3);
        for (key, text) in [
            ("exception.type", kind),
            ("exception.message", message),
            ("exception.stacktrace", stacktrace),
        ] {
            if !text.is_empty() {
                attributes.push((key, AttributeValue::Str(text)));
            }
        }
        self.add_event("exception", None, &attributes);
        self.set_status(SpanStatus::Error, message);
    }

    fn set_baggage(self, key: &str, value: &str) {
        if let Some(record) = self.record() {
            let mut inherited = record
                .inherited
                .take()
                .map_or_else(Default::default, |i| (*i).clone());
            inherited.baggage.insert(key, value);
            record.inherited = Some(inherited.into());
            record.marks.rare = true;
            record.marks.short_finish = false;
            record.marks.short_parent = false;
            record.marks.unsampled_parent = false;
        }
    }
}

/// The most causes of an error that are told: one may name itself as its cause.
const MOST_CAUSES: usize = 32;

/// The chain of an error's causes, one a line.
fn causes<E: Error + ?Sized>(error: &E) -> String {
    let mut causes = String::new();
    // The chain is the user's code.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let mut cause = error.source();
        for _ in 0..MOST_CAUSES {
            let Some(error) = cause else { break };
            causes.push_str(if causes.is_empty() {
                "caused by: "
            } else {
                "\ncaused by: "
            });
            causes.push_str(&formatted(format_args!("{error}")));
            cause = error.source();
        }
    }));
    causes
}

/// Formats what must be formatted by the user's code before the span is looked up: that code may end the span for which a
/// handle of the current one stands.
fn with_texts(
    is_recording: impl FnOnce() -> bool,
    attributes: &[(&str, AttributeValue<'_>)],
    f: impl FnOnce(&[(&str, AttributeValue<'_>)]),
) {
    if !attributes
        .iter()
        .any(|(_, value)| matches!(value, AttributeValue::Display(_)))
    {
        return f(attributes);
    }
    if !is_recording() {
        return;
    }
    let texts: Vec<_> = attributes
        .iter()
        .map(|(_, value)| match value {
            AttributeValue::Display(text) => Some(formatted(*text)),
            _ => None,
        })
        .collect();
    let attributes: Vec<_> = attributes
        .iter()
        .zip(&texts)
        .map(|((key, value), text)| (*key, text.as_deref().map_or(*value, AttributeValue::Str)))
        .collect();
    f(&attributes);
}

/// A span that is the current one of this thread until it is dropped, which finishes it.
///
/// It cannot leave its thread, so that holding it across an `.await` does not compile where the future must be `Send`.
///
/// ```compile_fail
/// let tracer = codomyrmex_core::Tracer::builder("shop").build();
/// let span = tracer.span("checkout");
/// std::thread::spawn(move || drop(span));
/// ```
#[must_use = "a span that is dropped at once is over at once"]
pub struct SpanGuard {
    /// Null where the tracer is off.
    record: *mut Record,
}

impl SpanGuard {
    /// The guard of a record that is the thread's current span.
    #[inline(always)]
    pub(crate) fn new(record: *mut Record) -> Self {
        Self { record }
    }

    #[inline(always)]
    fn handle(&self) -> Handle {
        Handle(self.record)
    }

    /// Finishes the span now; the one that was current before is current again.
    #[inline]
    pub fn finish(self) {
        drop(self);
    }

    /// Finishes the span with another end than now.
    pub fn finish_at(self, end: SystemTime) {
        let guard = ManuallyDrop::new(self);
        if !guard.record.is_null() {
            let end = Some(clock::unix_ns_of(end));
            // SAFETY: this guard owned the record and is forgotten; it is on the thread it was made on.
            unsafe { finish_current_otherwise(guard.record, end) };
        }
    }
}

impl Drop for SpanGuard {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.record.is_null() {
            // SAFETY: this guard owned the record and is gone; it is on the thread it was made on.
            unsafe { finish_current(self.record) };
        }
    }
}

span_methods!(SpanGuard);

/// A span that can move between threads. It is current only inside [`in_scope`](Self::in_scope), and in a future that
/// carries it. Dropping it finishes it.
#[must_use = "a span that is dropped at once is over at once"]
pub struct Span {
    record: *mut Record,
}

// SAFETY: the span owns its record; a record has no ties to a thread but while it stands in a thread's frames, which
// `in_scope` bounds by a borrow.
unsafe impl Send for Span {}

impl Span {
    #[inline(always)]
    pub(crate) fn new(record: *mut Record) -> Self {
        Self { record }
    }

    #[inline(always)]
    fn handle(&self) -> Handle {
        Handle(self.record)
    }

    /// Runs `f` with this span as the thread's current one.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Frame(Place);
        impl Drop for Frame {
            fn drop(&mut self) {
                thread::state().pop(self.0);
            }
        }
        let _frame = (!self.record.is_null()).then(|| Frame(thread::state().push(self.record)));
        f()
    }

    /// Makes this span the thread's current one until the guard is dropped, which finishes it.
    pub fn enter(self) -> SpanGuard {
        SpanGuard::new(enter(self.take()))
    }

    #[inline(always)]
    fn take(self) -> *mut Record {
        ManuallyDrop::new(self).record
    }

    /// Finishes the span now.
    #[inline]
    pub fn finish(self) {
        drop(self);
    }

    /// Finishes the span with another end than now.
    pub fn finish_at(self, end: SystemTime) {
        let record = self.take();
        if !record.is_null() {
            // SAFETY: taken from the span, which owned it.
            unsafe { finish_otherwise(record, Some(clock::unix_ns_of(end))) };
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if !self.record.is_null() {
            // SAFETY: the span owns its record and gives it up here; no frame points to it, for `in_scope` borrows it.
            unsafe { finish(self.record) };
        }
    }
}

span_methods!(Span);

/// This thread's current span, to be written to. It keeps nothing alive: once the span is no longer current here, calls
/// are ignored and counted.
pub struct CurrentSpan {
    record: *mut Record,
    place: Place,
    span_id: u64,
    _thread: PhantomData<*mut ()>,
}

impl CurrentSpan {
    #[inline]
    fn handle(&self) -> Handle {
        if thread::state().at(self.place) == self.record {
            // SAFETY: a record in this thread's frames is whole.
            if unsafe { &*self.record }.span_id == self.span_id {
                return Handle(self.record);
            }
        }
        STALE.with(|calls| calls.set(calls.get() + 1));
        Handle(std::ptr::null_mut())
    }
}

thread_local! {
    static STALE: Cell<u64> = const { Cell::new(0) };
}

/// How many calls this thread made through a [`CurrentSpan`] whose span was no longer current.
pub fn ignored_calls() -> u64 {
    STALE.with(Cell::get)
}

span_methods!(CurrentSpan);

/// The span that is current on this thread.
///
/// ```
/// use codomyrmex_core::{Tracer, get_current_span};
/// let tracer = Tracer::builder("shop").build();
/// let span = tracer.span("checkout");
/// get_current_span().unwrap().set_attribute("items", 3);
/// # drop(span);
/// assert!(get_current_span().is_none());
/// ```
pub fn get_current_span() -> Option<CurrentSpan> {
    thread::with(|state| {
        let record = state.current();
        if record.is_null() {
            return None;
        }
        // SAFETY: a record in this thread's frames is whole.
        let span_id = unsafe { &*record }.span_id;
        Some(CurrentSpan {
            record,
            place: state.depth(),
            span_id,
            _thread: PhantomData,
        })
    })
}

/// A span that has just started, as a hook sees it.
pub struct StartedSpan<'a> {
    record: *mut Record,
    _borrow: PhantomData<&'a mut Record>,
}

impl StartedSpan<'_> {
    /// # Safety
    /// The record stays whole and is reached through this handle alone while it lives.
    pub(crate) unsafe fn new(record: *mut Record) -> Self {
        Self {
            record,
            _borrow: PhantomData,
        }
    }

    #[inline]
    fn handle(&self) -> Handle {
        Handle(self.record)
    }
}

span_methods!(StartedSpan<'a>, 'a);

/// A span that is about to be encoded, as a hook sees it: it can still be changed, or discarded.
pub struct EndingSpan<'a> {
    record: *mut Record,
    discarded: bool,
    _borrow: PhantomData<&'a mut Record>,
}

impl EndingSpan<'_> {
    /// # Safety
    /// The record stays whole and is reached through this handle alone while it lives.
    pub(crate) unsafe fn new(record: *mut Record) -> Self {
        Self {
            record,
            discarded: false,
            _borrow: PhantomData,
        }
    }

    #[inline]
    fn handle(&self) -> Handle {
        Handle(self.record)
    }

    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded
    }

    /// Keeps the span from all exporters; it is counted as dropped by a hook.
    pub fn discard(&mut self) {
        self.discarded = true;
    }

    /// The span's name.
    pub fn name(&self) -> String {
        self.read(|view| view.name().into_owned())
    }

    /// The span's attributes so far.
    pub fn attributes(&self) -> Vec<(String, Value)> {
        self.read(|view| {
            view.attributes()
                .map(|(key, value)| (key.into_owned(), value.to_value()))
                .collect()
        })
    }

    fn read<R: Default>(&self, f: impl FnOnce(&codomyrmex_wire::SpanView<'_>) -> R) -> R {
        let Some(record) = self.handle().record() else {
            return R::default();
        };
        let field = record.encode(0, 0);
        match SpanIter::new(&field).next() {
            Some(Ok(view)) => f(&view),
            _ => R::default(),
        }
    }
}

span_methods!(EndingSpan<'a>, 'a);
