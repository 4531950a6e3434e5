//! One thread's buffer towards the exporters of bytes: a chain of chunks that this thread appends to and the drain reads.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use codomyrmex_wire::{self as wire, SHORT_BODY, SHORT_HEAD, SpanHead};

use crate::chunk::{CHUNK, Chunk, Committed, ONE_SPAN, Pool, ROOM};
use crate::sync::{AtomicU64, Ordering};

/// Bodies are copied in pieces of this many bytes.
pub(crate) const COPY: usize = 32;

/// A count that one thread adds to and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds one. Only the owning thread may call this: it is a load and a store.
    #[inline(always)]
    pub(crate) fn bump(&self) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
}

/// What one thread counted of one tracer's spans.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Sampled spans that started on this thread.
    pub(crate) started: Count,
    /// Spans that started unsampled on this thread.
    pub(crate) unsampled: Count,
    /// Spans that finished on this thread.
    pub(crate) recorded: Count,
    /// Spans that were given up unfinished on this thread.
    pub(crate) abandoned: Count,
    /// Finished spans that found no room.
    pub(crate) queue_full: Count,
    /// Finished spans that a hook dropped.
    pub(crate) hook: Count,
    /// Finished spans whose tracer was shut down.
    pub(crate) shutdown: Count,
    /// Calls on spans that had finished.
    pub(crate) ignored: Count,
}

/// The producer's side, the consumer's side and the books of one (thread, tracer) pair.
pub(crate) struct Ring {
    pool: Arc<Pool>,
    pub(crate) books: Books,
    /// Producer only: the chunk being written, and what stands in it.
    writing: Cell<Option<Chunk>>,
    written: Cell<u64>,
    /// Producer only: where the next span goes, and how many bytes are left there. None are left where there is no chunk.
    room: Cell<*mut u8>,
    left: Cell<usize>,
    /// The first chunk ever; the consumer starts there.
    first: crate::sync::AtomicPtr<Chunk>,
    /// Consumer only: the chunk being read and how far.
    reading: Cell<Option<Chunk>>,
    read: Cell<Committed>,
    /// The thread is gone: nothing will be appended any more.
    closed: AtomicBool,
    /// The tracer is shut down: the thread may let go of the ring.
    retired: AtomicBool,
}

// SAFETY: `writing` and `written` are touched by the producing thread alone (the ring is reached through that thread's
// own state), `reading` and `read` by whoever holds the drain's lock; all else is atomic.
unsafe impl Sync for Ring {}
// SAFETY: as above; chunks are plain memory.
unsafe impl Send for Ring {}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("books", &self.books)
            .finish_non_exhaustive()
    }
}

/// What became of a span that was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Appended {
    /// It stands in the chunk that was being written.
    Here,
    /// It stands in a new chunk: a moment to look at how full the pool is.
    NewChunk,
    /// It is larger than a chunk.
    TooLarge,
    /// The pool is at its limit.
    Full,
}

impl Ring {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            books: Books::default(),
            writing: Cell::new(None),
            written: Cell::new(0),
            room: Cell::new(std::ptr::null_mut()),
            left: Cell::new(0),
            first: crate::sync::AtomicPtr::new(std::ptr::null_mut()),
            reading: Cell::new(None),
            read: Cell::new(Committed::default()),
            closed: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        }
    }

    /// Whether [`append_short`](Self::append_short) has room.
    #[inline(always)]
    pub(crate) fn has_short_room(&self) -> bool {
        self.left.get() >= SHORT_HEAD + SHORT_BODY + COPY
    }

    /// The bytes in front of the body of the next short span. Producer only.
    ///
    /// # Safety
    /// [`has_short_room`](Self::has_short_room) was true and nothing was appended since; the reference is gone before the
    /// next call on this ring.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub(crate) unsafe fn short_head(&self) -> &mut [u8; SHORT_HEAD] {
        // SAFETY: `left` bytes from `room` on are initialised, and this producer's alone.
        unsafe { &mut *self.room.get().cast() }
    }

    /// Appends a short span whose head has been written. Producer only.
    ///
    /// # Safety
    /// [`has_short_room`](Self::has_short_room) was true and nothing was appended since; `body` points to at least
    /// `SHORT_BODY + COPY` readable, initialised bytes, of which `len`, at most `SHORT_BODY`, count.
    #[inline(always)]
    pub(crate) unsafe fn append_short(&self, body: *const u8, len: usize) {
        // SAFETY: the copies go at most one `COPY` past the body, which the check of the room and the contract of `body`
        // include.
        unsafe {
            let room = self.room.get().add(SHORT_HEAD);
            let mut at = 0;
            loop {
                let piece: [u8; COPY] = *body.add(at).cast();
                *room.add(at).cast() = piece;
                at += COPY;
                if at >= len {
                    break;
                }
            }
        }
        self.advance(SHORT_HEAD + len);
    }

    /// Commits a span of `len` bytes that now stands in the room.
    #[inline(always)]
    fn advance(&self, len: usize) {
        let to = self.written.get() + ONE_SPAN + len as u64;
        self.written.set(to);
        // SAFETY: within the chunk, for `len` bytes were written there.
        self.room.set(unsafe { self.room.get().add(len) });
        self.left.set(self.left.get() - len);
        if let Some(chunk) = self.writing.get() {
            chunk.commit(to);
        }
    }

    /// Encodes a span into the ring. Producer only.
    #[inline]
    pub(crate) fn append(&self, head: &SpanHead, body: &[u8]) -> Appended {
        self.append_with(wire::span_bound(body.len()), |out| {
            wire::encode_span(out, head, body)
        })
    }

    /// Appends one whole encoded field (a span with its tag and length). Producer only.
    pub(crate) fn append_encoded(&self, field: &[u8]) -> Appended {
        self.append_with(field.len(), |out| {
            out.get_mut(..field.len())?.copy_from_slice(field);
            Some(field.len())
        })
    }

    #[inline]
    fn append_with(
        &self,
        bound: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Appended {
        let new = self.left.get() < bound;
        if new {
            if bound > ROOM {
                return Appended::TooLarge;
            }
            if !self.open_chunk() {
                return Appended::Full;
            }
        }
        // SAFETY: `left` bytes from `room` on are initialised, and this producer's alone.
        let out = unsafe { std::slice::from_raw_parts_mut(self.room.get(), self.left.get()) };
        match write(out) {
            Some(len) => self.advance(len),
            None => return Appended::TooLarge,
        }
        if new {
            Appended::NewChunk
        } else {
            Appended::Here
        }
    }

    #[cold]
    #[inline(never)]
    fn open_chunk(&self) -> bool {
        let Some(chunk) = self.pool.take() else {
            return false;
        };
        match self.writing.get() {
            Some(before) => before.link(chunk),
            None => self
                .first
                .store(Box::into_raw(Box::new(chunk)), Ordering::Release),
        }
        self.writing.set(Some(chunk));
        self.written.set(0);
        self.room.set(chunk.room());
        self.left.set(ROOM);
        true
    }

    /// Hands everything committed since the last call to `each` (bytes and the number of spans in them) and gives
    /// emptied chunks back. Only the holder of the drain's lock calls this.
    pub(crate) fn drain(&self, mut each: impl FnMut(&[u8], u32)) {
        let mut chunk = match self.reading.get() {
            Some(chunk) => chunk,
            None => {
                let first = self.first.swap(std::ptr::null_mut(), Ordering::Acquire);
                if first.is_null() {
                    return;
                }
                // SAFETY: the producer leaked this box once and the swap took it from there once.
                *unsafe { Box::from_raw(first) }
            }
        };
        loop {
            // The link is read before the commit: once it is there, no more is committed here.
            let next = chunk.next();
            let committed = chunk.committed();
            let read = self.read.get();
            if committed.bytes > read.bytes {
                each(
                    chunk.read(read.bytes, committed.bytes),
                    committed.spans - read.spans,
                );
                self.read.set(committed);
            }
            let Some(next) = next else { break };
            self.pool.give_back(chunk);
            self.read.set(Committed::default());
            chunk = next;
        }
        self.reading.set(Some(chunk));
    }

    /// Says that the thread is gone.
    pub(crate) fn close(&self) {
        self.closed
            .store(true, std::sync::atomic::Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Says that the tracer is shut down.
    pub(crate) fn retire(&self) {
        self.retired
            .store(true, std::sync::atomic::Ordering::Release);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Gives the last chunk back. Only for a closed ring that was drained after it closed.
    pub(crate) fn release(&self) {
        if let Some(chunk) = self.reading.take() {
            self.writing.set(None);
            self.left.set(0);
            self.pool.give_back(chunk);
        }
    }

    /// Empties the ring and its books in a forked child, where no other thread exists.
    pub(crate) fn reset_after_fork(&self) {
        self.drain(|_, _| {});
        self.release();
        self.written.set(0);
        self.read.set(Committed::default());
        let books = &self.books;
        for count in [
            &books.started,
            &books.unsampled,
            &books.recorded,
            &books.abandoned,
            &books.queue_full,
            &books.hook,
            &books.shutdown,
            &books.ignored,
        ] {
            count.set(0);
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.drain(|_, _| {});
        self.release();
    }
}

/// Whether so much of the pool is in use that the drain should not wait for its time.
pub(crate) fn pressing(pool: &Pool) -> bool {
    pool.used() >= (pool.limit() / 8).max(2 * CHUNK)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn head(id: u64) -> SpanHead {
        SpanHead {
            trace_id: [1, 2],
            span_id: id,
            parent_span_id: 0,
            kind: 1,
            status: 0,
            flags: 1,
            start_ns: 1,
            end_ns: 2,
        }
    }

    fn ids(ring: &Ring) -> Vec<u64> {
        let mut bytes = Vec::new();
        let mut count = 0;
        ring.drain(|b, spans| {
            bytes.extend_from_slice(b);
            count += spans;
        });
        let ids: Vec<_> = wire::SpanIter::new(&bytes)
            .map(|span| u64::from_ne_bytes(span.unwrap().span_id()))
            .collect();
        assert_eq!(ids.len(), count as usize);
        ids
    }

    #[test]
    fn spans_come_out_in_order_across_chunks_and_chunks_go_back() {
        let pool = Arc::new(Pool::new(8 * CHUNK));
        let ring = Ring::new(pool.clone());
        let mut body = Vec::new();
        wire::push_name(&mut body, "work");
        for round in 0..10u64 {
            for id in 1..=400 {
                assert!(matches!(
                    ring.append(&head(round * 1000 + id), &body),
                    Appended::Here | Appended::NewChunk
                ));
            }
            assert_eq!(
                ids(&ring),
                (1..=400).map(|id| round * 1000 + id).collect::<Vec<_>>()
            );
            assert_eq!(pool.used(), CHUNK);
        }
        ring.close();
        ring.drain(|_, _| {});
        ring.release();
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_full_pool_refuses_and_recovers() {
        let pool = Arc::new(Pool::new(2 * CHUNK));
        let ring = Ring::new(pool);
        let body = vec![0x82, 0x01, 0x00];
        let mut kept = 0;
        while ring.append(&head(kept + 1), &body) != Appended::Full {
            kept += 1;
        }
        assert_eq!(ids(&ring).len() as u64, kept);
        assert_eq!(ring.append(&head(7), &body), Appended::NewChunk);
        assert_eq!(ids(&ring), [7]);
    }

    #[test]
    fn a_reader_beside_the_writer_sees_every_span_once_and_whole() {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let ring = Ring::new(pool);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut all = Vec::new();
                loop {
                    let last = done.load(std::sync::atomic::Ordering::Acquire);
                    all.extend(ids(&ring));
                    if last {
                        return all;
                    }
                }
            });
            let mut body = Vec::new();
            wire::push_name(&mut body, "work");
            let mut kept = Vec::new();
            for id in 1..=50_000 {
                if ring.append(&head(id), &body) != Appended::Full {
                    kept.push(id);
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
            assert!(reader.join().unwrap() == kept);
        });
    }
}
