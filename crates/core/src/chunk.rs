//! Fixed blocks of buffer memory, and the bounded pool of a tracer that lends them out without a lock.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Size of a chunk with its header, bytes.
pub(crate) const CHUNK: usize = 16 << 10;
/// Room for encoded spans in a chunk, bytes.
pub(crate) const ROOM: usize = CHUNK - size_of::<Header>();

/// What stands at the start of a chunk. One producer writes, one consumer reads.
#[repr(C, align(64))]
pub(crate) struct Header {
    /// Spans and bytes that are whole, as `spans << 32 | bytes`: released by the producer, acquired by the consumer.
    committed: AtomicU64,
    /// The chunk that the producer went on to; set after its last commit here.
    next: AtomicPtr<Header>,
    /// This chunk's place in its pool.
    slot: u32,
}

/// A chunk on loan. Copies of it point to the same memory; the ring that holds it says who may do what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chunk(NonNull<Header>);

// SAFETY: a chunk is plain memory; the ring's protocol (one producer, one consumer, committed bytes only) orders access.
unsafe impl Send for Chunk {}

/// The most chunks of a pool: a gibibyte.
const MOST_CHUNKS: usize = (1 << 30) / CHUNK;

/// One span in a commit's number; its bytes are added.
pub(crate) const ONE_SPAN: u64 = 1 << 32;

/// Spans and bytes up to a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) spans: u32,
    pub(crate) bytes: u32,
}

impl Chunk {
    fn allocate(slot: u32) -> Self {
        let layout = Layout::new::<[u8; CHUNK]>()
            .align_to(align_of::<Header>())
            .unwrap_or(Layout::new::<Header>());
        // SAFETY: the layout has a size; zeroed memory is initialised for any reader.
        let memory = unsafe { alloc_zeroed(layout) }.cast::<Header>();
        let Some(header) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        // SAFETY: freshly allocated, aligned for Header, nobody else knows of it.
        unsafe {
            header.write(Header {
                committed: AtomicU64::new(0),
                next: AtomicPtr::new(std::ptr::null_mut()),
                slot,
            })
        };
        Self(header)
    }

    /// Frees the memory. Only the pool calls this, with chunks that came back to it.
    fn free(self) {
        let layout = Layout::new::<[u8; CHUNK]>()
            .align_to(align_of::<Header>())
            .unwrap_or(Layout::new::<Header>());
        // SAFETY: allocated in `allocate` with the same layout; the header needs no drop in a build without loom.
        unsafe {
            std::ptr::drop_in_place(self.0.as_ptr());
            dealloc(self.0.as_ptr().cast(), layout);
        }
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: chunks live until their pool is dropped, and rings hold their pool.
        unsafe { self.0.as_ref() }
    }

    /// Where spans begin. [`ROOM`] initialised bytes follow; whoever took the chunk writes them, up to each commit once.
    #[inline(always)]
    pub(crate) fn room(&self) -> *mut u8 {
        // SAFETY: within the allocation.
        unsafe { self.0.as_ptr().cast::<u8>().add(size_of::<Header>()) }
    }

    /// Says that everything up to here is whole: spans times [`ONE_SPAN`], plus bytes.
    #[inline(always)]
    pub(crate) fn commit(&self, to: u64) {
        self.header().committed.store(to, Ordering::Release);
    }

    /// The last commit, as the producer itself made it.
    #[inline(always)]
    pub(crate) fn written(&self) -> u64 {
        self.header().committed.load(Ordering::Relaxed)
    }

    pub(crate) fn committed(&self) -> Committed {
        let word = self.header().committed.load(Ordering::Acquire);
        Committed {
            spans: (word >> 32) as u32,
            bytes: word as u32,
        }
    }

    /// Committed bytes from `from` on.
    pub(crate) fn read(&self, from: u32, to: u32) -> &[u8] {
        let to = (to as usize).min(ROOM);
        let from = (from as usize).min(to);
        // SAFETY: the range lies below a commit that the caller acquired, so nobody writes there until the consumer
        // gives the chunk back.
        unsafe { std::slice::from_raw_parts(self.room().add(from), to - from) }
    }

    pub(crate) fn link(&self, next: Chunk) {
        self.header().next.store(next.0.as_ptr(), Ordering::Release);
    }

    pub(crate) fn next(&self) -> Option<Chunk> {
        NonNull::new(self.header().next.load(Ordering::Acquire)).map(Chunk)
    }

    /// Says that no more is written here, though there is no chunk to go on to: it links to itself.
    pub(crate) fn end(&self) {
        self.link(*self);
    }

    /// As the address by which rings hand it over.
    pub(crate) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// # Safety
    /// `raw` is null, or came from [`into_raw`](Self::into_raw) of a chunk whose pool lives.
    pub(crate) unsafe fn from_raw(raw: *mut Header) -> Option<Chunk> {
        NonNull::new(raw).map(Chunk)
    }

    fn reset(&self) {
        self.header().committed.store(0, Ordering::Relaxed);
        self.header()
            .next
            .store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// One place of the pool: a chunk, and the next free place.
struct Slot {
    chunk: AtomicPtr<Header>,
    next_free: AtomicU32,
}

/// A tracer's chunks: at most so many as its byte limit allows, allocated on demand, lent out from a lock-free stack.
pub(crate) struct Pool {
    slots: Box<[Slot]>,
    /// Places that have a chunk.
    allocated: AtomicUsize,
    /// Top of the stack of free places, as `version << 32 | slot + 1`; the version rules out ABA.
    free: AtomicU64,
    /// Bytes of chunks that are lent out, and of blocks outside of them.
    used: AtomicUsize,
    /// Bytes of blocks outside the chunks.
    charged: AtomicUsize,
    /// Most bytes that may be lent out or charged.
    limit: usize,
}

/// The least memory of a pool, bytes.
const LEAST: usize = 4 * CHUNK;

impl Pool {
    /// A pool of at most `limit` bytes, and at least [`LEAST`]. A quarter is never lent as chunks: threads can hold all of
    /// these without writing to them, and what others record must have room all the same.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.max(LEAST);
        let count = (limit / CHUNK / 4 * 3).min(MOST_CHUNKS);
        let slots = (0..count)
            .map(|_| Slot {
                chunk: AtomicPtr::new(std::ptr::null_mut()),
                next_free: AtomicU32::new(0),
            })
            .collect();
        Self {
            slots,
            allocated: AtomicUsize::new(0),
            free: AtomicU64::new(0),
            used: AtomicUsize::new(0),
            charged: AtomicUsize::new(0),
            limit,
        }
    }

    /// A chunk with nothing in it, or None at the limit.
    pub(crate) fn take(&self) -> Option<Chunk> {
        if !self.reserve(CHUNK) {
            return None;
        }
        let chunk = self.pop().or_else(|| self.grow());
        if chunk.is_none() {
            self.used.fetch_sub(CHUNK, Ordering::Relaxed);
        }
        chunk
    }

    /// Counts so many bytes as used, if the limit allows.
    fn reserve(&self, bytes: usize) -> bool {
        let used = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, used)
            .is_ok()
    }

    fn pop(&self) -> Option<Chunk> {
        let mut top = self.free.load(Ordering::Acquire);
        loop {
            let slot = self.slots.get(((top as u32) as usize).checked_sub(1)?)?;
            let next = slot.next_free.load(Ordering::Relaxed);
            let new = (top >> 32).wrapping_add(1) << 32 | u64::from(next);
            match self
                .free
                .compare_exchange_weak(top, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return NonNull::new(slot.chunk.load(Ordering::Relaxed)).map(Chunk),
                Err(now) => top = now,
            }
        }
    }

    fn grow(&self) -> Option<Chunk> {
        let slot = self.allocated.fetch_add(1, Ordering::Relaxed);
        if slot >= self.slots.len() {
            self.allocated.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let chunk = Chunk::allocate(slot as u32);
        self.slots[slot]
            .chunk
            .store(chunk.0.as_ptr(), Ordering::Relaxed);
        Some(chunk)
    }

    /// Takes a chunk back. The caller is the last who knows of it.
    pub(crate) fn give_back(&self, chunk: Chunk) {
        chunk.reset();
        let place = chunk.header().slot;
        let mut top = self.free.load(Ordering::Relaxed);
        loop {
            self.slots[place as usize]
                .next_free
                .store(top as u32, Ordering::Relaxed);
            let new = (top >> 32).wrapping_add(1) << 32 | u64::from(place + 1);
            match self
                .free
                .compare_exchange_weak(top, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        self.used.fetch_sub(CHUNK, Ordering::Relaxed);
    }

    /// Frees the chunks that are not lent out. For a tracer that is shut down.
    pub(crate) fn free_idle(&self) {
        while let Some(chunk) = self.pop() {
            let slot = &self.slots[chunk.header().slot as usize];
            slot.chunk.store(std::ptr::null_mut(), Ordering::Relaxed);
            chunk.free();
        }
    }

    /// Charges a block outside the chunks to the limit.
    pub(crate) fn charge(&self, bytes: usize) -> bool {
        let fits = self.reserve(bytes);
        if fits {
            self.charged.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Whether a block of so many bytes would fit now.
    pub(crate) fn could_charge(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.limit
    }

    pub(crate) fn discharge(&self, bytes: usize) {
        self.charged.fetch_sub(bytes, Ordering::Relaxed);
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes charged.
    pub(crate) fn charged(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Bytes lent out or charged.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that may be lent out or charged.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// In a forked child, where nobody has a chunk or is about to take one: all of them are free again.
    pub(crate) fn reset_after_fork(&self) {
        let chunks: Vec<_> = self
            .slots
            .iter()
            .filter_map(|slot| NonNull::new(slot.chunk.load(Ordering::Relaxed)).map(Chunk))
            .collect();
        for (place, slot) in self.slots.iter().enumerate() {
            let chunk = chunks.get(place);
            slot.chunk.store(
                chunk.map_or(std::ptr::null_mut(), |chunk| chunk.into_raw()),
                Ordering::Relaxed,
            );
            if let Some(chunk) = chunk {
                // SAFETY: nobody else has the chunk; its slot is the one just stored to.
                unsafe { (*chunk.into_raw()).slot = place as u32 };
            }
        }
        self.allocated.store(chunks.len(), Ordering::Relaxed);
        self.free.store(0, Ordering::Relaxed);
        self.charged.store(0, Ordering::Relaxed);
        self.used.store(chunks.len() * CHUNK, Ordering::Relaxed);
        for chunk in chunks {
            self.give_back(chunk);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for slot in &self.slots {
            if let Some(header) = NonNull::new(slot.chunk.load(Ordering::Relaxed)) {
                Chunk(header).free();
            }
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_pool_lends_up_to_its_limit_and_lends_again_what_came_back() {
        let pool = Pool::new(4 * CHUNK);
        let chunks: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(chunks.len(), 3);
        pool.give_back(chunks[1]);
        assert_eq!(pool.take(), Some(chunks[1]));
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn oversize_blocks_count_against_the_same_limit() {
        let pool = Pool::new(4 * CHUNK);
        assert!(pool.charge(3 * CHUNK + 1));
        assert_eq!(pool.take(), None);
        assert!(!pool.charge(CHUNK));
        pool.discharge(3 * CHUNK + 1);
        assert!(pool.take().is_some());
        assert_eq!(pool.used(), CHUNK);
    }

    #[test]
    fn chunks_alone_do_not_use_a_pool_up() {
        let pool = Pool::new(1 << 20);
        while pool.take().is_some() {}
        assert!(pool.charge(1 << 18));
        assert!(!pool.charge(1));
    }

    #[test]
    fn a_forked_child_has_all_chunks_again() {
        let pool = Pool::new(8 * CHUNK);
        let chunks: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        pool.give_back(chunks[2]);
        pool.give_back(chunks[0]);
        // As if a thread that is gone had been about to store the chunk of a place.
        let lost = pool.slots[1]
            .chunk
            .swap(std::ptr::null_mut(), Ordering::Relaxed);
        assert!(pool.charge(1));
        pool.reset_after_fork();
        assert_eq!(pool.used(), 0);
        let again: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(again.len(), chunks.len());
        again.into_iter().for_each(|chunk| pool.give_back(chunk));
        assert_eq!(pool.used(), 0);
        // SAFETY: the pool has forgotten it.
        unsafe { Chunk::from_raw(lost) }.unwrap().free();
    }

    #[test]
    fn chunks_never_go_to_two_takers() {
        let pool = Pool::new(8 * CHUNK);
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let pool = &pool;
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        let Some(chunk) = pool.take() else { continue };
                        // SAFETY: taken by this thread alone.
                        let bytes = unsafe { std::slice::from_raw_parts_mut(chunk.room(), ROOM) };
                        bytes[..64].fill(thread);
                        assert!(bytes[..64].iter().all(|b| *b == thread));
                        pool.give_back(chunk);
                    }
                });
            }
        });
        assert_eq!(pool.used(), 0);
    }
}
