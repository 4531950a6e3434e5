//! The current span: a context variable, so that threads, asyncio tasks and `Context.run` each see their own.
//!
//! Setting and resetting a context variable costs more than all the rest of a span, because CPython's contexts are immutable
//! maps under the surface. So the variable holds a *place*, an object in which the current span stands, and entering and
//! leaving a span change the place, as long as nobody else can see that. A context that is copied, for a task or a thread,
//! shares the map and so the place; then the next change here puts a new place into the variable, and the copy keeps what it
//! was made with.
//!
//! Whether nobody else sees the place is told by reference counts alone. While spans stand in it, a place owns the map that
//! it is in, and that map's root node holds it directly (both found by visiting, as the collector does). Any other map with
//! this place in it would hold a second reference to it, from a node of its own; any other context with this map would hold
//! another reference to the map. So where both counts are as small as they can be, the map is this context's alone.
//!
//! Leaving fails in two ways: in another order than entering (a generator that holds a block open), or in another context (an
//! async generator closed by another task). Such a span is flagged, and remembers what stood before it and the two contexts
//! in which it counts no more: where it was entered and where it was left. A reader that finds it in one of these goes on to
//! what stood before; in all other contexts, such as that of a task that outlives its parent, it stays the parent.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::heap_type::{Slot, TypeBuilder};
use crate::module::state;
use crate::span::{ENTERED, LEFT, SpanObject};

/// After so many first spans in one place its context is taken for a lasting one, such as a thread's: then the place keeps
/// its map. For a task's context that would be garbage for the collector.
const LASTING: u32 = 64;

/// Where the current span of a context stands.
#[repr(C)]
pub(crate) struct Place {
    base: PyObject,
    current: Slot,
    /// The map of the context that the place is in, while it is known to be in no other.
    map: Slot,
    /// The context itself, likewise.
    owner: Slot,
    /// Spans that were entered here and not left.
    entered: Cell<u32>,
    /// How often the first of them was entered.
    uses: Cell<u32>,
}

impl Place {
    /// # Safety
    /// `object` is a Place and outlives the reference.
    #[inline(always)]
    unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a Place {
        // SAFETY: as promised by the caller; all fields are cells.
        unsafe { &*object.cast::<Place>() }
    }

    fn as_ptr(&self) -> *mut PyObject {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Whether only this context sees the place. The caller holds one reference to it, from the variable.
    #[inline(always)]
    unsafe fn is_ours(&self) -> bool {
        let map = self.map.as_ptr();
        // SAFETY: attached; the map is owned by the place.
        unsafe {
            !map.is_null()
                // This place and the context.
                && ffi::Py_REFCNT(map) == 2
                // The caller and the map's node.
                && ffi::Py_REFCNT(self.as_ptr()) == 2
        }
    }

    /// What stood here gives way to the owned or null `span`, and is given to the caller.
    #[inline(always)]
    fn replace(&self, span: *mut PyObject) -> *mut PyObject {
        let old = self.current.take();
        self.current.fill(span);
        old
    }

    /// A span that was entered here has been left.
    #[inline(always)]
    unsafe fn left(&self) {
        let entered = self.entered.get().saturating_sub(1);
        self.entered.set(entered);
        if entered == 0 && self.uses.get() < LASTING {
            // SAFETY: attached.
            unsafe { self.disown() };
        }
    }

    /// Gives up the knowledge of its context.
    unsafe fn disown(&self) {
        // SAFETY: attached.
        unsafe {
            self.map.clear();
            self.owner.clear();
        }
    }
}

/// The current span: an owned reference, or null.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn get() -> *mut PyObject {
    // SAFETY: the variable holds places only, because nobody else has it.
    unsafe {
        let place = place();
        if place.is_null() {
            return place;
        }
        let span = ffi::Py_XNewRef(Place::from_ptr(place).current.as_ptr());
        ffi::Py_DECREF(place);
        if !span.is_null() && SpanObject::from_ptr(span).has(LEFT) {
            return behind(span);
        }
        span
    }
}

/// The place in the variable: an owned reference, or null.
#[inline(always)]
unsafe fn place() -> *mut PyObject {
    let mut found = ptr::null_mut();
    // SAFETY: the thread is attached, the variable is a ContextVar without default.
    if unsafe { ffi::PyContextVar_Get(state().current, ptr::null_mut(), &raw mut found) } < 0 {
        // SAFETY: as above.
        unsafe { ffi::PyErr_Clear() };
        return ptr::null_mut();
    }
    found
}

/// Makes `span` current.
///
/// # Safety
/// The thread is attached; the span is alive and not entered.
#[inline(always)]
pub(crate) unsafe fn enter(span: &SpanObject) {
    // SAFETY: as promised by the caller; `place` is owned here.
    unsafe {
        let place = place();
        if place.is_null() || !Place::from_ptr(place).is_ours() {
            return enter_slowly(span, place);
        }
        stand(span, Place::from_ptr(place));
        ffi::Py_DECREF(place);
    }
}

/// Puts the span into a place that only this context sees.
#[inline(always)]
unsafe fn stand(span: &SpanObject, here: &Place) {
    // SAFETY: an entered span owns what stood before it and its context, the place owns the span.
    unsafe {
        here.entered.set(here.entered.get().saturating_add(1));
        span.before.put(here.replace(ffi::Py_NewRef(span.as_ptr())));
        span.home.put(ffi::Py_XNewRef(here.owner.as_ptr()));
        span.raise(ENTERED);
    }
}

#[cold]
#[inline(never)]
unsafe fn enter_slowly(span: &SpanObject, place: *mut PyObject) {
    // SAFETY: as for `enter`; `place` is owned here.
    unsafe {
        if !place.is_null() {
            let here = Place::from_ptr(place);
            here.uses.set(here.uses.get().saturating_add(1));
            if claim(place) {
                stand(span, here);
                return ffi::Py_DECREF(place);
            }
        }
        let before = if place.is_null() { place } else { standing(place) };
        let fresh = install(ffi::Py_NewRef(span.as_ptr()), place);
        if fresh.is_null() {
            // Without memory the span is not current, and nothing else happens.
            return ffi::Py_XDECREF(before);
        }
        let fresh_place = Place::from_ptr(fresh);
        fresh_place.entered.set(1);
        span.before.put(before);
        span.home.put(ffi::Py_XNewRef(fresh_place.owner.as_ptr()));
        span.raise(ENTERED);
        ffi::Py_DECREF(fresh);
    }
}

/// What stands in a place: owned, or null.
unsafe fn standing(place: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller owns the place.
    unsafe { ffi::Py_XNewRef(Place::from_ptr(place).current.as_ptr()) }
}

/// Puts a new place with the owned or null `span` into the variable, instead of `old`, which is taken over: an owned reference
/// to the new one, or null without memory.
unsafe fn install(span: *mut PyObject, old: *mut PyObject) -> *mut PyObject {
    // SAFETY: attached; fields are written before the collector may see them.
    unsafe {
        let fresh = ffi::PyObject_GC_New::<Place>(state().place_type);
        if fresh.is_null() {
            ffi::PyErr_Clear();
            ffi::Py_XDECREF(span);
            ffi::Py_XDECREF(old);
            return ptr::null_mut();
        }
        (&raw mut (*fresh).current).write(Slot::EMPTY);
        (&raw mut (*fresh).map).write(Slot::EMPTY);
        (&raw mut (*fresh).owner).write(Slot::EMPTY);
        (&raw mut (*fresh).entered).write(Cell::new(0));
        (&raw mut (*fresh).uses).write(Cell::new(0));
        (*fresh).current.fill(span);
        ffi::PyObject_GC_Track(fresh.cast());
        claim(fresh.cast());
        if !old.is_null() {
            // A copy that keeps the old place has to claim it for itself.
            if Place::from_ptr(old).owner.as_ptr() == (*fresh).owner.as_ptr() {
                Place::from_ptr(old).disown();
            }
            ffi::Py_DECREF(old);
        }
        fresh.cast()
    }
}

/// Sets the variable to `place` and finds out whether the place is this context's alone. The caller owns one reference to it.
unsafe fn claim(place: *mut PyObject) -> bool {
    // SAFETY: attached; what is found by visiting is owned by what is visited.
    unsafe {
        let here = Place::from_ptr(place);
        here.disown();
        let token = ffi::PyContextVar_Set(state().current, place);
        if token.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        let context = find(token, |object| ffi::PyContext_CheckExact(object) != 0);
        let mut map = ptr::null_mut();
        if !context.is_null() {
            // A context holds its map, and perhaps the context that was left for it.
            map = ffi::Py_XNewRef(find(context, |object| ffi::PyContext_CheckExact(object) == 0));
            here.owner.put(ffi::Py_NewRef(context));
        }
        // The token holds what was there before, which may be this place.
        ffi::Py_DECREF(token);
        if map.is_null() {
            return false;
        }
        let root = find(map, |_| true);
        if root.is_null() || find(root, |object| object == place).is_null() {
            ffi::Py_DECREF(map);
            return false;
        }
        here.map.put(map);
        let ours = here.is_ours();
        if !ours {
            here.map.clear();
        }
        ours
    }
}

/// The first object that `holder` shows the collector and that is wanted; borrowed from it, or null.
unsafe fn find(holder: *mut PyObject, wanted: impl Fn(*mut PyObject) -> bool) -> *mut PyObject {
    struct Search<F> {
        wanted: F,
        found: *mut PyObject,
    }
    unsafe extern "C" fn visit<F: Fn(*mut PyObject) -> bool>(object: *mut PyObject, search: *mut c_void) -> c_int {
        // SAFETY: `search` is the struct below.
        let search = unsafe { &mut *search.cast::<Search<F>>() };
        if !(search.wanted)(object) {
            return 0;
        }
        search.found = object;
        1
    }
    fn visitor<F: Fn(*mut PyObject) -> bool>(_: &Search<F>) -> ffi::visitproc {
        visit::<F>
    }
    let mut search = Search { wanted, found: ptr::null_mut() };
    // SAFETY: the holder is alive; the visitor only looks.
    unsafe {
        if let Some(traverse) = (*ffi::Py_TYPE(holder)).tp_traverse {
            traverse(holder, visitor(&search), (&raw mut search).cast());
        }
    }
    search.found
}

/// Makes current what was so before `span` was entered. Nothing happens if it was not entered.
///
/// # Safety
/// The thread is attached and has no exception set; the span is alive.
#[inline(always)]
pub(crate) unsafe fn leave(span: &SpanObject) {
    if !span.has(ENTERED) {
        return;
    }
    span.lower(ENTERED);
    // SAFETY: `place` is owned here; the span is alive for the caller, so giving up the place's reference to it frees nothing.
    unsafe {
        let place = place();
        if place.is_null() {
            return leave_slowly(span, place);
        }
        let here = Place::from_ptr(place);
        let stands = here.current.as_ptr() == span.as_ptr();
        if !stands || here.owner.as_ptr() != span.home.as_ptr() || !here.is_ours() {
            return leave_slowly(span, place);
        }
        ffi::Py_DECREF(here.replace(span.before.take()));
        span.home.clear();
        here.left();
        ffi::Py_DECREF(place);
    }
}

/// Leaves a span that others see as well, or that does not stand where it was entered; takes over `place`.
#[cold]
#[inline(never)]
unsafe fn leave_slowly(span: &SpanObject, place: *mut PyObject) {
    // SAFETY: as for `leave`.
    unsafe {
        let here = context_here();
        let home = span.home.take();
        let at_home = !here.is_null() && here == home;
        if !place.is_null() && Place::from_ptr(place).current.as_ptr() == span.as_ptr() {
            let before = ffi::Py_XNewRef(span.before.as_ptr());
            if Place::from_ptr(place).is_ours() || claim(place) {
                ffi::Py_DECREF(Place::from_ptr(place).replace(before));
                Place::from_ptr(place).left();
                ffi::Py_DECREF(place);
            } else {
                // Contexts that were copied meanwhile keep the old place, and the span as their parent.
                ffi::Py_XDECREF(install(before, place));
            }
            if at_home {
                span.before.clear();
                ffi::Py_XDECREF(here);
                return ffi::Py_XDECREF(home);
            }
        } else {
            ffi::Py_XDECREF(place);
        }
        let rare = span.make_rare();
        rare.home.put(home);
        rare.left_in.put(here);
        span.raise(LEFT);
    }
}

/// The context that this thread runs in: an owned reference, or null.
unsafe fn context_here() -> *mut PyObject {
    // SAFETY: the thread is attached. The value set is the one that stands there, and where there was none it is taken back.
    unsafe {
        let place = place();
        let value = if place.is_null() { ffi::Py_None() } else { place };
        let token = ffi::PyContextVar_Set(state().current, value);
        let mut context = ptr::null_mut();
        if token.is_null() {
            ffi::PyErr_Clear();
        } else {
            context = ffi::Py_XNewRef(find(token, |object| ffi::PyContext_CheckExact(object) != 0));
            if place.is_null() && ffi::PyContextVar_Reset(state().current, token) < 0 {
                ffi::PyErr_Clear();
            }
            ffi::Py_DECREF(token);
        }
        ffi::Py_XDECREF(place);
        context
    }
}

/// The first span that counts here, going back from the flagged `found`, whose reference is taken over.
#[cold]
#[inline(never)]
unsafe fn behind(found: *mut PyObject) -> *mut PyObject {
    // SAFETY: `found` and what is followed from it are owned while they are looked at.
    unsafe {
        let here = context_here();
        let mut found = found;
        while !found.is_null() {
            let span = SpanObject::from_ptr(found);
            let Some(rare) = span.rare().filter(|_| span.has(LEFT)) else { break };
            if here.is_null() || (rare.home.as_ptr() != here && rare.left_in.as_ptr() != here) {
                break;
            }
            let before = ffi::Py_XNewRef(span.before.as_ptr());
            ffi::Py_DECREF(found);
            found = before;
        }
        ffi::Py_XDECREF(here);
        found
    }
}

unsafe extern "C" fn traverse(object: *mut PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: the collector calls this with a live place.
    unsafe {
        let place = Place::from_ptr(object);
        let mut result = visit(ffi::Py_TYPE(object).cast(), arg);
        for slot in [&place.current, &place.map, &place.owner] {
            if result == 0 {
                result = slot.visit(visit, arg);
            }
        }
        result
    }
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: the collector calls this with a live place.
    unsafe {
        let place = Place::from_ptr(object);
        place.current.clear();
        place.map.clear();
        place.owner.clear();
    }
    0
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: CPython calls this once, when the last reference is gone.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Makes the type of places.
pub(crate) fn build(module: &Bound<'_, PyModule>) -> PyResult<*mut ffi::PyTypeObject> {
    TypeBuilder::new::<Place>(
        c"codomyrmex.telemetry.tracing._native.Place",
        ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    )
    .doc(c"Where the current span of a context stands.")
    .slot(ffi::Py_tp_traverse, traverse as *mut c_void)
    .slot(ffi::Py_tp_clear, clear as *mut c_void)
    .slot(ffi::Py_tp_dealloc, dealloc as *mut c_void)
    .build(module)
}
