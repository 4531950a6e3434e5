//! A value of which each process has its own, also one that was forked.

use std::sync::OnceLock;

/// What a forked child must not share with its parent: connections, and locks that a thread of the parent's may hold.
///
/// The values form a chain, one for each generation of processes that used it. A child never touches those before its own,
/// not even to drop them: dropping a runtime takes the parent's sockets out of the parent's poll.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    process: u32,
    value: Option<T>,
    next: OnceLock<Box<PerProcess<T>>>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) fn new() -> Self {
        Self {
            process: std::process::id(),
            value: Some(T::default()),
            next: OnceLock::new(),
        }
    }

    /// The value of this process.
    pub(crate) fn get(&self) -> &T {
        let process = std::process::id();
        let mut link = self;
        loop {
            match &link.value {
                Some(value) if link.process == process => return value,
                _ => link = link.next.get_or_init(|| Box::new(Self::new())),
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
