//! A value that each process makes for itself.

use std::fmt;
use std::ptr;
use std::sync::{Mutex, MutexGuard};

use crate::pipeline::GENERATION;
use crate::sync::{AtomicPtr, Ordering};

/// A value behind a lock that a forked child makes anew instead of inheriting it: a connection, a client with threads of its
/// own, a half-filled buffer.
///
/// When a process forks, a thread that does not exist in the child may hold the lock, and the value may be half changed. So a
/// child never touches its parent's value: not even to drop it, which would close the parent's connection. It is left as it
/// is, and the first [`lock`](Self::lock) in the child makes another one.
///
/// ```
/// use codomyrmex_core::PerProcess;
/// let connection = PerProcess::new(|| Vec::<u8>::new());
/// connection.lock().push(1);
/// assert_eq!(*connection.lock(), [1]);
/// ```
pub struct PerProcess<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    /// Of this process or of one it descends from; null until there is one.
    current: AtomicPtr<Made<T>>,
}

struct Made<T> {
    /// The fork generation that made it.
    generation: u32,
    value: Mutex<T>,
}

impl<T> PerProcess<T> {
    /// Nothing is made yet: `make` runs when the value is first needed, in each process that needs it. It must not lock this
    /// same value. Where several threads need it at once, it may run for each of them, and one outcome is kept.
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            current: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// This process's value, alone. A thread that panicked while it had the value leaves it as it is.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let value = &self.made().value;
        value.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// This process's value if it has one that nobody else has at the moment.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.present()?.value.try_lock() {
            Ok(value) => Some(value),
            Err(std::sync::TryLockError::Poisoned(e)) => Some(e.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// Whether this process has made its value.
    pub fn is_made(&self) -> bool {
        self.present().is_some()
    }

    fn present(&self) -> Option<&Made<T>> {
        // SAFETY: null, or from `Box::into_raw`. It is freed by whoever owns all of `self`, or never.
        let made = unsafe { self.current.load(Ordering::Acquire).as_ref() };
        made.filter(|made| made.generation == generation())
    }

    fn made(&self) -> &Made<T> {
        let mut before = self.current.load(Ordering::Acquire);
        loop {
            if let Some(made) = self.present() {
                return made;
            }
            let made = Box::into_raw(Box::new(Made {
                generation: generation(),
                value: Mutex::new((self.make)()),
            }));
            let kept =
                self.current
                    .compare_exchange(before, made, Ordering::AcqRel, Ordering::Acquire);
            if let Err(other) = kept {
                before = other;
                // SAFETY: made above, and nobody else knows of it.
                drop(unsafe { Box::from_raw(made) });
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.present().is_some() {
            // SAFETY: this process made it, and nobody else has `self` any more.
            drop(unsafe { Box::from_raw(self.current.load(Ordering::Acquire)) });
        }
    }
}

// SAFETY: the value is reached through a `Mutex` only, and may be dropped on the thread that drops `self`.
unsafe impl<T: Send> Send for PerProcess<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for PerProcess<T> {}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess")
            .field("made", &self.is_made())
            .finish_non_exhaustive()
    }
}

fn generation() -> u32 {
    GENERATION.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn the_value_is_made_when_it_is_needed_and_dropped_with_its_owner() {
        let (made, shared) = (Arc::new(AtomicU32::new(0)), Arc::new(()));
        let value = PerProcess::new({
            let (made, shared) = (made.clone(), shared.clone());
            move || {
                made.fetch_add(1, Ordering::Relaxed);
                shared.clone()
            }
        });
        assert!(!value.is_made() && value.try_lock().is_none());
        drop(value.lock());
        let guard = value.lock();
        assert!(value.is_made() && value.try_lock().is_none());
        drop(guard);
        assert!(value.try_lock().is_some());
        assert_eq!(made.load(Ordering::Relaxed), 1);
        drop(value);
        assert_eq!(Arc::strong_count(&shared), 1);
    }

    #[test]
    fn a_panic_does_not_take_the_value_away() {
        let value = PerProcess::new(|| 1);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            *value.lock() = 2;
            let _held = value.lock();
            std::panic::resume_unwind(Box::new("expected"));
        }));
        assert_eq!(*value.lock(), 2);
        assert_eq!(value.try_lock().map(|value| *value), Some(2));
    }
}
