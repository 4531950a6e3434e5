//! The Span: its memory, its life in the collector. What can be done with it stands in the other `span_*` files.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::engine;
use crate::heap_type::{Slot, TypeBuilder};
use crate::module::state;
use crate::tracer::Tracer;

/// Made by `Tracer.span` and not begun: ids and start come with the block.
pub(crate) const PENDING: u8 = 0;
/// Begun.
pub(crate) const OPEN: u8 = 1;
/// Ended; what comes now is ignored.
pub(crate) const FINISHED: u8 = 2;
/// In the hands of the hook `on_ending`: it can be changed, and cannot be ended again.
pub(crate) const ENDING: u8 = 3;

/// The sampler said yes: attributes are kept and the span is exported.
pub(crate) const RECORDING: u8 = 1;
/// It was asked to be a root: not even the process's parent is its own.
pub(crate) const ROOT: u8 = 2;
/// `start` is nanoseconds since the epoch, not ticks.
pub(crate) const START_IS_NS: u8 = 4;
/// So is `end`.
pub(crate) const END_IS_NS: u8 = 64;
/// It was left in another context than it was entered: see `current`.
pub(crate) const LEFT: u8 = 8;
/// It is entered, and not left yet.
pub(crate) const ENTERED: u8 = 16;
/// It counts among the tracer's open spans.
pub(crate) const COUNTED: u8 = 32;

/// So many attributes are kept as pairs; one more makes a dict of them.
pub(crate) const PAIRS: usize = 8;

/// Key and value of an attribute, both owned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) key: *mut PyObject,
    pub(crate) value: *mut PyObject,
}

/// An event that no Python code has looked at yet.
#[derive(Debug)]
pub(crate) struct Event {
    /// Owned.
    pub(crate) name: *mut PyObject,
    pub(crate) time_ns: u64,
    /// An owned dict, or null.
    pub(crate) attributes: *mut PyObject,
}

/// The C-level struct of `codomyrmex.telemetry.tracing.Span`.
///
/// Every field is a cell: methods hold shared references only, because any call into Python may come back to the same span.
#[repr(C)]
pub(crate) struct SpanObject {
    base: PyObject,
    weak_references: Cell<*mut PyObject>,
    /// The tracer; empty for a span made by hand.
    pub(crate) tracer: Slot,
    pub(crate) name: Slot,
    /// What was current before it, while it is entered, and for good with [`LEFT`].
    pub(crate) before: Slot,
    /// The context that it is entered in.
    pub(crate) home: Slot,
    /// The dict of attributes, from its first access on; before that the pairs are the truth.
    pub(crate) attributes: Slot,
    /// The SpanContext, from its first access on; before that the ids below are the truth.
    pub(crate) context: Slot,
    /// What few spans have.
    pub(crate) rare: Cell<*mut Rare>,
    pub(crate) trace_id: Cell<[u64; 2]>,
    pub(crate) span_id: Cell<u64>,
    pub(crate) parent_id: Cell<u64>,
    /// Ticks, or nanoseconds with [`START_IS_NS`].
    pub(crate) start: Cell<u64>,
    /// Ticks, or nanoseconds with [`END_IS_NS`]; 0 before the end.
    pub(crate) end: Cell<u64>,
    /// The process that it started in, by the count of forks.
    pub(crate) generation: Cell<u32>,
    /// OTLP's span flags.
    pub(crate) otlp_flags: Cell<u16>,
    pub(crate) phase: Cell<u8>,
    pub(crate) flags: Cell<u8>,
    /// OTLP's number of the kind.
    pub(crate) kind: Cell<u8>,
    /// OTLP's number of the status.
    pub(crate) status: Cell<u8>,
    pub(crate) pair_count: Cell<u8>,
    pairs: [Cell<MaybeUninit<Pair>>; PAIRS],
}

/// What few spans have.
pub(crate) struct Rare {
    /// Start and end as the caller gave them, where that is more than the nanoseconds tell.
    pub(crate) start_value: Slot,
    pub(crate) end_value: Slot,
    /// What was assigned where a kind, a status belongs and none stands.
    pub(crate) kind_value: Slot,
    pub(crate) status_value: Slot,
    pub(crate) status_message: Slot,
    /// The list of events, from its first access on.
    pub(crate) event_list: Slot,
    pub(crate) events: RefCell<Vec<Event>>,
    /// Links, as a list of pairs of SpanContext and dict.
    pub(crate) links: Slot,
    pub(crate) dropped_attributes: Cell<u32>,
    pub(crate) dropped_events: Cell<u32>,
    pub(crate) dropped_links: Cell<u32>,
    /// The start in ticks, where Python code has seen it in nanoseconds before the end; else 0.
    pub(crate) start_ticks: Cell<u64>,
}

impl Rare {
    fn new() -> Self {
        Self {
            start_value: Slot::empty(),
            end_value: Slot::empty(),
            kind_value: Slot::empty(),
            status_value: Slot::empty(),
            status_message: Slot::empty(),
            event_list: Slot::empty(),
            events: RefCell::new(Vec::new()),
            links: Slot::empty(),
            dropped_attributes: Cell::new(0),
            dropped_events: Cell::new(0),
            dropped_links: Cell::new(0),
            start_ticks: Cell::new(0),
        }
    }

    /// Drops events and links: the span turned out not to be recorded.
    ///
    /// # Safety
    /// The thread is attached.
    pub(crate) unsafe fn forget(&self) {
        // SAFETY: as promised by the caller; events own their references.
        unsafe {
            self.event_list.clear();
            self.links.clear();
            for event in self.events.take() {
                ffi::Py_XDECREF(event.name);
                ffi::Py_XDECREF(event.attributes);
            }
        }
    }

    fn slots(&self) -> [&Slot; 7] {
        [
            &self.start_value,
            &self.end_value,
            &self.kind_value,
            &self.status_value,
            &self.status_message,
            &self.event_list,
            &self.links,
        ]
    }
}

impl SpanObject {
    /// The struct behind a Span.
    ///
    /// # Safety
    /// `object` is an instance of Span or of a subclass, and outlives the reference.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a SpanObject {
        // SAFETY: the type's instances have this layout; all fields are cells.
        unsafe { &*object.cast::<SpanObject>() }
    }

    /// The struct behind `object`, if that is a Span.
    pub(crate) fn of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a SpanObject> {
        // SAFETY: the type is checked.
        unsafe { is_span(object.as_ptr()).then(|| SpanObject::from_ptr(object.as_ptr())) }
    }

    /// The struct behind `object`, which is the receiver of one of Span's own methods or properties.
    pub(crate) fn borrow<'a>(object: &'a Bound<'_, PyAny>) -> &'a SpanObject {
        // SAFETY: CPython's descriptors check the receiver's type before they call.
        unsafe { SpanObject::from_ptr(object.as_ptr()) }
    }

    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut PyObject {
        ptr::from_ref(self).cast_mut().cast()
    }

    #[inline(always)]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline(always)]
    pub(crate) fn raise(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline(always)]
    pub(crate) fn lower(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Whether the sampler said yes, here or where the trace began.
    #[inline(always)]
    pub(crate) fn is_sampled(&self) -> bool {
        self.otlp_flags.get() & engine::SAMPLED != 0
    }

    /// The tracer that made the span.
    #[inline(always)]
    pub(crate) fn tracer(&self) -> Option<&Tracer> {
        let tracer = self.tracer.as_ptr();
        if tracer.is_null() {
            return None;
        }
        // SAFETY: the slot holds a Tracer, owned by this span, and the thread is attached wherever a span is used.
        Some(unsafe { Tracer::from_ptr(tracer) })
    }

    /// The rare parts, if there are any.
    #[inline(always)]
    pub(crate) fn rare(&self) -> Option<&Rare> {
        // SAFETY: null, or the box that `rare_mut` made, freed with the span only.
        unsafe { self.rare.get().as_ref() }
    }

    /// The rare parts, made on first use.
    pub(crate) fn make_rare(&self) -> &Rare {
        if self.rare.get().is_null() {
            self.rare.set(Box::into_raw(Box::new(Rare::new())));
        }
        // SAFETY: not null now.
        unsafe { &*self.rare.get() }
    }

    /// The pair at `at`, borrowed.
    #[inline(always)]
    pub(crate) fn pair(&self, at: usize) -> Pair {
        debug_assert!(at < usize::from(self.pair_count.get()));
        // SAFETY: pairs below the count are filled.
        unsafe { self.pairs[at].get().assume_init() }
    }

    /// Adds a pair of owned references; there must be room.
    #[inline(always)]
    pub(crate) fn push_pair(&self, pair: Pair) {
        let count = self.pair_count.get();
        self.pairs[usize::from(count)].set(MaybeUninit::new(pair));
        self.pair_count.set(count + 1);
    }

    /// Replaces the value at `at` by the owned `value`.
    ///
    /// # Safety
    /// The thread is attached.
    #[inline(always)]
    pub(crate) unsafe fn replace_pair(&self, at: usize, value: *mut PyObject) {
        let old = self.pair(at);
        self.pairs[at].set(MaybeUninit::new(Pair {
            key: old.key,
            value,
        }));
        // SAFETY: the pair owned its value.
        unsafe { ffi::Py_DECREF(old.value) };
    }

    /// # Safety
    /// The thread is attached.
    #[inline(always)]
    pub(crate) unsafe fn clear_pairs(&self) {
        while let Some(at) = self.pair_count.get().checked_sub(1) {
            let pair = self.pair(usize::from(at));
            self.pair_count.set(at);
            // SAFETY: pairs own both.
            unsafe {
                ffi::Py_DECREF(pair.key);
                ffi::Py_DECREF(pair.value);
            }
        }
    }
}

/// Whether it is a Span or an instance of a subclass.
///
/// # Safety
/// `object` is a live object.
#[inline(always)]
pub(crate) unsafe fn is_span(object: *mut PyObject) -> bool {
    let span = state().span_type;
    // SAFETY: both are live.
    unsafe {
        ffi::Py_TYPE(object) == span || ffi::PyType_IsSubtype(ffi::Py_TYPE(object), span) != 0
    }
}

/// So many spans' memory is kept for the next ones.
const SPARE: usize = 16;

/// Memory of spans that are gone, as CPython keeps it of its own frequent objects.
pub(crate) struct SpareSpans {
    blocks: [Cell<*mut PyObject>; SPARE],
    count: Cell<usize>,
}

impl SpareSpans {
    pub(crate) const fn new() -> Self {
        Self {
            blocks: [const { Cell::new(ptr::null_mut()) }; SPARE],
            count: Cell::new(0),
        }
    }

    /// Memory to be initialised, or null.
    #[inline(always)]
    fn take(&self) -> *mut PyObject {
        let Some(count) = self.count.get().checked_sub(1) else {
            return ptr::null_mut();
        };
        self.count.set(count);
        self.blocks[count & (SPARE - 1)].get()
    }

    /// Takes over the memory of an exact Span that is gone; false where there is enough.
    #[inline(always)]
    fn keep(&self, span: *mut PyObject) -> bool {
        let count = self.count.get();
        let room = count < SPARE;
        if room {
            self.blocks[count].set(span);
            self.count.set(count + 1);
        }
        room
    }
}

/// A new Span with nothing in it: pending, of no tracer. Null, with MemoryError set, where there is no memory.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn allocate() -> *mut SpanObject {
    // SAFETY: the type is a collected heap type of this size; the fields are written before the collector may see them.
    unsafe {
        let state = state();
        let mut span = state.spare_spans.take();
        if span.is_null() {
            span = ffi::PyObject_GC_New::<SpanObject>(state.span_type).cast();
            if span.is_null() {
                return span.cast();
            }
        } else {
            span = ffi::PyObject_Init(span, state.span_type);
        }
        initialise(span.cast());
        ffi::PyObject_GC_Track(span.cast());
        span.cast()
    }
}

/// Writes every field behind the object's head.
///
/// # Safety
/// `span` points to memory of the struct's size.
#[inline(always)]
unsafe fn initialise(span: *mut SpanObject) {
    // SAFETY: writes fields of allocated memory without reading them.
    unsafe {
        (&raw mut (*span).weak_references).write(Cell::new(ptr::null_mut()));
        (&raw mut (*span).tracer).write(Slot::empty());
        (&raw mut (*span).name).write(Slot::empty());
        (&raw mut (*span).before).write(Slot::empty());
        (&raw mut (*span).home).write(Slot::empty());
        (&raw mut (*span).attributes).write(Slot::empty());
        (&raw mut (*span).context).write(Slot::empty());
        (&raw mut (*span).rare).write(Cell::new(ptr::null_mut()));
        (&raw mut (*span).trace_id).write(Cell::new([0; 2]));
        (&raw mut (*span).span_id).write(Cell::new(0));
        (&raw mut (*span).parent_id).write(Cell::new(0));
        (&raw mut (*span).start).write(Cell::new(0));
        (&raw mut (*span).end).write(Cell::new(0));
        (&raw mut (*span).generation).write(Cell::new(0));
        (&raw mut (*span).otlp_flags).write(Cell::new(0));
        (&raw mut (*span).phase).write(Cell::new(PENDING));
        (&raw mut (*span).flags).write(Cell::new(0));
        (&raw mut (*span).kind).write(Cell::new(1));
        (&raw mut (*span).status).write(Cell::new(0));
        (&raw mut (*span).pair_count).write(Cell::new(0));
    }
}

unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _args: *mut PyObject,
    _kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: `tp_alloc` gives zeroed memory of at least the struct's size, already tracked; zero is a valid empty state
    // for the collector, and no Python code runs before the fields are written.
    unsafe {
        let Some(alloc) = (*class).tp_alloc else {
            return ptr::null_mut();
        };
        let span = alloc(class, 0);
        if !span.is_null() {
            initialise(span.cast());
        }
        span
    }
}

unsafe extern "C" fn traverse(
    object: *mut PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls this with a live span of this type, and nothing else runs meanwhile.
    unsafe {
        let span = SpanObject::from_ptr(object);
        let mut result = visit(ffi::Py_TYPE(object).cast(), arg);
        for slot in [
            &span.tracer,
            &span.name,
            &span.before,
            &span.home,
            &span.attributes,
            &span.context,
        ] {
            if result == 0 {
                result = slot.visit(visit, arg);
            }
        }
        for at in 0..usize::from(span.pair_count.get()) {
            if result == 0 {
                result = visit(span.pair(at).value, arg);
            }
        }
        if let Some(rare) = span.rare() {
            for slot in rare.slots() {
                if result == 0 {
                    result = slot.visit(visit, arg);
                }
            }
            if let Ok(events) = rare.events.try_borrow() {
                for event in events.iter().filter(|e| !e.attributes.is_null()) {
                    if result == 0 {
                        result = visit(event.attributes, arg);
                    }
                }
            }
        }
        result
    }
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: the collector calls this with a live span.
    unsafe {
        let span = SpanObject::from_ptr(object);
        give_up(span);
        span.before.clear();
        span.home.clear();
        span.attributes.clear();
        span.context.clear();
        span.clear_pairs();
        if let Some(rare) = span.rare() {
            clear_rare(rare);
        }
    }
    0
}

/// A span that is collected unfinished is abandoned.
unsafe fn give_up(span: &SpanObject) {
    if span.phase.get() == OPEN && span.has(COUNTED) {
        span.lower(COUNTED);
        if let Some(tracer) = span
            .tracer()
            .filter(|_| span.generation.get() == engine::generation())
        {
            tracer.engine().abandoned();
        }
    }
    span.phase.set(FINISHED);
}

unsafe fn clear_rare(rare: &Rare) {
    // SAFETY: called with the thread attached; slots and events own their references.
    unsafe {
        rare.forget();
        for slot in rare.slots() {
            slot.clear();
        }
    }
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: CPython calls this once, when the last reference is gone; fields are cleared before the memory is freed.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        let span = SpanObject::from_ptr(object);
        if !span.weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        if span.phase.get() == OPEN {
            give_up(span);
        }
        span.tracer.clear();
        span.name.clear();
        span.before.clear();
        span.home.clear();
        span.attributes.clear();
        span.context.clear();
        span.clear_pairs();
        let rare = span.rare.replace(ptr::null_mut());
        if !rare.is_null() {
            clear_rare(&*rare);
            drop(Box::from_raw(rare));
        }
        if class == state().span_type {
            if !state().spare_spans.keep(object) {
                ffi::PyObject_GC_Del(object.cast());
            }
        } else if let Some(free) = (*class).tp_free {
            free(object.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// Makes the type.
pub(crate) fn build(module: &Bound<'_, PyModule>) -> PyResult<*mut ffi::PyTypeObject> {
    let builder = TypeBuilder::new::<SpanObject>(
        c"codomyrmex.telemetry.tracing.Span",
        ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_BASETYPE,
    )
    .doc(c"A unit of work. Made by `Tracer.span` and `Tracer.start_span`, or by hand.")
    .slot(ffi::Py_tp_new, new as *mut c_void)
    .slot(ffi::Py_tp_traverse, traverse as *mut c_void)
    .slot(ffi::Py_tp_clear, clear as *mut c_void)
    .slot(ffi::Py_tp_dealloc, dealloc as *mut c_void)
    .offset(
        c"__weaklistoffset__",
        offset_of!(SpanObject, weak_references),
    );
    let builder = crate::hot::methods(builder);
    let builder = crate::span_fields::fields(builder);
    let builder = crate::span_methods::methods(builder);
    crate::span_data::slots(builder).build(module)
}
