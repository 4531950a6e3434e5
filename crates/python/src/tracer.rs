//! Tracer: makes spans and hands the finished ones on.

use std::sync::OnceLock;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::engine::Engine;
use crate::heap_type::Slot;
use crate::lanes::Lane;
use crate::span::{self, SpanObject, START_IS_NS};
use crate::{attributes, convert, hot, inherit, kind};

/// Creates spans and exports the finished ones.
#[pyclass(module = "codomyrmex.telemetry.tracing", name = "Tracer", subclass, weakref, frozen)]
pub(crate) struct Tracer {
    core: OnceLock<TracerCore>,
}

/// What `__init__` makes.
struct TracerCore {
    engine: Engine,
    service_name: Slot,
    exporter: Slot,
    lane: Option<Lane>,
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
            if let Some(lane) = &self.lane {
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
            let tracer: *const Tracer = Borrowed::from_ptr(py, object).cast_unchecked::<Tracer>().get();
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
    pub(crate) fn lane(&self) -> Option<&Lane> {
        self.core().lane.as_ref()
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
    if tracer.is_ready() { Ok(tracer) } else { Err(PyRuntimeError::new_err("Tracer.__init__ has not been called")) }
}

#[pymethods]
impl Tracer {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { core: OnceLock::new() }
    }

    #[pyo3(signature = (service_name = None, exporter = None, *, batch_size = 10))]
    fn __init__(
        slf: &Bound<'_, Self>,
        service_name: Option<Bound<'_, PyAny>>,
        exporter: Option<Bound<'_, PyAny>>,
        batch_size: usize,
    ) -> PyResult<()> {
        let py = slf.py();
        let name = match service_name {
            Some(name) => name,
            None => PyString::intern(py, "default").into_any(),
        };
        let lane = exporter.clone().map(|exporter| Lane::new(exporter, batch_size));
        let core = TracerCore {
            engine: Engine::new(codomyrmex_core::Tracer::builder(convert::text(&name)).without_exporter_notice().build()),
            service_name: Slot::EMPTY,
            exporter: Slot::EMPTY,
            lane,
            hooks: Slot::EMPTY,
        };
        core.service_name.store(name);
        if let Some(exporter) = exporter {
            core.exporter.store(exporter);
        }
        slf.get().core.set(core).map_err(|_| PyRuntimeError::new_err("Tracer.__init__ has been called before"))?;
        crate::module::state().watch(slf.as_any())
    }

    #[getter]
    fn service_name<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(ready(slf)?.core().service_name.get(slf.py()))
    }

    #[getter]
    fn exporter<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(ready(slf)?.core().exporter.get(slf.py()))
    }

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
            match parent {
                _ if root => hot::begin(span, tracer, None),
                Some(parent) => match SpanObject::of(&parent) {
                    Some(parent) => hot::begin_under(span, tracer, parent),
                    None => inherit::begin(span, tracer, parent.as_ptr()),
                },
                None => hot::begin_here(span),
            }
            if let Some(start) = start_time.and_then(|time| convert::time_ns(&time)) {
                span.start.set(start);
                span.raise(START_IS_NS);
            }
            if let Some(links) = links {
                crate::links::add_all(&made, &links);
            }
            if tracer.has_hooks() {
                crate::hooks::on_start(span, tracer);
            }
            Ok(made)
        }
    }

    /// Exports the finished spans that wait.
    fn flush(slf: &Bound<'_, Self>) -> PyResult<()> {
        flush_within(slf, Duration::from_secs(30)).map(|_| ())
    }

    /// Exports the finished spans that wait, and ends the exporter. Spans finished later are counted and dropped.
    fn shutdown(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        flush_within(slf, Duration::from_secs(30))?;
        if let Some(lane) = ready(slf)?.lane() {
            if lane.close() {
                lane.call(py, "shutdown");
            }
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.core.get().and_then(|core| core.lane.as_ref()) {
            Some(lane) => lane.traverse(&visit),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        if let Some(lane) = self.core.get().and_then(|core| core.lane.as_ref()) {
            // SAFETY: the collector runs attached.
            unsafe { lane.clear() };
        }
    }
}

/// Flushes the lane and then the exporter itself.
pub(crate) fn flush_within(slf: &Bound<'_, Tracer>, timeout: Duration) -> PyResult<bool> {
    let py = slf.py();
    let Some(lane) = ready(slf)?.lane() else { return Ok(true) };
    let well = lane.flush(py, slf.as_ptr(), timeout);
    if let Some(error) = PyErr::take(py) {
        return Err(error);
    }
    Ok(lane.call(py, "flush") && well)
}

/// Forgets, in a forked child, what belongs to the parent.
pub(crate) fn forget(tracer: &Bound<'_, Tracer>) {
    if let Some(lane) = tracer.get().core.get().and_then(|core| core.lane.as_ref()) {
        lane.forget();
    }
}
