//! One thread's buffer towards the exporters of bytes: a chain of chunks that this thread appends to and the drain reads.

use std::cell::Cell;
use std::sync::Arc;

use codomyrmex_wire::{self as wire, SHORT_BODY, SHORT_HEAD_ROOM, SpanHead};

use crate::chunk::{Chunk, Committed, Header, ONE_SPAN, Pool, ROOM};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

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
    /// Spans that finished on this thread and were not appended to its ring.
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
    /// Producer only: the chunk being written.
    writing: Cell<Option<Chunk>>,
    /// Producer only: the chunk that was ended last because there was none to go on to.
    ended: Cell<Option<Chunk>>,
    /// Producer only: the trace that lost a span here last, by a part of its id, and how often its loss had been told then.
    pub(crate) lost: Cell<Option<(u64, u64)>>,
    /// Where the consumer starts, until it has: the first chunk, and the first one behind one that was ended.
    first: AtomicPtr<Header>,
    /// Consumer only: the chunk being read and how far.
    reading: Cell<Option<Chunk>>,
    read: Cell<Committed>,
    /// Consumer only: spans that were taken out.
    drained: Cell<u64>,
    /// How often a thread took the ring and how often one left it: odd where nobody has it, and nothing is appended.
    turns: AtomicU32,
    /// Spans go from here to exporters of bytes and nowhere else.
    direct: AtomicBool,
    /// The tracer is shut down: the thread may let go of the ring.
    retired: AtomicBool,
}

// SAFETY: `writing`, `ended` and `lost` are touched by the producing thread alone (the ring is reached through that thread's own
// state, and another thread takes over only after `close`), `reading`, `read` and `drained` by whoever holds the drain's
// lock; all else is atomic.
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

/// Room for one short span in a thread's chunk.
pub(crate) struct ShortRoom {
    chunk: Chunk,
    written: u64,
}

impl ShortRoom {
    #[inline(always)]
    fn at(&self) -> *mut u8 {
        // SAFETY: the last commit lies within the chunk.
        unsafe { self.chunk.room().add(self.written as u32 as usize) }
    }

    /// The bytes in front of the body.
    #[inline(always)]
    pub(crate) fn head(&mut self) -> &mut [u8; SHORT_HEAD_ROOM] {
        // SAFETY: so many bytes past the last commit are initialised and the producer's alone; `short_room` has checked.
        unsafe { &mut *self.at().cast() }
    }

    /// Copies the body behind the `head` bytes in front of it and commits the span.
    ///
    /// # Safety
    /// The head has been written, `head` is what that gave, and the ring has not been used since; `body` points to at least `SHORT_BODY + COPY` readable,
    /// initialised bytes, of which `len`, at most `SHORT_BODY`, count.
    #[inline(always)]
    pub(crate) unsafe fn append(self, head: usize, body: *const u8, len: usize) {
        // SAFETY: the copies go at most one `COPY` past the body, which the check of the room and the contract of `body`
        // include.
        unsafe {
            let room = self.at().add(head);
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
        self.chunk
            .commit(self.written + ONE_SPAN + (head + len) as u64);
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

impl Appended {
    /// Whether the span stands in the ring.
    pub(crate) fn is_there(self) -> bool {
        matches!(self, Self::Here | Self::NewChunk)
    }
}

impl Ring {
    pub(crate) fn new(pool: Arc<Pool>, direct: bool) -> Self {
        Self {
            pool,
            books: Books::default(),
            writing: Cell::new(None),
            ended: Cell::new(None),
            lost: Cell::new(None),
            first: AtomicPtr::new(std::ptr::null_mut()),
            reading: Cell::new(None),
            read: Cell::new(Committed::default()),
            drained: Cell::new(0),
            turns: AtomicU32::new(0),
            direct: AtomicBool::new(direct),
            retired: AtomicBool::new(false),
        }
    }

    /// The chunk being written, if it has room for any short span. Producer only.
    #[inline(always)]
    pub(crate) fn short_room(&self) -> Option<ShortRoom> {
        let chunk = self.writing.get()?;
        let written = chunk.written();
        let fits = written as u32 as usize <= ROOM - (SHORT_HEAD_ROOM + SHORT_BODY + COPY);
        fits.then_some(ShortRoom { chunk, written })
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
        let mut appended = Appended::Here;
        let chunk = match self.writing.get() {
            Some(chunk) if ROOM - chunk.written() as u32 as usize >= bound => chunk,
            _ if bound > ROOM => return Appended::TooLarge,
            _ => match self.open_chunk() {
                Some(chunk) => {
                    appended = Appended::NewChunk;
                    chunk
                }
                None => return Appended::Full,
            },
        };
        let written = chunk.written();
        let at = written as u32 as usize;
        // SAFETY: what lies past the last commit is initialised, and this producer's alone.
        let out = unsafe { std::slice::from_raw_parts_mut(chunk.room().add(at), ROOM - at) };
        match write(out) {
            Some(len) => {
                chunk.commit(written + ONE_SPAN + len as u64);
                appended
            }
            None => Appended::TooLarge,
        }
    }

    #[cold]
    #[inline(never)]
    fn open_chunk(&self) -> Option<Chunk> {
        let Some(chunk) = self.pool.take() else {
            // Left to the drain, so that threads that have all chunks between them do not wait for each other for ever.
            if let Some(full) = self.writing.take() {
                full.end();
                self.ended.set(Some(full));
            }
            return None;
        };
        match self.writing.get() {
            Some(before) => before.link(chunk),
            None => {
                let unread = self.first.swap(std::ptr::null_mut(), Ordering::AcqRel);
                let first = match self.ended.get() {
                    // The consumer has not begun to read what was ended, so the chain goes on behind it.
                    Some(ended) if !unread.is_null() => {
                        ended.link(chunk);
                        unread
                    }
                    _ => chunk.into_raw(),
                };
                self.first.swap(first, Ordering::AcqRel);
            }
        }
        self.writing.set(Some(chunk));
        Some(chunk)
    }

    /// The chunk where the consumer goes on.
    fn start_of_reading(&self) -> Option<Chunk> {
        self.reading.get().or_else(|| {
            let first = self.first.swap(std::ptr::null_mut(), Ordering::AcqRel);
            // SAFETY: null, or a chunk of this ring's pool.
            unsafe { Chunk::from_raw(first) }
        })
    }

    /// Spans that were appended so far, and how many of them are still here. Only the holder of the drain's lock calls this.
    pub(crate) fn appended(&self) -> (u64, u64) {
        let mut waiting = 0;
        // SAFETY: null, or a chunk of this ring's pool.
        let first = unsafe { Chunk::from_raw(self.first.load(Ordering::Acquire)) };
        for start in [self.reading.get(), first] {
            let mut next = start;
            while let Some(chunk) = next {
                // The link is read before the commit: once it is there, no more is committed here.
                next = chunk.next().filter(|next| *next != chunk);
                waiting += u64::from(chunk.committed().spans);
            }
        }
        waiting -= u64::from(self.read.get().spans);
        (self.drained.get() + waiting, waiting)
    }

    /// Hands everything committed since the last call to `each` (bytes and the number of spans in them) and gives
    /// emptied chunks back. Only the holder of the drain's lock calls this.
    pub(crate) fn drain(&self, mut each: impl FnMut(&[u8], u32)) {
        self.drain_while(|bytes, spans| {
            each(bytes, spans);
            None
        });
    }

    /// As [`drain`](Self::drain), until `each` says that it took no more than so much of what it was handed.
    pub(crate) fn drain_while(&self, mut each: impl FnMut(&[u8], u32) -> Option<Committed>) {
        let mut next = self.start_of_reading();
        while let Some(chunk) = next {
            self.reading.set(Some(chunk));
            // The link is read before the commit: once it is there, no more is committed here.
            let link = chunk.next();
            let committed = chunk.committed();
            let read = self.read.get();
            if committed.bytes > read.bytes {
                let spans = committed.spans - read.spans;
                let taken = each(chunk.read(read.bytes, committed.bytes), spans);
                let now = taken.map_or(committed, |taken| Committed {
                    spans: read.spans + taken.spans,
                    bytes: read.bytes + taken.bytes,
                });
                self.drained
                    .set(self.drained.get() + u64::from(now.spans - read.spans));
                self.read.set(now);
                if taken.is_some() {
                    return;
                }
            }
            let Some(link) = link else { break };
            self.reading.set(None);
            self.read.set(Committed::default());
            self.pool.give_back(chunk);
            next = Some(link)
                .filter(|link| *link != chunk)
                .or_else(|| self.start_of_reading());
        }
    }

    /// Says that the thread is gone.
    pub(crate) fn close(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether no thread has the ring; if so, the number changes when one takes it over.
    pub(crate) fn closed(&self) -> Option<u32> {
        Some(self.turns.load(Ordering::SeqCst)).filter(|turns| turns % 2 == 1)
    }

    /// Gives a closed ring to the calling thread, with what is in it. Only under the lock of the pipeline's rings.
    pub(crate) fn take_over(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether spans need nothing but to be appended here.
    #[inline(always)]
    pub(crate) fn is_direct(&self) -> bool {
        self.direct.load(Ordering::Relaxed)
    }

    /// Says that the tracer is shut down.
    pub(crate) fn retire(&self) {
        self.direct.store(false, Ordering::Release);
        self.retired.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Gives the last chunk back. Only for a ring that was drained after it closed, and that nobody takes over meanwhile.
    pub(crate) fn release(&self) {
        if let Some(chunk) = self.reading.take() {
            self.writing.set(None);
            self.read.set(Committed::default());
            self.pool.give_back(chunk);
        }
    }

    /// Empties the ring and its books in a forked child, where no other thread exists and the pool takes all chunks back.
    pub(crate) fn reset_after_fork(&self) {
        self.writing.set(None);
        self.ended.set(None);
        self.first.store(std::ptr::null_mut(), Ordering::Relaxed);
        self.reading.set(None);
        self.read.set(Committed::default());
        self.drained.set(0);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::chunk::CHUNK;

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
        let ring = Ring::new(pool.clone(), true);
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
        let ring = Ring::new(pool, true);
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
        let ring = Ring::new(pool, true);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut all = Vec::new();
                loop {
                    let last = done.load(Ordering::Acquire);
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
            done.store(true, Ordering::Release);
            assert!(reader.join().unwrap() == kept);
        });
    }
}
