//! An exporter inside another one that writes down each call and whether calls overlap.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use codomyrmex_core::{Batch, Delivery, ExportError, SpanExporter};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Export(usize),
    Flush,
    Shutdown,
    Dropped,
}

/// What happened to the exporter.
#[derive(Default)]
pub(crate) struct Log {
    inside: AtomicBool,
    overlaps: AtomicU32,
    calls: Mutex<Vec<(Call, ThreadId)>>,
    names: Mutex<Vec<String>>,
}

#[allow(dead_code)]
impl Log {
    pub(crate) fn calls(&self) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(call, _)| call.clone()).collect()
    }

    pub(crate) fn threads(&self) -> Vec<ThreadId> {
        self.calls.lock().unwrap().iter().map(|(_, t)| *t).collect()
    }

    /// Sizes of the batches.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.calls()
            .iter()
            .filter_map(|call| match call {
                Call::Export(spans) => Some(*spans),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn count(&self, call: &Call) -> usize {
        self.calls().iter().filter(|c| *c == call).count()
    }

    /// Names of the spans that came, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    pub(crate) fn overlaps(&self) -> u32 {
        self.overlaps.load(Ordering::SeqCst)
    }

    fn during<R>(&self, call: Call, f: impl FnOnce() -> R) -> R {
        if self.inside.swap(true, Ordering::SeqCst) {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        let thread = std::thread::current().id();
        self.calls.lock().unwrap().push((call, thread));
        // Also where `f` panics.
        struct Leave<'a>(&'a AtomicBool);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }
        let _leave = Leave(&self.inside);
        f()
    }
}

type Behaviour = Box<dyn Fn(&Batch) -> Result<(), ExportError> + Send + Sync>;

pub(crate) struct Watched {
    pub(crate) log: Arc<Log>,
    inner: Option<Box<dyn SpanExporter>>,
    delivery: Delivery,
    behaviour: Behaviour,
}

#[allow(dead_code)]
impl Watched {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self {
            log: Arc::default(),
            inner: None,
            delivery,
            behaviour: Box::new(|_| Ok(())),
        }
    }

    pub(crate) fn around(inner: Box<dyn SpanExporter>) -> Self {
        let mut watched = Self::new(inner.delivery());
        watched.inner = Some(inner);
        watched
    }

    /// What happens during each export, after it has been written down.
    pub(crate) fn doing(
        mut self,
        behaviour: impl Fn(&Batch) -> Result<(), ExportError> + Send + Sync + 'static,
    ) -> Self {
        self.behaviour = Box::new(behaviour);
        self
    }
}

impl SpanExporter for Watched {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        self.log.during(Call::Export(batch.len()), || {
            let names = batch.spans().map(|span| span.name().into_owned());
            self.log.names.lock().unwrap().extend(names);
            (self.behaviour)(batch)?;
            self.inner
                .as_ref()
                .map_or(Ok(()), |inner| inner.export(batch))
        })
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    fn name(&self) -> &str {
        "watched"
    }

    fn flush(&self) {
        self.log.during(Call::Flush, || {
            if let Some(inner) = &self.inner {
                inner.flush();
            }
        });
    }

    fn shutdown(&self) {
        self.log.during(Call::Shutdown, || {
            if let Some(inner) = &self.inner {
                inner.shutdown();
            }
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.log.during(Call::Dropped, || ());
    }
}
