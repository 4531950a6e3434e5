//! Small models of the pool and the rings, of which loom runs every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test -p codomyrmex-core --release --lib loom`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use codomyrmex_wire::{self as wire, SpanHead, SpanIter};
use loom::thread;

use crate::chunk::{CHUNK, Chunk, Pool};
use crate::per_process::PerProcess;
use crate::ring::{Appended, Ring};

/// Every interleaving with so many preemptions, which is where mistakes are.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// The chunks that somebody has. A lock of the standard library's is no point where loom switches threads.
#[derive(Default)]
struct Held(Mutex<HashSet<usize>>);

impl Held {
    fn take(&self, pool: &Pool) -> Option<Chunk> {
        let chunk = pool.take()?;
        assert!(
            self.0.lock().unwrap().insert(chunk.room().addr()),
            "lent twice"
        );
        Some(chunk)
    }

    fn give_back(&self, pool: &Pool, chunk: Chunk) {
        self.0.lock().unwrap().remove(&chunk.room().addr());
        pool.give_back(chunk);
    }
}

#[test]
fn loom_a_chunk_is_never_lent_twice() {
    explore(|| {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let held = Arc::new(Held::default());
        let work = {
            let (pool, held) = (pool.clone(), held.clone());
            move || {
                for _ in 0..2 {
                    if let Some(chunk) = held.take(&pool) {
                        held.give_back(&pool, chunk);
                    }
                }
            }
        };
        let other = thread::spawn(work.clone());
        work();
        other.join().unwrap();
        assert_eq!(pool.used(), 0);
    });
}

#[test]
fn loom_a_pool_never_lends_more_than_its_limit() {
    explore(|| {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let _one = pool.take().unwrap();
        assert!(pool.charge(CHUNK));
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.charge(CHUNK + 1))
        };
        let chunk = pool.take();
        let charged = other.join().unwrap();
        assert!(!(chunk.is_some() && charged));
        assert!(chunk.is_some() || charged);
        assert!(pool.used() <= pool.limit());
    });
}

#[test]
fn loom_freeing_idle_chunks_leaves_lent_ones_alone() {
    explore(|| {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let first = pool.take().unwrap();
        pool.give_back(first);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                if let Some(chunk) = pool.take() {
                    // SAFETY: taken by this thread; it would be freed memory if the other one had freed it.
                    unsafe { chunk.room().write(1) };
                    pool.give_back(chunk);
                }
            })
        };
        pool.free_idle();
        other.join().unwrap();
        assert_eq!(pool.used(), 0);
    });
}

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

/// Of this length one span fills most of a chunk.
fn body() -> Vec<u8> {
    let mut body = Vec::new();
    wire::push_name(&mut body, &"x".repeat(CHUNK * 2 / 3));
    body
}

fn short_body() -> Vec<u8> {
    let mut body = Vec::new();
    wire::push_name(&mut body, "work");
    body
}

fn drain(ring: &Ring, into: &mut Vec<u64>) {
    ring.drain(|bytes, spans| {
        let ids: Vec<_> = SpanIter::new(bytes)
            .map(|span| u64::from_ne_bytes(span.expect("whole").span_id()))
            .collect();
        assert_eq!(ids.len(), spans as usize);
        into.extend(ids);
    });
}

/// A producer appends these bodies while a consumer drains; whatever was taken in comes out once and in order.
fn model(spare: usize, bodies: &'static [fn() -> Vec<u8>]) {
    explore(move || {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let kept_away: Vec<_> = (spare..3).map(|_| pool.take().unwrap()).collect();
        let ring = Arc::new(Ring::new(pool.clone(), true));
        let producer = {
            let ring = ring.clone();
            thread::spawn(move || {
                let mut kept = Vec::new();
                for (id, body) in bodies.iter().enumerate() {
                    if ring.append(&head(id as u64 + 1), &body()) != Appended::Full {
                        kept.push(id as u64 + 1);
                    }
                }
                kept
            })
        };
        let mut out = Vec::new();
        drain(&ring, &mut out);
        let (all, here) = ring.appended();
        assert_eq!(all - here, out.len() as u64);
        drain(&ring, &mut out);
        let kept = producer.join().unwrap();
        assert_eq!(ring.appended().0, kept.len() as u64);
        drain(&ring, &mut out);
        assert_eq!(out, kept);
        assert!(!kept.is_empty());
        ring.close();
        drain(&ring, &mut out);
        ring.release();
        assert_eq!(out, kept);
        assert_eq!(pool.used(), kept_away.len() * CHUNK);
        kept_away
            .into_iter()
            .for_each(|chunk| pool.give_back(chunk));
    });
}

#[test]
fn loom_a_reader_sees_whole_spans_in_one_chunk() {
    model(3, &[short_body, short_body, short_body]);
}

#[test]
fn loom_a_reader_follows_the_writer_from_chunk_to_chunk() {
    model(3, &[body, body, body]);
}

#[test]
fn loom_a_writer_that_finds_no_chunk_leaves_its_own_and_goes_on() {
    model(1, &[body, body, body, short_body]);
}

#[test]
fn loom_a_thread_takes_over_the_ring_of_one_that_ended() {
    explore(|| {
        let pool = Arc::new(Pool::new(4 * CHUNK));
        let ring = Arc::new(Ring::new(pool.clone(), true));
        // As the lock of a pipeline's rings.
        let rings = Arc::new(loom::sync::Mutex::new(()));
        let first = {
            let ring = ring.clone();
            thread::spawn(move || {
                assert!(ring.append(&head(1), &short_body()).is_there());
                ring.close();
            })
        };
        let second = {
            let (ring, rings) = (ring.clone(), rings.clone());
            thread::spawn(move || {
                let rings = rings.lock().unwrap();
                if ring.closed().is_none() {
                    return false;
                }
                ring.take_over();
                drop(rings);
                assert!(ring.append(&head(2), &short_body()).is_there());
                ring.close();
                true
            })
        };
        let mut out = Vec::new();
        let closed = ring.closed();
        drain(&ring, &mut out);
        if closed.is_some() {
            let _rings = rings.lock().unwrap();
            if ring.closed() == closed {
                ring.release();
            }
        }
        first.join().unwrap();
        let two = second.join().unwrap();
        drain(&ring, &mut out);
        let expected: &[u64] = if two { &[1, 2] } else { &[1] };
        assert_eq!(out, expected);
        ring.release();
        assert_eq!(pool.used(), 0);
    });
}

#[test]
fn loom_threads_that_need_a_value_at_once_get_the_same_one() {
    explore(|| {
        let value = Arc::new(PerProcess::new(|| 0_u64));
        let place = |value: &PerProcess<u64>| {
            let mut kept = value.lock();
            *kept += 1;
            std::ptr::from_ref(&*kept).addr()
        };
        let other = {
            let value = value.clone();
            thread::spawn(move || place(&value))
        };
        assert_eq!(place(&value), other.join().unwrap());
        assert_eq!(*value.lock(), 2);
    });
}
