use std::sync::OnceLock;

use codomyrmex_core::Tracer;

use crate::registry;

/// A traced function's memory of its tracer, so that a call takes no lock.
#[derive(Debug)]
pub struct CallSite {
    name: &'static str,
    /// The tracer, and the registry's generation that it is of.
    known: OnceLock<(u64, Tracer)>,
}

impl CallSite {
    /// The registry's tracer of this name, which is asked for at the first call.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            known: OnceLock::new(),
        }
    }

    /// Hands the tracer to `f`.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&Tracer) -> R) -> R {
        match self.known.get() {
            Some((generation, tracer)) if *generation == registry::generation() => f(tracer),
            _ => f(&self.ask()),
        }
    }

    /// After a reset of the registry the memory is of no use any more, and every call comes here.
    #[cold]
    fn ask(&self) -> Tracer {
        let generation = registry::generation();
        let tracer = registry::get_tracer(self.name);
        self.known.get_or_init(|| (generation, tracer.clone()));
        tracer
    }
}
