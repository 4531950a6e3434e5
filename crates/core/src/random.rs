//! Random ids: one generator a thread, seeded by the operating system with 128 bits, so that no two threads share a stream.

use std::cell::Cell;

/// The wyrand step: 64 random bits from a counter and a widening multiplication with the thread's own key.
#[derive(Debug)]
pub(crate) struct Random {
    state: Cell<u64>,
    key: Cell<u64>,
    seeded: Cell<bool>,
}

impl Random {
    pub(crate) const fn unseeded() -> Self {
        Self {
            state: Cell::new(0),
            key: Cell::new(0),
            seeded: Cell::new(false),
        }
    }

    /// Seeds the generator if it is not.
    pub(crate) fn seed_once(&self) {
        if !self.seeded.get() {
            self.seed();
        }
    }

    /// The next number; never 0, so that it can be an id.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        if !self.seeded.get() {
            self.seed();
        }
        self.next_seeded()
    }

    /// As [`next`](Self::next), on a thread that has called [`seed_once`](Self::seed_once).
    #[inline(always)]
    pub(crate) fn next_seeded(&self) -> u64 {
        let state = self.state.get().wrapping_add(0xa076_1d64_78bd_642f);
        self.state.set(state);
        let product = u128::from(state) * u128::from(state ^ self.key.get());
        let number = (product >> 64) as u64 ^ product as u64;
        number | u64::from(number == 0)
    }

    /// Forgets the seed: the next number comes from a new one. A forked child does this.
    pub(crate) fn forget(&self) {
        self.seeded.set(false);
    }

    #[cold]
    #[inline(never)]
    fn seed(&self) {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // No entropy from the system: the address space's layout and the time are what is left.
            let here = std::ptr::from_ref(self).addr() as u64;
            let now = u128::from(crate::clock::unix_now_ns()) << 64;
            bytes = (now ^ u128::from(here.rotate_left(32) ^ u64::from(std::process::id())))
                .to_ne_bytes();
        }
        let seed = u128::from_ne_bytes(bytes);
        self.state.set(seed as u64);
        self.key.set((seed >> 64) as u64 ^ 0xe703_7ed1_a0b4_28db);
        self.seeded.set(true);
    }
}
