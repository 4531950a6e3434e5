//! The extension module: its state, its types, what runs at exit and after a fork.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use codomyrmex_core::binding::SpanBody;
use codomyrmex_core::clock;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyWeakrefMethods, PyWeakrefReference};

use crate::engine::generation;
use crate::limits::Limits;
use crate::null_exporter::NullExporter;
use crate::otlp_exporter::OTLPExporter;
use crate::sampler::{Sampler, SamplingResult};
use crate::span_context::SpanContext;
use crate::stats::{ExporterStats, Stats};
use crate::tracer::Tracer;

/// Every Python object that the module itself holds. PyO3 lets a process have one such module, so there is one state.
pub(crate) struct State {
    pub(crate) span_type: *mut ffi::PyTypeObject,
    pub(crate) place_type: *mut ffi::PyTypeObject,
    pub(crate) traced_type: *mut ffi::PyTypeObject,
    /// Of coroutines, generators, async generators and the latters' steps.
    pub(crate) driven_types: [*mut ffi::PyTypeObject; 4],
    /// Tracers by name: the dict that `get_tracer` keeps.
    pub(crate) registry: *mut PyObject,
    /// The context variable of the current span.
    pub(crate) current: *mut PyObject,
    pub(crate) kind: *mut PyObject,
    pub(crate) name: *mut PyObject,
    pub(crate) service_name: *mut PyObject,
    pub(crate) function_name: *mut PyObject,
    pub(crate) throw: *mut PyObject,
    pub(crate) close: *mut PyObject,
    pub(crate) anext: *mut PyObject,
    /// The header that is written most.
    pub(crate) traceparent: *mut PyObject,
    /// The attributes of code objects that name a frame.
    pub(crate) code_file: *mut PyObject,
    pub(crate) code_name: *mut PyObject,
    /// The members of SpanKind and SpanStatus in OTLP's order.
    pub(crate) kinds: [Cell<*mut PyObject>; 5],
    pub(crate) statuses: [Cell<*mut PyObject>; 3],
    /// The memory of spans that are gone.
    pub(crate) spare_spans: crate::span::SpareSpans,
    /// The body that the last span was encoded in, for the next one.
    pub(crate) spare_body: Cell<Option<Box<SpanBody>>>,
    /// Tracers with spans that wait: kept alive until these are exported.
    unflushed: Mutex<Vec<usize>>,
    /// By when the process is to end, once it does.
    pub(crate) end: OnceLock<Option<Instant>>,
    /// Weak references to all tracers.
    tracers: Mutex<Vec<Py<PyWeakrefReference>>>,
    /// What is to be done when the interpreter ends.
    farewell: Py<PyAny>,
    /// Whether the ends of multiprocessing's children are seen to.
    watches_children: Cell<bool>,
    /// The fork generation that all the above belongs to.
    generation: AtomicU32,
}

// SAFETY: the pointers are used with the interpreter attached only, which is one thread at a time.
unsafe impl Send for State {}
// SAFETY: as above.
unsafe impl Sync for State {}

static STATE: AtomicPtr<State> = AtomicPtr::new(ptr::null_mut());

/// The module's state. It exists before any of the module's types does.
#[inline(always)]
pub(crate) fn state() -> &'static State {
    // SAFETY: set once, before the types that use it, and never freed.
    unsafe { &*STATE.load(Ordering::Relaxed) }
}

impl State {
    /// Keeps a tracer alive while spans wait in it.
    pub(crate) fn keep(&self, tracer: *mut PyObject) {
        let mut unflushed = self
            .unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !unflushed.contains(&tracer.addr()) {
            // SAFETY: called attached, with a live tracer.
            unsafe { ffi::Py_INCREF(tracer) };
            unflushed.push(tracer.expose_provenance());
        }
    }

    /// Undoes [`State::keep`]. The caller holds a reference of its own.
    pub(crate) fn release(&self, tracer: *mut PyObject) {
        let mut unflushed = self
            .unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = unflushed.iter().position(|kept| *kept == tracer.addr()) {
            unflushed.swap_remove(at);
            drop(unflushed);
            // SAFETY: `keep` took this reference.
            unsafe { ffi::Py_DECREF(tracer) };
        }
    }

    /// Remembers a new tracer for the exit.
    pub(crate) fn watch(&self, tracer: &Bound<'_, PyAny>) -> PyResult<()> {
        let reference = PyWeakrefReference::new(tracer)?.unbind();
        let py = tracer.py();
        let mut tracers = self.tracers.lock().unwrap_or_else(PoisonError::into_inner);
        if tracers.len().is_power_of_two() {
            tracers.retain(|tracer| tracer.bind(py).upgrade().is_some());
        }
        tracers.push(reference);
        Ok(())
    }

    /// Exports what waited for its tracer's whole interval; gives when the next spans are due.
    pub(crate) fn flush_due(&self, py: Python<'_>) -> Option<Instant> {
        let due = |tracer: &Bound<'_, Tracer>| crate::tracer::flush_due(tracer);
        self.live(py).iter().filter_map(due).min()
    }

    /// Whether this is a forked child that has not noticed yet. Not every fork is told to Python: that of uWSGI is not.
    #[inline(always)]
    pub(crate) fn is_behind(&self) -> bool {
        self.generation.load(Ordering::Relaxed) != generation()
    }

    /// Forgets, in a forked child, what belongs to the parent.
    pub(crate) fn catch_up(&self, py: Python<'_>) {
        if !self.is_behind() {
            return;
        }
        self.generation.store(generation(), Ordering::Relaxed);
        crate::timer::forget(py);
        for tracer in self.live(py) {
            crate::tracer::forget(&tracer);
            self.release(tracer.as_ptr());
        }
    }

    /// The tracers there are.
    pub(crate) fn live<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, Tracer>> {
        let tracers = self.tracers.lock().unwrap_or_else(PoisonError::into_inner);
        tracers
            .iter()
            .filter_map(|tracer| tracer.bind(py).upgrade_as::<Tracer>().ok().flatten())
            .collect()
    }
}

/// The header's name as a `str`; of the one that is written most there is one already.
pub(crate) fn header_name<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyAny> {
    if name == "traceparent" {
        // SAFETY: attached; the state owns it.
        return unsafe { Bound::from_borrowed_ptr(py, state().traceparent) };
    }
    PyString::new(py, name).into_any()
}

/// The current span, which can be written to; None where there is none.
#[pyfunction]
pub(crate) fn get_current_span(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: attached; the reference is owned.
    unsafe { Bound::from_owned_ptr_or_opt(py, crate::current::get()) }
}

/// So long may the end of the process wait for exporters, all together.
const FAREWELL: Duration = Duration::from_secs(5);

#[pyfunction]
fn at_exit(py: Python<'_>) {
    state().catch_up(py);
    let end = *state().end.get_or_init(|| clock::deadline(FAREWELL));
    crate::timer::stop(py);
    let tracers = state().live(py);
    // First of all, for threads that go on would make the end wait for ever.
    tracers.iter().for_each(crate::tracer::refuse);
    // So that an exporter that takes all the time takes none of another tracer's.
    tracers.iter().for_each(crate::tracer::hand_over);
    for tracer in tracers {
        if let Err(error) = tracer.call_method0("shutdown") {
            crate::lanes::swallow(py, error, "a tracer could not be shut down at exit");
        }
    }
    crate::timer::wait(py, end);
}

#[pyfunction]
fn after_fork(py: Python<'_>) -> PyResult<()> {
    state().catch_up(py);
    watch_children(py)
}

fn watch_children(py: Python<'_>) -> PyResult<()> {
    if !state().watches_children.get() {
        let watches = crate::multiprocessing::watch(state().farewell.bind(py))?;
        state().watches_children.set(watches);
    }
    Ok(())
}

/// Fills the module.
pub(crate) fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let word = |text: &str| PyString::intern(py, text).into_ptr();
    // SAFETY: attached; the new variable is owned by the state.
    let current = unsafe {
        let name = c"codomyrmex.current_span".as_ptr();
        Bound::from_owned_ptr_or_err(py, ffi::PyContextVar_New(name, ptr::null_mut()))?.into_ptr()
    };
    let farewell = wrap_pyfunction!(at_exit, module)?.into_any();
    let state: *mut State = Box::into_raw(Box::new(State {
        span_type: ptr::null_mut(),
        place_type: ptr::null_mut(),
        traced_type: ptr::null_mut(),
        driven_types: [ptr::null_mut(); 4],
        registry: pyo3::types::PyDict::new(py).into_ptr(),
        current,
        kind: word("kind"),
        name: word("name"),
        service_name: word("service.name"),
        function_name: word("function.name"),
        throw: word("throw"),
        close: word("close"),
        anext: word("__anext__"),
        traceparent: word("traceparent"),
        code_file: word("co_filename"),
        code_name: word(if py.version_info() >= (3, 11) {
            "co_qualname"
        } else {
            "co_name"
        }),
        kinds: [const { Cell::new(ptr::null_mut()) }; 5],
        statuses: [const { Cell::new(ptr::null_mut()) }; 3],
        spare_spans: crate::span::SpareSpans::new(),
        spare_body: Cell::new(None),
        unflushed: Mutex::default(),
        end: OnceLock::new(),
        tracers: Mutex::default(),
        farewell: farewell.clone().unbind(),
        watches_children: Cell::new(false),
        generation: AtomicU32::new(generation()),
    }));
    // SAFETY: not shared before the store below.
    unsafe {
        (*state).span_type = crate::span::build(module)?;
        (*state).place_type = crate::place::build(module)?;
        (*state).traced_type = crate::decorator::build(module)?;
        (*state).driven_types = crate::driven::build(module)?;
    }
    STATE.store(state, Ordering::Release);
    // SAFETY: the state owns the type.
    module.add("Span", unsafe {
        Bound::from_borrowed_ptr(py, (*state).span_type.cast())
    })?;
    module.add_class::<SpanContext>()?;
    module.add_class::<Tracer>()?;
    module.add_class::<NullExporter>()?;
    module.add_class::<OTLPExporter>()?;
    module.add_class::<Limits>()?;
    module.add_class::<Sampler>()?;
    module.add_class::<SamplingResult>()?;
    module.add_class::<Stats>()?;
    module.add_class::<ExporterStats>()?;
    add_hot_method(&py.get_type::<Tracer>())?;
    module.add_function(wrap_pyfunction!(get_current_span, module)?)?;
    module.add_function(wrap_pyfunction!(crate::decorator::traced, module)?)?;
    crate::hot::fill(module)?;
    module.add_function(wrap_pyfunction!(
        crate::propagation::inject_environment,
        module
    )?)?;
    // SAFETY: the state owns the dict.
    module.add("registry", unsafe {
        Bound::from_borrowed_ptr(py, (*state).registry)
    })?;
    module.add_function(wrap_pyfunction!(crate::console::json_text, module)?)?;
    module.add_function(wrap_pyfunction!(crate::console::tree_text, module)?)?;
    module.add_function(wrap_pyfunction!(crate::console::shape_text, module)?)?;
    module.add_function(wrap_pyfunction!(crate::kind::register, module)?)?;
    crate::sigterm::fill(module)?;
    py.import("atexit")?.call_method1("register", (farewell,))?;
    watch_children(py)?;
    let options = pyo3::types::PyDict::new(py);
    options.set_item("after_in_child", wrap_pyfunction!(after_fork, module)?)?;
    if let Ok(register) = py.import("os")?.getattr("register_at_fork") {
        register.call((), Some(&options))?;
    }
    // The names are for the package, which has an `__all__` of its own.
    module.delattr("__all__")
}

/// `Tracer.span` is written on the C API, the rest of the class is not.
fn add_hot_method(class: &Bound<'_, pyo3::types::PyType>) -> PyResult<()> {
    let method = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"span".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: crate::hot::span_method },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: c"span($self, /, name, kind=None, attributes=None, **more)\n--\n\nA span that begins with its `with` block, or with each call of the function that it decorates.\n\nA kind of None is INTERNAL. Every keyword but `kind` is an attribute, also one that is called `attributes`, and `name` where a position gives the name.".as_ptr(),
    }));
    // SAFETY: the definition is never freed; the descriptor checks its receiver's class.
    let method = unsafe {
        Bound::from_owned_ptr_or_err(
            class.py(),
            ffi::PyDescr_NewMethod(class.as_ptr().cast(), method),
        )?
    };
    class.setattr("span", method)
}
