//! What a thread keeps: the spans that are current on it, spare records, its rings, its random numbers.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::body::SpanBody;
use crate::diagnostics;
use crate::key_facts::PlainKeys;
use crate::pipeline::{GENERATION, Pipeline};
use crate::random::Random;
use crate::record::Record;
use crate::ring::Ring;

/// Spare records a thread keeps.
const SPARE: u32 = 64;

/// A ring of this thread's, with the number of its pipeline.
type Owned = (u32, Arc<Ring>);

/// One place of the stack of current spans.
#[derive(Clone, Copy)]
struct Frame {
    /// The span that is current here; null where it ended before those above it. The top's is null at the bottom only.
    current: *mut Record,
    /// The record of this place, for spans that start here; null until there is one.
    own: *mut Record,
}

impl Frame {
    const EMPTY: Self = Self {
        current: ptr::null_mut(),
        own: ptr::null_mut(),
    };
}

/// The thread's state. It needs no drop, so that reaching it is one address computation; [`Cleanup`] frees what it holds.
pub(crate) struct ThreadState {
    /// The place of the current span. Where there is none it is the bottom place, where no span ever is.
    top: Cell<*mut Frame>,
    /// The last place there is.
    last: Cell<*mut Frame>,
    /// The places.
    frames: UnsafeCell<ManuallyDrop<Vec<Frame>>>,
    /// Spare records, each pointing to the next.
    spare: Cell<*mut Record>,
    spares: Cell<u32>,
    rings: UnsafeCell<ManuallyDrop<Vec<Owned>>>,
    /// The ring that was used last, and whose it is.
    ring: Cell<*const Ring>,
    ring_of: Cell<u32>,
    keys: UnsafeCell<PlainKeys>,
    pub(crate) random: Random,
    /// The fork generation, as this thread knows it since it found its ring.
    generation: Cell<u32>,
}

thread_local! {
    static STATE: ThreadState = const {
        ThreadState {
            top: Cell::new(ptr::null_mut()),
            last: Cell::new(ptr::null_mut()),
            frames: UnsafeCell::new(ManuallyDrop::new(Vec::new())),
            spare: Cell::new(ptr::null_mut()),
            spares: Cell::new(0),
            rings: UnsafeCell::new(ManuallyDrop::new(Vec::new())),
            ring: Cell::new(ptr::null()),
            ring_of: Cell::new(0),
            keys: UnsafeCell::new(PlainKeys::new()),
            generation: Cell::new(0),
            random: Random::unseeded(),
        }
    };
    static CLEANUP: Cleanup = const { Cleanup };
    /// For spans that end in destructors of other thread-locals, after [`CLEANUP`]'s own.
    static LATE_CLEANUP: Cleanup = const { Cleanup };
}

/// Where a current span stands on its thread: 1 is the outermost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(pub(crate) u32);

/// Gives back what the thread holds when it ends.
struct Cleanup;

impl Drop for Cleanup {
    fn drop(&mut self) {
        state().end();
    }
}

/// Tells a thread from all others that are alive. It can be had at any time, also while the thread ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThreadToken(usize);

/// The calling thread's.
pub(crate) fn this_thread() -> ThreadToken {
    ThreadToken(ptr::from_ref(state()).addr())
}

/// This thread's state.
///
/// The reference is called static because the state needs no drop and so lives as long as the thread; it cannot leave the
/// thread, for the state is not `Sync`.
#[inline(always)]
pub(crate) fn state() -> &'static ThreadState {
    // SAFETY: a thread-local without a destructor stays readable until its thread is gone, and `&ThreadState` is not Send.
    STATE.with(|state| unsafe { &*ptr::from_ref(state) })
}

/// Calls `f` with this thread's state.
#[inline(always)]
pub(crate) fn with<R>(f: impl FnOnce(&ThreadState) -> R) -> R {
    f(state())
}

/// The thread's table of harmless keys. `f` runs none of the user's code.
#[inline(always)]
pub(crate) fn with_keys<R>(f: impl FnOnce(&mut PlainKeys) -> R) -> R {
    // A hook that is told of a limit would be the user's code.
    let _hold = diagnostics::hold();
    // SAFETY: the table is this thread's, and no function of ours that is given it calls back here or runs user code.
    f(unsafe { &mut *state().keys.get() })
}

impl ThreadState {
    /// The span that is current, or null. Only on a thread that has found a ring, or through [`current`](Self::current).
    #[inline(always)]
    pub(crate) fn top(&self) -> *mut Record {
        // SAFETY: `find_ring` has set the places up, and `top` stays within them.
        unsafe { (*self.top.get()).current }
    }

    /// The span that is current, or null.
    pub(crate) fn current(&self) -> *mut Record {
        if self.top.get().is_null() {
            ptr::null_mut()
        } else {
            self.top()
        }
    }

    /// Makes a span current; gives its place.
    #[inline(always)]
    pub(crate) fn push(&self, record: *mut Record) -> Place {
        if self.top.get() == self.last.get() {
            self.more_places();
        }
        // SAFETY: there is a place after the top, for the top is not the last one.
        unsafe {
            let place = self.top.get().add(1);
            (*place).current = record;
            self.top.set(place);
            Place(place.offset_from(self.bottom()) as u32)
        }
    }

    /// The record of the place after the current one. Only on a thread that has found a ring.
    #[inline(always)]
    pub(crate) fn next_place(&self, pipeline: &'static Pipeline) -> *mut Record {
        if self.top.get() == self.last.get() {
            self.more_places();
        }
        // SAFETY: there is a place after the top, for the top is not the last one.
        let own = unsafe { (*self.top.get().add(1)).own };
        if own.is_null() {
            self.furnish(pipeline)
        } else {
            own
        }
    }

    #[cold]
    #[inline(never)]
    fn furnish(&self, pipeline: &'static Pipeline) -> *mut Record {
        let record = new_record(pipeline);
        // SAFETY: as in `next_place`; the record is new.
        unsafe {
            (*record).place = self.depth().0 + 1;
            (*self.top.get().add(1)).own = record;
        }
        record
    }

    /// Makes the record of the next place current there. Nothing happened on this thread since [`next_place`](Self::next_place).
    #[inline(always)]
    pub(crate) fn occupy_next(&self, record: *mut Record) {
        // SAFETY: as in `next_place`.
        unsafe {
            let place = self.top.get().add(1);
            (*place).current = record;
            self.top.set(place);
        }
    }

    /// Ends the currency of the span at `place`.
    #[inline(always)]
    pub(crate) fn pop(&self, place: Place) {
        // SAFETY: a place that `push` gave lies within the places, which only grow; `end` leaves one place, the bottom.
        unsafe {
            let at = self.bottom().add(place.0 as usize);
            if at == self.top.get() {
                self.top.set(at.sub(1));
                if (*at.sub(1)).current.is_null() {
                    self.skip_ended();
                }
            } else if at < self.top.get() {
                (*at).current = ptr::null_mut();
            }
        }
    }

    /// As [`pop`](Self::pop), for a span that most likely is the top one.
    ///
    /// # Safety
    /// The record is whole, and current at its place or was until those below it ended.
    #[inline(always)]
    pub(crate) unsafe fn pop_record(&self, record: *const Record) {
        let top = self.top.get();
        // SAFETY: as in `pop`; where the top is the record's, the bottom lies below it.
        unsafe {
            if (*top).current.cast_const() != record {
                return self.pop_out_of_order(Place((*record).place));
            }
            let below = top.sub(1);
            self.top.set(below);
            if (*below).current.is_null() {
                self.skip_ended();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_out_of_order(&self, place: Place) {
        self.pop(place);
    }

    /// The top is the last span that has not ended.
    #[cold]
    fn skip_ended(&self) {
        // SAFETY: between bottom and top; the loop stops at the bottom.
        unsafe {
            while self.top.get() != self.bottom() && (*self.top.get()).current.is_null() {
                self.top.set(self.top.get().sub(1));
            }
        }
    }

    #[inline(always)]
    fn bottom(&self) -> *mut Frame {
        // SAFETY: only this thread reaches its state, and the reference ends here.
        unsafe { (*self.frames.get()).as_mut_ptr() }
    }

    /// The span at `place`, if it is still there.
    pub(crate) fn at(&self, place: Place) -> *mut Record {
        // SAFETY: as in `bottom`.
        let frames = unsafe { &*self.frames.get() };
        let depth = self.depth().0;
        if place.0 <= depth {
            frames
                .get(place.0 as usize)
                .map_or(ptr::null_mut(), |frame| frame.current)
        } else {
            ptr::null_mut()
        }
    }

    /// The thread's table of harmless keys, to look into.
    #[inline(always)]
    pub(crate) fn keys(&self) -> &PlainKeys {
        // SAFETY: as in `bottom`; `with_keys` changes the table only while nobody looks into it.
        unsafe { &*self.keys.get() }
    }

    /// The place of the current span.
    pub(crate) fn depth(&self) -> Place {
        if self.top.get().is_null() {
            return Place(0);
        }
        // SAFETY: both point into the places.
        Place(unsafe { self.top.get().offset_from(self.bottom()) } as u32)
    }

    #[cold]
    #[inline(never)]
    fn more_places(&self) {
        touch_cleanup();
        let depth = self.depth().0 as usize;
        // SAFETY: as in `bottom`.
        let frames = unsafe { &mut *self.frames.get() };
        let count = (frames.len() * 2).max(32);
        frames.resize(count, Frame::EMPTY);
        let bottom = frames.as_mut_ptr();
        // SAFETY: `depth` and the last place lie within the `count` places.
        unsafe {
            self.top.set(bottom.add(depth));
            self.last.set(bottom.add(count - 1));
        }
    }

    /// A record to fill: a spare one, or a new one.
    #[inline(always)]
    pub(crate) fn take_record(&self, pipeline: &'static Pipeline) -> *mut Record {
        let record = self.spare.get();
        if record.is_null() {
            return new_record(pipeline);
        }
        // SAFETY: records on the list are whole and this thread's alone.
        self.spare.set(unsafe { (*record).next_spare });
        self.spares.set(self.spares.get().wrapping_sub(1));
        record
    }

    /// Takes a record back.
    ///
    /// # Safety
    /// `record` came from [`take_record`](Self::take_record) of some thread, and nobody uses it any more.
    #[inline(always)]
    pub(crate) unsafe fn give_record(&self, record: *mut Record) {
        let spares = self.spares.get();
        // SAFETY: by this function's contract the record is whole and ours.
        unsafe {
            if spares >= SPARE {
                return free_record(record);
            }
            (*record).next_spare = self.spare.get();
        }
        self.spare.set(record);
        self.spares.set(spares + 1);
    }

    /// As [`give_record`](Self::give_record), for a record that may have grown.
    ///
    /// # Safety
    /// As of [`give_record`](Self::give_record).
    pub(crate) unsafe fn give_used_record(&self, record: *mut Record) {
        // SAFETY: by this function's contract the record is whole and ours.
        unsafe {
            if (*record).marks.placed {
                if (*record).body.is_large() {
                    (*record).body = SpanBody::new();
                    (*record).ring = ptr::null();
                }
            } else if (*record).body.is_large() {
                free_record(record);
            } else {
                if self.ring_of.get() == 0 {
                    touch_cleanup();
                }
                self.give_record(record);
            }
        }
    }

    /// This thread's ring of a pipeline, if it was the last one used.
    #[inline(always)]
    pub(crate) fn ring_at_hand(&self, pipeline: &'static Pipeline) -> Option<&Ring> {
        // SAFETY: as in `ring`.
        (self.ring_of.get() == pipeline.number).then(|| unsafe { &*self.ring.get() })
    }

    /// This thread's ring of a pipeline.
    #[inline(always)]
    pub(crate) fn ring(&self, pipeline: &'static Pipeline) -> &Ring {
        if self.ring_of.get() != pipeline.number {
            self.find_ring(pipeline);
        }
        // SAFETY: set together with `ring_of` from an Arc in `rings`, which keeps it until the thread ends.
        unsafe { &*self.ring.get() }
    }

    #[cold]
    #[inline(never)]
    fn find_ring(&self, pipeline: &'static Pipeline) {
        touch_cleanup();
        let _hold = diagnostics::hold();
        if self.top.get().is_null() {
            self.more_places();
        }
        // SAFETY: as in `bottom`; `open_ring` and `leave_ring` run no user code on this thread.
        let rings = unsafe { &mut *self.rings.get() };
        let ring = match rings.iter().find(|(number, _)| *number == pipeline.number) {
            Some((_, ring)) => Arc::as_ptr(ring),
            None => {
                rings.retain(|(number, ring)| {
                    let keep = !ring.is_retired();
                    if !keep {
                        leave_ring(*number, ring);
                    }
                    keep
                });
                let ring = pipeline.open_ring();
                rings.push((pipeline.number, ring.clone()));
                Arc::as_ptr(&ring)
            }
        };
        self.random.seed_once();
        self.generation.set(GENERATION.load(Ordering::Relaxed));
        self.ring.set(ring);
        self.ring_of.set(pipeline.number);
    }

    /// The ring that was used last, or null.
    #[inline(always)]
    pub(crate) fn last_ring(&self) -> *const Ring {
        self.ring.get()
    }

    /// The fork generation. Right once this thread has found a ring, since a forked child looks for its rings anew.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.get()
    }

    /// The thread ends: its rings are left to the drain, its memory is freed.
    fn end(&self) {
        self.ring_of.set(0);
        self.ring.set(ptr::null());
        // SAFETY: as in `bottom`; taking the vector leaves an empty one for whoever still comes on this thread.
        let rings = unsafe { std::mem::take(&mut **self.rings.get()) };
        for (number, ring) in &rings {
            leave_ring(*number, ring);
        }
        drop(rings);
        let mut spare = self.spare.replace(ptr::null_mut());
        // Whoever still finishes spans on this thread frees their records at once.
        self.spares.set(SPARE);
        while !spare.is_null() {
            // SAFETY: the list is this thread's, and each record is on it once.
            let record = unsafe { Box::from_raw(spare) };
            spare = record.next_spare;
        }
        if self.depth() == Place(0) {
            // SAFETY: as in `bottom`; no span is current, so no guard knows a place.
            let frames = unsafe { std::mem::take(&mut **self.frames.get()) };
            for frame in frames.iter().filter(|frame| !frame.own.is_null()) {
                // SAFETY: made from a box in `new_record`, and no guard has it, for no span is current.
                drop(unsafe { Box::from_raw(frame.own) });
            }
            self.top.set(ptr::null_mut());
            self.last.set(ptr::null_mut());
        }
    }

    /// In a forked child: new random numbers, new rings.
    pub(crate) fn reset_after_fork(&self) {
        self.random.forget();
        self.ring_of.set(0);
        self.ring.set(ptr::null());
        // SAFETY: as in `bottom`. The rings are leaked, so that no later ring has the address by which an open span of the
        // parent's knows its own.
        std::mem::forget(unsafe { std::mem::take(&mut **self.rings.get()) });
    }
}

fn touch_cleanup() {
    if CLEANUP.try_with(|_| ()).is_err() {
        let _ = LATE_CLEANUP.try_with(|_| ());
    }
}

/// Leaves a ring to the drain; that of a tracer that is shut down is emptied here, for nobody else will.
fn leave_ring(number: u32, ring: &Ring) {
    ring.close();
    if ring.is_retired()
        && let Some(pipeline) = crate::fork::pipeline(number)
    {
        pipeline.sweep();
    }
}

#[cold]
#[inline(never)]
fn new_record(pipeline: &'static Pipeline) -> *mut Record {
    touch_cleanup();
    Box::into_raw(Box::new(Record::new(pipeline)))
}

/// # Safety
/// As of [`ThreadState::give_record`].
#[cold]
#[inline(never)]
unsafe fn free_record(record: *mut Record) {
    // SAFETY: made from a box in `new_record`.
    drop(unsafe { Box::from_raw(record) });
}
