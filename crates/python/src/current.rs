//! The current span: a context variable, so that threads, asyncio tasks and `Context.run` each see their own.
//!
//! Setting and resetting a context variable costs more than all the rest of a span, because CPython's contexts are immutable
//! maps under the surface. So the variable holds a *place*, an object in which the current span stands, and entering and
//! leaving a span change the place, as long as nobody else can see that. A context that is copied, for a task or a thread,
//! shares the map and so the place; then the next change here puts a new place into the variable, and the copy keeps what it
//! was made with.
//!
//! Whether nobody else sees the place is told by reference counts alone. While spans stand in it, a place owns the map that
//! it is in, and knows which of the map's nodes holds it: the root or a child of the root (found by visiting, as the collector
//! does). Any other map with this place in it would hold a second reference to the place, from a node of its own, or to that
//! node; any other context with this map would hold another reference to the map. So where these three counts are as small as
//! they can be, the place is this context's alone.
//!
//! Blocks may end in another order than they began (a generator that holds one open): then the span is taken out from under
//! those that stand above it. They may also end in another context (an async generator closed by another task): then the
//! span is flagged, and readers go on to what stood before it. A span that ended where it began stays the parent in contexts
//! that were copied from within, such as those of tasks that outlive it.

use std::ptr;

use pyo3::ffi::{self, PyObject};

use crate::module::state;
use crate::place::{self, Place, claim, find};
use crate::span::{ENTERED, LEFT, SpanObject};

/// The current span: an owned reference, or null.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(crate) unsafe fn get() -> *mut PyObject {
    // SAFETY: attached; what is found is a place.
    unsafe {
        let place = found();
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

/// The place in the variable: an owned reference, or null. A context shows its variables to everybody, who may have set this
/// one to anything; what is no place counts as nothing.
#[inline(always)]
unsafe fn found() -> *mut PyObject {
    let mut found = ptr::null_mut();
    // SAFETY: the thread is attached, the variable is a ContextVar without default.
    if unsafe { ffi::PyContextVar_Get(state().current, ptr::null_mut(), &raw mut found) } < 0 {
        // SAFETY: as above.
        unsafe { ffi::PyErr_Clear() };
        return ptr::null_mut();
    }
    // SAFETY: what is found is alive, and owned here.
    if !found.is_null() && unsafe { ffi::Py_TYPE(found) } != state().place_type {
        // SAFETY: as above.
        unsafe { ffi::Py_DECREF(found) };
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
        let place = found();
        if place.is_null() || !Place::from_ptr(place).is_ours() {
            return enter_slowly(span, place);
        }
        stand(span, Place::from_ptr(place));
        ffi::Py_DECREF(place);
    }
}

/// Begins a span under the one that stands here, by `begin`, and makes it current, looking at the variable once. False, and
/// nothing is done, where that takes more.
///
/// # Safety
/// As [`enter`]; `begin` is handed the parent, alive or null.
#[inline(always)]
pub(crate) unsafe fn enter_new(span: &SpanObject, begin: impl FnOnce(*mut PyObject)) -> bool {
    // SAFETY: as promised by the caller; `place` is owned here, and the place owns the parent.
    unsafe {
        let place = found();
        if place.is_null() {
            return false;
        }
        let here = Place::from_ptr(place);
        let parent = here.current.as_ptr();
        if !here.is_ours() || (!parent.is_null() && SpanObject::from_ptr(parent).has(LEFT)) {
            ffi::Py_DECREF(place);
            return false;
        }
        ffi::Py_XINCREF(parent);
        begin(parent);
        ffi::Py_XDECREF(parent);
        // A sampler may have run Python code.
        if here.is_ours() {
            stand(span, here);
            ffi::Py_DECREF(place);
        } else {
            enter_slowly(span, place);
        }
        true
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
            ffi::Py_XDECREF(claim(place));
            if here.is_ours() {
                stand(span, here);
                return ffi::Py_DECREF(place);
            }
        }
        let before = if place.is_null() {
            place
        } else {
            standing(place)
        };
        let context = install(ffi::Py_NewRef(span.as_ptr()), place, 1);
        if context.is_null() {
            // Without memory the span is not current, and nothing else happens.
            return ffi::Py_XDECREF(before);
        }
        span.before.put(before);
        span.home.put(context);
        span.raise(ENTERED);
    }
}

/// What stands in a place: owned, or null.
unsafe fn standing(place: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller owns the place.
    unsafe { ffi::Py_XNewRef(Place::from_ptr(place).current.as_ptr()) }
}

/// Puts a new place with the owned or null `span` into the variable, instead of `old`, which is taken over. Gives the context:
/// owned, or null without memory.
unsafe fn install(span: *mut PyObject, old: *mut PyObject, entered: u32) -> *mut PyObject {
    // SAFETY: attached; fields are written before the collector may see them.
    unsafe {
        let fresh = place::allocate(span, entered);
        if fresh.is_null() {
            ffi::Py_XDECREF(old);
            return ptr::null_mut();
        }
        let context = claim(fresh.cast());
        if entered == 0 {
            (*fresh).disown();
        }
        if !old.is_null() {
            // A copy that keeps the old place has to claim it for itself.
            if Place::from_ptr(old).owner.as_ptr() == context {
                Place::from_ptr(old).disown();
            }
            ffi::Py_DECREF(old);
        }
        ffi::Py_DECREF(fresh.cast());
        context
    }
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
        let place = found();
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
        ffi::Py_XDECREF(here);
        ffi::Py_XDECREF(home);
        let top = if place.is_null() {
            place
        } else {
            Place::from_ptr(place).current.as_ptr()
        };
        if top == span.as_ptr() {
            let before = ffi::Py_XNewRef(span.before.as_ptr());
            if !Place::from_ptr(place).is_ours() {
                ffi::Py_XDECREF(claim(place));
            }
            if Place::from_ptr(place).is_ours() {
                ffi::Py_DECREF(Place::from_ptr(place).replace(before));
                Place::from_ptr(place).left();
                ffi::Py_DECREF(place);
            } else {
                // Contexts that were copied meanwhile keep the old place, and the span as their parent.
                ffi::Py_XDECREF(install(before, place, 0));
            }
            if at_home {
                return span.before.clear();
            }
        } else {
            let taken_out = at_home && take_out(span, top);
            ffi::Py_XDECREF(place);
            if taken_out {
                return span.before.clear();
            }
        }
        // It stands where it was entered, and nobody there will leave it.
        span.raise(LEFT);
    }
}

/// Takes `span` out from under the spans that were entered above it, of which `top` is the last.
unsafe fn take_out(span: &SpanObject, top: *mut PyObject) -> bool {
    let mut above = top;
    while !above.is_null() {
        // SAFETY: each span owns what stood before it, and the place owns the top.
        unsafe {
            let upper = SpanObject::from_ptr(above);
            let below = upper.before.as_ptr();
            if below == span.as_ptr() {
                upper.before.put(ffi::Py_XNewRef(span.before.as_ptr()));
                return true;
            }
            above = below;
        }
    }
    false
}

/// The context that this thread runs in: an owned reference, or null.
unsafe fn context_here() -> *mut PyObject {
    // SAFETY: the thread is attached. The value set is the one that stands there, and where there was none it is taken back.
    unsafe {
        let place = found();
        let value = if place.is_null() {
            ffi::Py_None()
        } else {
            place
        };
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

/// The first span that is not flagged, going back from `found`, whose reference is taken over.
#[cold]
#[inline(never)]
unsafe fn behind(found: *mut PyObject) -> *mut PyObject {
    let mut found = found;
    // SAFETY: `found` and what is followed from it are owned while they are looked at.
    unsafe {
        while !found.is_null() && SpanObject::from_ptr(found).has(LEFT) {
            let before = ffi::Py_XNewRef(SpanObject::from_ptr(found).before.as_ptr());
            ffi::Py_DECREF(found);
            found = before;
        }
    }
    found
}
