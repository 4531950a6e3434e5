//! The memory of batches: what one gives back the next one takes, so that steady work asks the allocator for nothing.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

/// So many pieces are kept.
const KEPT: usize = 1;

/// Memory of batches that are over. Whoever finds it in use goes without, so that nobody waits here, a forked child least
/// of all.
#[derive(Debug)]
pub(crate) struct BatchMemory {
    /// Bytes of a piece; what is smaller or larger is not kept.
    size: usize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl BatchMemory {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            spare: Mutex::default(),
        }
    }

    /// An empty vector, with memory if there is some to spare.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.spare
            .try_lock()
            .ok()
            .and_then(|mut spare| spare.pop())
            .unwrap_or_default()
    }

    fn give(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() != self.size {
            return;
        }
        bytes.clear();
        if let Ok(mut spare) = self.spare.try_lock()
            && spare.len() < KEPT
        {
            spare.push(bytes);
        }
    }

    /// Frees what is kept.
    pub(crate) fn free(&self) {
        if let Ok(mut spare) = self.spare.try_lock() {
            *spare = Vec::new();
        }
    }
}

/// A batch's encoded spans; the memory goes back when the last batch that shares it is gone.
#[derive(Debug)]
pub(crate) struct BatchBytes {
    bytes: Vec<u8>,
    home: Arc<BatchMemory>,
}

impl BatchBytes {
    pub(crate) fn new(bytes: Vec<u8>, home: Arc<BatchMemory>) -> Self {
        Self { bytes, home }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Deref for BatchBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for BatchBytes {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_next_batch_takes_what_the_last_one_gave_back() {
        let memory = Arc::new(BatchMemory::new(100));
        let batch = BatchBytes::new(Vec::with_capacity(100), memory.clone());
        let address = batch.as_ptr();
        drop(batch);
        let bytes = memory.take();
        assert_eq!((bytes.as_ptr(), bytes.len()), (address, 0));
        assert_eq!(memory.take().capacity(), 0, "it was given once");
    }

    #[test]
    fn neither_too_much_is_kept_nor_what_is_of_no_use() {
        let memory = Arc::new(BatchMemory::new(100));
        for capacity in [10, 1000, 100, 100, 100, 100] {
            drop(BatchBytes::new(
                Vec::with_capacity(capacity),
                memory.clone(),
            ));
        }
        let kept = |memory: &BatchMemory| memory.spare.lock().unwrap().len();
        assert_eq!(kept(&memory), KEPT);
        memory.free();
        assert_eq!(kept(&memory), 0);
    }

    #[test]
    fn whoever_finds_it_in_use_goes_without() {
        let memory = Arc::new(BatchMemory::new(1));
        let batch = BatchBytes::new(vec![1], memory.clone());
        let _in_use = memory.spare.lock().unwrap();
        drop(batch);
        assert_eq!(memory.take().capacity(), 0);
    }
}
