//! A place: the object in the context variable in which the current span stands. What it is for stands in `current`.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::heap_type::{Slot, TypeBuilder};
use crate::module::state;

/// After so many first spans in one place its context is taken for a lasting one, such as a thread's: then the place keeps
/// its map. For a task's context that would be garbage for the collector.
const LASTING: u32 = 64;

/// Where the current span of a context stands.
#[repr(C)]
pub(crate) struct Place {
    base: PyObject,
    pub(crate) current: Slot,
    /// The map of the context that the place is in, while it is known to be in no other.
    map: Slot,
    /// The node of the map that holds the place; the map owns it.
    node: Cell<*mut PyObject>,
    /// The context itself, likewise.
    pub(crate) owner: Slot,
    /// Spans that were entered here and not left.
    pub(crate) entered: Cell<u32>,
    /// How often the first of them was entered.
    pub(crate) uses: Cell<u32>,
}

impl Place {
    /// # Safety
    /// `object` is a Place and outlives the reference.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a Place {
        // SAFETY: as promised by the caller; all fields are cells.
        unsafe { &*object.cast::<Place>() }
    }

    fn as_ptr(&self) -> *mut PyObject {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Whether only this context sees the place. The caller holds one reference to it, from the variable.
    #[inline(always)]
    pub(crate) unsafe fn is_ours(&self) -> bool {
        let map = self.map.as_ptr();
        // SAFETY: attached; the map is owned by the place.
        unsafe {
            !map.is_null()
                // This place and the context.
                && ffi::Py_REFCNT(map) == 2
                // The caller and the node.
                && ffi::Py_REFCNT(self.as_ptr()) == 2
                // The map, or its root.
                && ffi::Py_REFCNT(self.node.get()) == 1
        }
    }

    /// What stood here gives way to the owned or null `span`, and is given to the caller.
    #[inline(always)]
    pub(crate) fn replace(&self, span: *mut PyObject) -> *mut PyObject {
        let old = self.current.take();
        self.current.fill(span);
        old
    }

    /// A span that was entered here has been left.
    #[inline(always)]
    pub(crate) unsafe fn left(&self) {
        let entered = self.entered.get().saturating_sub(1);
        self.entered.set(entered);
        if entered == 0 && self.uses.get() < LASTING {
            // SAFETY: attached.
            unsafe { self.disown() };
        }
    }

    /// Gives up the knowledge of its context.
    pub(crate) unsafe fn disown(&self) {
        // SAFETY: attached.
        unsafe {
            self.map.clear();
            self.owner.clear();
        }
    }
}

/// A new place with the owned or null `span` in it: owned, or null without memory.
///
/// # Safety
/// The thread is attached.
pub(crate) unsafe fn allocate(span: *mut PyObject, entered: u32) -> *mut Place {
    // SAFETY: as promised by the caller; fields are written before the collector may see them.
    unsafe {
        let fresh = ffi::PyObject_GC_New::<Place>(state().place_type);
        if fresh.is_null() {
            ffi::PyErr_Clear();
            ffi::Py_XDECREF(span);
            return fresh;
        }
        (&raw mut (*fresh).current).write(Slot::empty());
        (&raw mut (*fresh).map).write(Slot::empty());
        (&raw mut (*fresh).node).write(Cell::new(ptr::null_mut()));
        (&raw mut (*fresh).owner).write(Slot::empty());
        (&raw mut (*fresh).entered).write(Cell::new(entered));
        (&raw mut (*fresh).uses).write(Cell::new(0));
        (*fresh).current.fill(span);
        ffi::PyObject_GC_Track(fresh.cast());
        fresh
    }
}

/// Sets the variable to `place` and finds out whether the place is this context's alone. The caller owns one reference to the
/// place. Gives the context: owned, or null without memory.
pub(crate) unsafe fn claim(place: *mut PyObject) -> *mut PyObject {
    // SAFETY: attached; what is found by visiting is owned by what is visited.
    unsafe {
        let here = Place::from_ptr(place);
        here.disown();
        let token = ffi::PyContextVar_Set(state().current, place);
        if token.is_null() {
            ffi::PyErr_Clear();
            return token;
        }
        let context = ffi::Py_XNewRef(find(token, |object| ffi::PyContext_CheckExact(object) != 0));
        // The token holds what was there before, which may be this place.
        ffi::Py_DECREF(token);
        if context.is_null() {
            return context;
        }
        // A context holds its map, and perhaps the context that was left for it.
        let map = find(context, |object| ffi::PyContext_CheckExact(object) == 0);
        let node = if map.is_null() {
            map
        } else {
            holder(map, place)
        };
        if !node.is_null() {
            here.map.put(ffi::Py_NewRef(map));
            here.node.set(node);
            if here.is_ours() {
                here.owner.put(ffi::Py_NewRef(context));
            } else {
                here.disown();
            }
        }
        context
    }
}

/// The node of `map` that holds `place`, if that is the root or a child of the root; borrowed, or null.
unsafe fn holder(map: *mut PyObject, place: *mut PyObject) -> *mut PyObject {
    // SAFETY: attached; nodes are owned by the map.
    unsafe {
        let root = find(map, |_| true);
        if root.is_null() || !find(root, |object| object == place).is_null() {
            return root;
        }
        let is_node = |object: *mut PyObject| {
            let name = std::ffi::CStr::from_ptr((*ffi::Py_TYPE(object)).tp_name);
            name.to_bytes().starts_with(b"hamt")
        };
        find(root, |child| {
            is_node(child) && !find(child, |object| object == place).is_null()
        })
    }
}

/// The first object that `holder` shows the collector and that is wanted; borrowed from it, or null.
pub(crate) unsafe fn find(
    holder: *mut PyObject,
    wanted: impl Fn(*mut PyObject) -> bool,
) -> *mut PyObject {
    struct Search<F> {
        wanted: F,
        found: *mut PyObject,
    }
    unsafe extern "C" fn visit<F: Fn(*mut PyObject) -> bool>(
        object: *mut PyObject,
        search: *mut c_void,
    ) -> c_int {
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
    let mut search = Search {
        wanted,
        found: ptr::null_mut(),
    };
    // SAFETY: the holder is alive; the visitor only looks.
    unsafe {
        if let Some(traverse) = (*ffi::Py_TYPE(holder)).tp_traverse {
            traverse(holder, visitor(&search), (&raw mut search).cast());
        }
    }
    search.found
}

unsafe extern "C" fn traverse(
    object: *mut PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
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
