//! The list of finished spans that waits for the in-process exporters: one a tracer, shared by all threads.

use std::sync::{Mutex, MutexGuard};

/// Encoded spans until there are enough for a batch.
#[derive(Debug)]
pub(crate) struct Gather {
    size: usize,
    /// Most bytes of a batch, but for its last span.
    bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    len: usize,
    /// Spans that ever came.
    came: u64,
}

/// Spans that make a batch.
pub(crate) struct Gathered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: usize,
}

impl Gather {
    /// `size` spans make a batch, or fewer that have so many bytes.
    pub(crate) fn new(size: usize, bytes: usize) -> Self {
        Self {
            size: size.max(1),
            bytes,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Adds a span; the one that fills the batch takes it away.
    pub(crate) fn add(&self, field: &[u8]) -> Option<Gathered> {
        let mut state = self.lock();
        state.bytes.extend_from_slice(field);
        state.len += 1;
        state.came += 1;
        (state.len >= self.size || state.bytes.len() >= self.bytes).then(|| state.take())
    }

    /// What is there, if anything.
    pub(crate) fn take(&self) -> Option<Gathered> {
        let mut state = self.lock();
        (state.len > 0).then(|| state.take())
    }

    /// Spans that ever came.
    pub(crate) fn came(&self) -> u64 {
        self.lock().came
    }

    /// In a forked child: what is here belongs to the parent.
    pub(crate) fn reset_after_fork(&self) {
        *self.lock() = State::default();
    }

    pub(crate) fn lock_for_fork(&'static self) -> impl std::any::Any {
        self.lock()
    }
}

impl State {
    fn take(&mut self) -> Gathered {
        Gathered {
            bytes: std::mem::take(&mut self.bytes),
            len: std::mem::take(&mut self.len),
        }
    }
}
