//! Tracers by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{SpanExporter, Tracer, TracerBuilder};

use crate::environment::{Environment, Settings};

static PROCESS: Registry = Registry::from_process();

/// Counts the resets of every registry: a tracer that was remembered under an older number is asked for again.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The process's tracer of this name, by which its spans' `service.name` is called as well.
///
/// Its first use makes it from the [environment](crate::environment); where that names no exporter, spans go nowhere,
/// which is said once through [`diagnostics`]. A tracer is cheap to clone and to keep; asking for it takes a lock.
///
/// ```
/// use codomyrmex_tracing::get_tracer;
///
/// let tracer = get_tracer("shop");
/// tracer.span("checkout").set_attribute("items", 3);
/// tracer.flush();
/// ```
pub fn get_tracer(name: &str) -> Tracer {
    PROCESS.get_tracer(name)
}

/// The process's tracer of this name, with an exporter of one's own if this is its first use.
///
/// A tracer that is known already keeps the exporter that it has, and a warning says so.
///
/// ```
/// use codomyrmex_tracing::{InMemoryExporter, get_tracer, get_tracer_with};
///
/// let spans = InMemoryExporter::new();
/// get_tracer_with("billing", spans.clone());
///
/// get_tracer("billing").span("invoice").finish();
/// get_tracer("billing").flush();
/// assert_eq!(spans.spans().len(), 1);
/// ```
pub fn get_tracer_with(name: &str, exporter: impl SpanExporter + 'static) -> Tracer {
    PROCESS.get_tracer_with(name, exporter)
}

/// Hands the finished spans of the process's tracers to their exporters and waits for them: for a program's end.
///
/// ```
/// use codomyrmex_tracing::{flush_registry, get_tracer};
///
/// get_tracer("shop").span("checkout").finish();
/// flush_registry();
/// assert_eq!(get_tracer("shop").stats().open, 0);
/// ```
pub fn flush_registry() {
    PROCESS.flush();
}

/// Flushes and forgets the process's tracers: the next [`get_tracer`] reads the environment and makes a new one.
///
/// Tracers that somebody still holds go on as they are.
///
/// ```
/// use codomyrmex_tracing::{InMemoryExporter, get_tracer_with, reset_registry};
///
/// let spans = InMemoryExporter::new();
/// let held = get_tracer_with("shop", spans.clone());
/// held.span("checkout").finish();
/// reset_registry();
/// assert_eq!(spans.spans().len(), 1);
///
/// let other = get_tracer_with("shop", InMemoryExporter::new());
/// other.span("checkout").finish();
/// assert_eq!((held.stats().started, other.stats().started), (1, 1));
/// ```
pub fn reset_registry() {
    PROCESS.reset();
}

/// Tracers by name, made from an [`Environment`] when they are first asked for.
///
/// [`get_tracer`] asks one registry for the whole process. A registry of one's own is for tests, and for programs that
/// run several configurations side by side.
///
/// ```
/// use codomyrmex_tracing::environment::Environment;
/// use codomyrmex_tracing::{InMemoryExporter, Registry};
///
/// let registry = Registry::new(Environment::default());
/// let spans = InMemoryExporter::new();
/// registry.get_tracer_with("shop", spans.clone());
///
/// registry.get_tracer("shop").span("checkout").finish();
/// registry.flush();
/// assert_eq!(spans.spans()[0].name, "checkout");
/// ```
pub struct Registry {
    environment: Option<Environment>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tracers: BTreeMap<String, Tracer>,
    /// Read with the first tracer, and again after a reset.
    settings: Option<Arc<Settings>>,
}

impl Registry {
    /// An empty registry whose tracers are made from this environment.
    pub const fn new(environment: Environment) -> Self {
        Self::of(Some(environment))
    }

    /// An empty registry that reads the environment of the process with its first tracer, and again after a reset.
    pub const fn from_process() -> Self {
        Self::of(None)
    }

    const fn of(environment: Option<Environment>) -> Self {
        Self {
            environment,
            state: Mutex::new(State {
                tracers: BTreeMap::new(),
                settings: None,
            }),
        }
    }

    /// As the function [`get_tracer`].
    pub fn get_tracer(&self, name: &str) -> Tracer {
        match self.known(name) {
            Some(tracer) => tracer,
            None => {
                self.make(name, |settings| {
                    settings.add_exporters(settings.builder(name))
                })
                .0
            }
        }
    }

    /// As the function [`get_tracer_with`].
    pub fn get_tracer_with(&self, name: &str, exporter: impl SpanExporter + 'static) -> Tracer {
        let (tracer, is_new) = match self.known(name) {
            Some(tracer) => (tracer, false),
            None => self.make(name, |settings| settings.builder(name).exporter(exporter)),
        };
        if !is_new {
            let message = format!(
                "the tracer {name:?} exists already: it keeps its exporter, the other one is not used"
            );
            diagnostics::report(Kind::Configuration, &message);
        }
        tracer
    }

    /// As the function [`flush_registry`].
    pub fn flush(&self) {
        let tracers: Vec<Tracer> = self.lock().tracers.values().cloned().collect();
        for tracer in tracers {
            tracer.flush();
        }
    }

    /// As the function [`reset_registry`].
    pub fn reset(&self) {
        let State { tracers, .. } = std::mem::take(&mut *self.lock());
        GENERATION.fetch_add(1, Ordering::Release);
        for tracer in tracers.values() {
            tracer.flush();
        }
    }

    fn known(&self, name: &str) -> Option<Tracer> {
        self.lock().tracers.get(name).cloned()
    }

    /// The tracer, and whether it is the one made here: of two threads that make it, the first to be done decides.
    ///
    /// Exporters and the diagnostics hook are the user's and may ask for tracers: none of them runs under the lock.
    fn make(&self, name: &str, build: impl FnOnce(&Settings) -> TracerBuilder) -> (Tracer, bool) {
        let made = build(&self.settings()).build();
        let mut state = self.lock();
        match state.tracers.get(name) {
            Some(first) => (first.clone(), false),
            None => {
                state.tracers.insert(name.to_owned(), made.clone());
                (made, true)
            }
        }
    }

    fn settings(&self) -> Arc<Settings> {
        if let Some(settings) = &self.lock().settings {
            return Arc::clone(settings);
        }
        let settings = Arc::new(match &self.environment {
            Some(environment) => environment.settings(),
            None => Environment::from_process().settings(),
        });
        settings.report();
        settings.prepare_process();
        Arc::clone(self.lock().settings.get_or_insert(settings))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which tracers are up to date: those asked for under this number.
#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

impl Default for Registry {
    /// [`Registry::from_process`].
    fn default() -> Self {
        Self::from_process()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.lock().tracers.keys().cloned().collect();
        f.debug_struct("Registry")
            .field("tracers", &names)
            .finish_non_exhaustive()
    }
}
