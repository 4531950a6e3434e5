//! Tracer: makes spans and hands the finished ones on.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use codomyrmex_core::clock;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::engine::Engine;
use crate::heap_type::Slot;
use crate::lanes::Lane;
use crate::limits::Limits;
use crate::queue_options::QueueOptions;
use crate::settings::{self, Options};
use crate::span::{self, ROOT, START_IS_NS, SpanObject};
use crate::stats::Stats;
use crate::{attributes, convert, hot, inherit, kind, waiting};

/// Creates spans and exports the finished ones.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "Tracer",
    subclass,
    weakref,
    frozen
)]
pub(crate) struct Tracer {
    core: OnceLock<TracerCore>,
}

/// What `__init__` makes.
struct TracerCore {
    engine: Engine,
    service_name: Slot,
    exporter: Slot,
    lanes: Vec<Lane>,
    hooks: Slot,
}

// SAFETY: the slots are used with the interpreter attached only, which is one thread at a time.
unsafe impl Send for TracerCore {}
// SAFETY: as above.
unsafe impl Sync for TracerCore {}

impl Drop for TracerCore {
    fn drop(&mut self) {
        // SAFETY: PyO3 drops a class's fields with the thread attached.
        unsafe {
            self.service_name.clear();
            self.exporter.clear();
            self.hooks.clear();
            for lane in &self.lanes {
                lane.clear();
            }
        }
    }
}

impl Tracer {
    /// The Tracer behind an object of that class.
    ///
    /// # Safety
    /// The thread is attached; `object` is a Tracer whose `__init__` has run, and outlives the reference.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr<'a>(object: *mut PyObject) -> &'a Tracer {
        // SAFETY: as promised by the caller; a frozen class gives shared references at all times.
        unsafe {
            let py = Python::assume_attached();
            let tracer: *const Tracer = Borrowed::from_ptr(py, object)
                .cast_unchecked::<Tracer>()
                .get();
            &*tracer
        }
    }

    #[inline(always)]
    fn core(&self) -> &TracerCore {
        match self.core.get() {
            Some(core) => core,
            None => unready(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        self.core.get().is_some()
    }

    #[inline(always)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.core().engine
    }

    #[inline(always)]
    pub(crate) fn attribute_limit(&self) -> usize {
        self.core().engine.limits().attributes as usize
    }

    #[inline(always)]
    pub(crate) fn limits(&self) -> &codomyrmex_core::Limits {
        self.core().engine.limits()
    }

    #[inline(always)]
    pub(crate) fn has_hooks(&self) -> bool {
        !self.core().hooks.is_empty()
    }

    #[inline(always)]
    pub(crate) fn wants_bytes(&self) -> bool {
        self.core().engine.takes_bytes()
    }

    #[inline(always)]
    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.core().lanes
    }

    /// Borrowed.
    #[inline(always)]
    pub(crate) fn service_name_ptr(&self) -> *mut PyObject {
        self.core().service_name.as_ptr()
    }

    pub(crate) fn hooks<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.core().hooks.get(py)
    }
}

#[cold]
fn unready() -> ! {
    unreachable!("spans are made by tracers whose __init__ has run")
}

fn ready<'a>(slf: &'a Bound<'_, Tracer>) -> PyResult<&'a Tracer> {
    let tracer = slf.get();
    if tracer.is_ready() {
        Ok(tracer)
    } else {
        Err(PyRuntimeError::new_err(
            "Tracer.__init__ has not been called",
        ))
    }
}

#[pymethods]
impl Tracer {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(service_name='default', exporter=None, *, sampler=None, resource=None, limits=None, batch_size=10, flush_interval=None, redact=None, hooks=None, queue_bytes=None, max_queue_size=None, max_export_batch_size=None, export_timeout=None, when_full=None, books_on_the_wire=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            core: OnceLock::new(),
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parameters of the Python function"
    )]
    #[pyo3(signature = (service_name = None, exporter = None, *, sampler = None, resource = None, limits = None, batch_size = 10, flush_interval = None, redact = None, hooks = None, queue_bytes = None, max_queue_size = None, max_export_batch_size = None, export_timeout = None, when_full = None, books_on_the_wire = None))]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        service_name: Option<Bound<'py, PyAny>>,
        exporter: Option<Bound<'py, PyAny>>,
        sampler: Option<Bound<'py, PyAny>>,
        resource: Option<Bound<'py, PyDict>>,
        limits: Option<Limits>,
        batch_size: usize,
        flush_interval: Option<f64>,
        redact: Option<Bound<'py, PyAny>>,
        hooks: Option<Bound<'py, PyAny>>,
        queue_bytes: Option<Bound<'py, PyAny>>,
        max_queue_size: Option<Bound<'py, PyAny>>,
        max_export_batch_size: Option<Bound<'py, PyAny>>,
        export_timeout: Option<Bound<'py, PyAny>>,
        when_full: Option<Bound<'py, PyAny>>,
        books_on_the_wire: Option<bool>,
    ) -> PyResult<()> {
        let py = slf.py();
        let name = service_name.map_or_else(|| "default".to_owned(), |name| convert::text(&name));
        let options = Options {
            sampler,
            resource,
            limits,
            batch_size,
            flush_interval,
            redact,
            queue: QueueOptions {
                queue_bytes,
                max_queue_size,
                max_export_batch_size,
                export_timeout,
                when_full,
                books_on_the_wire,
            },
        };
        let made = settings::make(py, &name, exporter, &options)?;
        let core = TracerCore {
            engine: Engine::new(made.builder.build()),
            service_name: Slot::empty(),
            exporter: Slot::empty(),
            lanes: made
                .in_process
                .into_iter()
                .map(|exporter| Lane::new(exporter, batch_size, made.interval))
                .collect(),
            hooks: Slot::empty(),
        };
        core.service_name
            .store(PyString::new(py, &made.service_name).into_any());
        if let Some(exporter) = made.exporter {
            core.exporter.store(exporter);
        }
        if let Some(hooks) = hooks {
            core.hooks.store(hooks);
        }
        slf.get()
            .core
            .set(core)
            .map_err(|_| PyRuntimeError::new_err("Tracer.__init__ has been called before"))?;
        crate::module::state().watch(slf.as_any())
    }

    /// The service that its spans name.
    #[getter]
    fn service_name<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(ready(slf)?.core().service_name.get(slf.py()))
    }

    /// Where its finished spans go; None where that is nowhere, or to an exporter that the environment names.
    #[getter]
    fn exporter<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(ready(slf)?.core().exporter.get(slf.py()))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parameters of the Python function"
    )]
    /// Starts a span that does not become current. Its parent is `parent`, a Span or a SpanContext, else the current span.
    #[pyo3(signature = (name, kind = None, parent = None, attributes = None, *, links = None, start_time = None, root = false))]
    fn start_span<'py>(
        slf: &Bound<'py, Self>,
        name: Bound<'py, PyAny>,
        kind: Option<Bound<'py, PyAny>>,
        parent: Option<Bound<'py, PyAny>>,
        attributes: Option<Bound<'py, PyAny>>,
        links: Option<Bound<'py, PyAny>>,
        start_time: Option<Bound<'py, PyAny>>,
        root: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let tracer = ready(slf)?;
        // SAFETY: attached; the new span is owned by `made`, everything else by its `Bound`.
        unsafe {
            let made = Bound::from_owned_ptr_or_err(py, span::allocate().cast())?;
            let span = SpanObject::from_ptr(made.as_ptr());
            span.tracer.put(ffi::Py_NewRef(slf.as_ptr()));
            span.name.put(attributes::text_of(name.as_ptr()));
            if let Some(kind) = kind {
                kind::set(span, kind.as_ptr());
            }
            if let Some(attributes) = attributes {
                attributes::take_mapping(span, attributes.as_ptr());
            }
            if let Some(links) = links {
                crate::links::add_all(&made, &links);
            }
            match &parent {
                _ if root => {
                    span.raise(ROOT);
                    hot::begin(span, tracer, None);
                }
                Some(parent) => match SpanObject::of(parent) {
                    Some(parent) => hot::begin_under(span, tracer, parent),
                    None => inherit::begin(span, tracer, parent.as_ptr()),
                },
                None => hot::begin_here(span),
            }
            if let Some(start) = start_time.and_then(|time| convert::time_ns(&time)) {
                span.start.set(start);
                span.raise(START_IS_NS);
            }
            if tracer.has_hooks() {
                let over = match parent {
                    _ if root => std::ptr::null_mut(),
                    Some(parent) => parent.into_ptr(),
                    None => crate::current::get(),
                };
                crate::hooks::on_start(span, tracer, over);
            }
            Ok(made)
        }
    }

    /// Exports the finished spans that wait.
    fn flush(slf: &Bound<'_, Self>) -> PyResult<()> {
        flush_within(slf, PATIENCE).map(|_| ())
    }

    /// As `flush`, for at most `timeout` seconds; whether everything was exported in time. An exporter that is at a batch is
    /// not interrupted.
    #[pyo3(signature = (timeout = 30.0))]
    fn force_flush(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<bool> {
        flush_within(slf, settings::interval(timeout)?)
    }

    /// As `flush`, on another thread: the event loop goes on meanwhile.
    fn aflush<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("asyncio")?
            .call_method1("to_thread", (slf.getattr("flush")?,))
    }

    /// Exports the finished spans that wait, and ends the exporter. Spans finished later are counted and dropped.
    fn shutdown(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let tracer = ready(slf)?;
        crate::module::state().catch_up(py);
        tracer.lanes().iter().for_each(Lane::close);
        let deadline = deadline(PATIENCE);
        flush_lanes(slf, tracer, deadline)?;
        for lane in tracer.lanes() {
            if lane.ends_now() {
                lane.call(py, "shutdown");
            }
        }
        waiting::shut_down(py, tracer.engine().tracer(), deadline).map(|_| ())
    }

    /// The books: where every span that started is now.
    fn stats(slf: &Bound<'_, Self>) -> PyResult<Stats> {
        let tracer = ready(slf)?;
        crate::module::state().catch_up(slf.py());
        let lanes = tracer
            .lanes()
            .iter()
            .map(|lane| (lane.name(slf.py()), lane.counts()));
        Ok(Stats::new(tracer.engine().stats(), lanes))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<Tracer {:?}>",
            convert::text(slf.getattr("service_name")?.as_any())
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(core) = self.core.get() else {
            return Ok(());
        };
        core.exporter.show(&visit)?;
        core.hooks.show(&visit)?;
        core.lanes.iter().try_for_each(|lane| lane.traverse(&visit))
    }

    fn __clear__(&self) {
        let Some(core) = self.core.get() else { return };
        // SAFETY: the collector runs attached.
        unsafe {
            core.exporter.clear();
            core.hooks.clear();
            core.lanes.iter().for_each(|lane| lane.clear());
        }
    }
}

/// How long `flush` and `shutdown` wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// The deadline of what may take `timeout`; that of the whole process, once it ends, may be earlier.
fn deadline(timeout: Duration) -> Option<Instant> {
    let deadline = clock::deadline(timeout);
    match crate::module::state().end.get().copied().flatten() {
        Some(end) => Some(deadline.map_or(end, |deadline| deadline.min(end))),
        None => deadline,
    }
}

/// Flushes the lanes, their exporters, and the exporters of bytes.
fn flush_within(slf: &Bound<'_, Tracer>, timeout: Duration) -> PyResult<bool> {
    let tracer = ready(slf)?;
    crate::module::state().catch_up(slf.py());
    let deadline = deadline(timeout);
    let mut well = flush_lanes(slf, tracer, deadline)?;
    if tracer.wants_bytes() {
        well &= waiting::flush(slf.py(), tracer.engine().tracer(), deadline)?;
    }
    // With no time at all the question is whether anything waits.
    let late = !timeout.is_zero() && clock::remaining(deadline).is_zero();
    Ok(well && !late)
}

fn flush_lanes(
    slf: &Bound<'_, Tracer>,
    tracer: &Tracer,
    deadline: Option<Instant>,
) -> PyResult<bool> {
    let py = slf.py();
    let mut well = true;
    for lane in tracer.lanes() {
        well &= lane.flush(py, slf.as_ptr(), deadline);
        if let Some(error) = PyErr::take(py) {
            return Err(error);
        }
        well &= lane.call(py, "flush");
    }
    Ok(well)
}

/// Exports what waited for the tracer's whole interval; gives when the next spans are due.
pub(crate) fn flush_due(tracer: &Bound<'_, Tracer>) -> Option<Instant> {
    let lanes = tracer.get().core.get()?.lanes.iter();
    lanes
        .filter_map(|lane| lane.flush_due(tracer.py(), tracer.as_ptr()))
        .min()
}

/// Exports the finished Span objects that wait.
pub(crate) fn flush_objects(tracer: &Bound<'_, Tracer>, deadline: Option<Instant>) {
    if tracer.get().is_ready()
        && let Err(error) = flush_lanes(tracer, tracer.get(), deadline)
    {
        crate::lanes::swallow(tracer.py(), error, "a tracer could not be flushed");
    }
}

/// Has the exporters of bytes begin with what waits for them.
pub(crate) fn hand_over(tracer: &Bound<'_, Tracer>) {
    if let Some(core) = tracer.get().core.get() {
        let engine = core.engine.tracer();
        let _ = tracer.py().detach(|| engine.force_flush(Duration::ZERO));
    }
}

/// What is finished from now on is counted and dropped.
pub(crate) fn refuse(tracer: &Bound<'_, Tracer>) {
    if let Some(core) = tracer.get().core.get() {
        core.lanes.iter().for_each(Lane::close);
    }
}

/// Forgets, in a forked child, what belongs to the parent.
pub(crate) fn forget(tracer: &Bound<'_, Tracer>) {
    if let Some(core) = tracer.get().core.get() {
        core.lanes.iter().for_each(Lane::forget);
    }
}
