//! SpanContext: what of a span its children need to know.

use codomyrmex_core::binding::ParentIds;
use codomyrmex_core::{SpanContext as Core, SpanId, TraceId, TraceState};
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::{baggage, convert, engine, headers, settings};

/// Ids, sampling and baggage of a span; what travels to other processes.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "SpanContext",
    subclass,
    weakref
)]
pub(crate) struct SpanContext {
    trace_id: Py<PyAny>,
    span_id: Py<PyAny>,
    parent_span_id: Py<PyAny>,
    sampled: Py<PyAny>,
    baggage: Py<PyAny>,
    trace_state: Py<PyAny>,
    is_remote: bool,
    /// The ids as words, as long as nobody assigned another one.
    words: Option<([u64; 2], u64)>,
    /// Whether the trace id is known to be random.
    random: bool,
}

/// What a child takes from a context that is nothing but ids.
pub(crate) struct Plain {
    pub(crate) trace_id: [u64; 2],
    pub(crate) span_id: u64,
    pub(crate) sampled: bool,
    pub(crate) is_remote: bool,
    pub(crate) random: bool,
}

fn hex_trace(py: Python<'_>, words: [u64; 2]) -> Py<PyAny> {
    let mut digits = [0; 32];
    convert::ascii(py, TraceId::from_words(words).write_hex(&mut digits))
        .into_any()
        .unbind()
}

fn hex_span(py: Python<'_>, word: u64) -> Py<PyAny> {
    let mut digits = [0; 16];
    convert::ascii(py, SpanId::from_word(word).write_hex(&mut digits))
        .into_any()
        .unbind()
}

fn truth(py: Python<'_>, value: bool) -> Py<PyAny> {
    pyo3::types::PyBool::new(py, value)
        .to_owned()
        .into_any()
        .unbind()
}

impl SpanContext {
    /// The context of a span that has ids and nothing else.
    pub(crate) fn of_ids(
        py: Python<'_>,
        trace_id: [u64; 2],
        span_id: u64,
        parent_id: u64,
        flags: u16,
    ) -> Self {
        Self {
            trace_id: hex_trace(py, trace_id),
            span_id: hex_span(py, span_id),
            parent_span_id: if parent_id == 0 {
                py.None()
            } else {
                hex_span(py, parent_id)
            },
            sampled: truth(py, flags & engine::SAMPLED != 0),
            baggage: PyDict::new(py).into_any().unbind(),
            trace_state: PyString::intern(py, "").into_any().unbind(),
            is_remote: false,
            words: Some((trace_id, span_id)),
            random: flags & engine::RANDOM != 0,
        }
    }

    /// The context that a `traceparent` brings from another process.
    pub(crate) fn incoming(py: Python<'_>, ids: ParentIds) -> Self {
        let flags = u16::from(ids.flags);
        let mut made = Self::of_ids(py, ids.trace_id, ids.span_id, 0, flags);
        made.is_remote = true;
        made
    }

    /// Another trace state than the parent's.
    pub(crate) fn set_state(&mut self, py: Python<'_>, state: &str) {
        self.trace_state = PyString::new(py, state).into_any().unbind();
    }

    /// The trace state, to be given to another context.
    pub(crate) fn state(&self, py: Python<'_>) -> Py<PyAny> {
        self.trace_state.clone_ref(py)
    }

    /// Takes over a trace state.
    pub(crate) fn take_state(&mut self, state: Py<PyAny>) {
        self.trace_state = state;
    }

    pub(crate) fn from_core(py: Python<'_>, core: &Core) -> PyResult<Self> {
        let text = |text: &str| PyString::new(py, text).into_any().unbind();
        let baggage = PyDict::new(py);
        for (key, value) in core.baggage.iter() {
            baggage.set_item(key, value)?;
        }
        let plain = core.text_trace_id().is_none() && core.text_span_id().is_none();
        Ok(Self {
            trace_id: match core.text_trace_id() {
                Some(own) => text(own),
                None => hex_trace(py, core.trace_id.to_words()),
            },
            span_id: match core.text_span_id() {
                Some(own) => text(own),
                None => hex_span(py, core.span_id.to_word()),
            },
            parent_span_id: match (core.text_parent_span_id(), core.parent_span_id) {
                (Some(own), _) => text(own),
                (None, Some(id)) => hex_span(py, id.to_word()),
                (None, None) => py.None(),
            },
            sampled: truth(py, core.sampled),
            baggage: baggage.into_any().unbind(),
            trace_state: text(core.trace_state.as_str()),
            is_remote: core.is_remote,
            words: plain.then(|| (core.trace_id.to_words(), core.span_id.to_word())),
            random: core.random_trace_id(),
        })
    }

    /// What a child needs, where that is ids and the sampled flag only.
    pub(crate) fn plain(&self, py: Python<'_>) -> Option<Plain> {
        let (trace_id, span_id) = self.words?;
        let baggage = self.baggage.bind(py).cast::<PyDict>().ok()?;
        let trace_state = self.trace_state.bind(py).cast::<PyString>().ok()?;
        if !baggage.is_empty() || trace_state.len().ok()? != 0 {
            return None;
        }
        Some(Plain {
            trace_id,
            span_id,
            sampled: self.is_sampled(py),
            is_remote: self.is_remote,
            random: self.random,
        })
    }

    fn is_sampled(&self, py: Python<'_>) -> bool {
        self.sampled.bind(py).is_truthy().unwrap_or(true)
    }

    /// As [`to_core`](Self::to_core), without reading texts that say nothing but ids.
    pub(crate) fn to_core_quickly(&self, py: Python<'_>) -> Core {
        let parent = self.parent_span_id.bind(py);
        let parent = match parent.cast::<PyString>().map(PyStringMethods::to_str) {
            Ok(Ok(text)) => SpanId::from_hex(text.as_bytes()).ok(),
            _ if parent.is_none() => Some(SpanId::INVALID),
            _ => None,
        };
        let (Some(plain), Some(parent)) = (self.plain(py), parent) else {
            return self.to_core(py);
        };
        let trace_id = TraceId::from_words(plain.trace_id);
        let mut core = Core::new(trace_id, SpanId::from_word(plain.span_id));
        core.parent_span_id = parent.valid();
        core.sampled = plain.sampled;
        core.is_remote = plain.is_remote;
        core.set_random_trace_id(plain.random);
        core
    }

    /// The engine's form of it, whatever stands in the fields.
    pub(crate) fn to_core(&self, py: Python<'_>) -> Core {
        let id = |value: &Py<PyAny>| {
            let value = value.bind(py);
            if value.is_none() {
                String::new()
            } else {
                convert::text(value)
            }
        };
        let parent = id(&self.parent_span_id);
        let parent = (!parent.is_empty()).then_some(parent.as_str());
        let mut core = Core::from_text(&id(&self.trace_id), &id(&self.span_id), parent);
        core.sampled = self.is_sampled(py);
        core.baggage = baggage::read(self.baggage.bind(py));
        let state = convert::text(self.trace_state.bind(py));
        core.trace_state = TraceState::from_values([state.as_str()]).unwrap_or_default();
        core.is_remote = self.is_remote;
        core.set_random_trace_id(self.random && self.words.is_some());
        core
    }

    /// The context of a child with this id. It shares the ids' own texts, and has baggage of its own to change.
    pub(crate) fn child(&self, py: Python<'_>, span_id: u64, sampled: bool) -> Self {
        Self {
            trace_id: self.trace_id.clone_ref(py),
            span_id: hex_span(py, span_id),
            parent_span_id: self.span_id.clone_ref(py),
            sampled: truth(py, sampled),
            baggage: baggage::own(self.baggage.bind(py)).into_any().unbind(),
            trace_state: self.trace_state.clone_ref(py),
            is_remote: false,
            words: self.words.map(|(trace_id, _)| (trace_id, span_id)),
            random: self.random,
        }
    }

    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(
            py,
            [
                &self.trace_id,
                &self.span_id,
                &self.parent_span_id,
                &self.sampled,
                &self.baggage,
            ],
        )
    }
}

#[pymethods]
impl SpanContext {
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parameters of the Python function"
    )]
    #[new]
    #[pyo3(signature = (trace_id, span_id, parent_span_id = None, sampled = None, baggage = None, *, trace_state = None, is_remote = false))]
    fn new(
        py: Python<'_>,
        trace_id: Py<PyAny>,
        span_id: Py<PyAny>,
        parent_span_id: Option<Py<PyAny>>,
        sampled: Option<Py<PyAny>>,
        baggage: Option<Py<PyAny>>,
        trace_state: Option<Py<PyAny>>,
        is_remote: bool,
    ) -> Self {
        Self {
            trace_id,
            span_id,
            parent_span_id: parent_span_id.unwrap_or_else(|| py.None()),
            sampled: sampled.unwrap_or_else(|| truth(py, true)),
            baggage: baggage.unwrap_or_else(|| PyDict::new(py).into_any().unbind()),
            trace_state: trace_state
                .unwrap_or_else(|| PyString::intern(py, "").into_any().unbind()),
            is_remote,
            words: None,
            random: false,
        }
    }

    /// The id of the whole trace: 32 hexadecimal digits, or any text.
    #[getter]
    fn trace_id(&self, py: Python<'_>) -> Py<PyAny> {
        self.trace_id.clone_ref(py)
    }

    #[setter]
    fn set_trace_id(&mut self, value: Py<PyAny>) {
        self.words = None;
        self.trace_id = value;
    }

    /// The id of the span: 16 hexadecimal digits, or any text.
    #[getter]
    fn span_id(&self, py: Python<'_>) -> Py<PyAny> {
        self.span_id.clone_ref(py)
    }

    #[setter]
    fn set_span_id(&mut self, value: Py<PyAny>) {
        self.words = None;
        self.span_id = value;
    }

    /// The id of the parent's span; None for a root.
    #[getter]
    fn parent_span_id(&self, py: Python<'_>) -> Py<PyAny> {
        self.parent_span_id.clone_ref(py)
    }

    #[setter]
    fn set_parent_span_id(&mut self, value: Py<PyAny>) {
        self.words = None;
        self.parent_span_id = value;
    }

    /// Whether the trace is recorded.
    #[getter]
    fn sampled(&self, py: Python<'_>) -> Py<PyAny> {
        self.sampled.clone_ref(py)
    }

    #[setter]
    fn set_sampled(&mut self, value: Py<PyAny>) {
        self.sampled = value;
    }

    /// What travels along for the application; may be changed in place.
    #[getter]
    fn baggage(&self, py: Python<'_>) -> Py<PyAny> {
        self.baggage.clone_ref(py)
    }

    #[setter]
    fn set_baggage(&mut self, value: Py<PyAny>) {
        self.baggage = value;
    }

    /// W3C's `tracestate`.
    #[getter]
    fn trace_state(&self, py: Python<'_>) -> Py<PyAny> {
        self.trace_state.clone_ref(py)
    }

    #[setter]
    fn set_trace_state(&mut self, value: Py<PyAny>) {
        self.trace_state = value;
    }

    /// Whether it came from another process.
    #[getter]
    fn is_remote(&self) -> bool {
        self.is_remote
    }

    #[setter]
    fn set_is_remote(&mut self, value: bool) {
        self.is_remote = value;
    }

    /// Whether both ids are there and not all zero.
    #[getter]
    fn is_valid(&self, py: Python<'_>) -> bool {
        self.to_core(py).is_valid()
    }

    /// `trace_id`, `span_id`, `parent_span_id`, `sampled` and `baggage`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("trace_id", &self.trace_id)?;
        dict.set_item("span_id", &self.span_id)?;
        dict.set_item("parent_span_id", &self.parent_span_id)?;
        dict.set_item("sampled", &self.sampled)?;
        let baggage = self.baggage.bind(py);
        if baggage.is_instance_of::<PyDict>() {
            dict.set_item("baggage", baggage::own(baggage))?;
        } else {
            dict.set_item("baggage", baggage)?;
        }
        Ok(dict)
    }

    /// Reads what `to_dict` gives; KeyError names the key that is missing.
    #[classmethod]
    fn from_dict<'py>(
        class: &Bound<'py, PyType>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        let get = |key: &'static str| match data.get_item(key) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<PyKeyError>(py) => Ok(None),
            Err(error) => Err(error),
        };
        let required = |key: &'static str| get(key)?.ok_or_else(|| PyKeyError::new_err(key));
        let options = PyDict::new(py);
        options.set_item("trace_id", required("trace_id")?)?;
        options.set_item("span_id", required("span_id")?)?;
        for key in ["parent_span_id", "sampled"] {
            if let Some(value) = get(key)? {
                options.set_item(key, value)?;
            }
        }
        if let Some(baggage) = get("baggage")?.filter(|baggage| !baggage.is_none()) {
            let copy = PyDict::new(py);
            copy.update(
                baggage
                    .cast()
                    .map_err(|_| PyTypeError::new_err("baggage must be a mapping"))?,
            )?;
            options.set_item("baggage", copy)?;
        }
        class.call((), Some(&options))
    }

    /// `X-Trace-Id`, `X-Span-Id`, `X-Parent-Span-Id`, `X-Sampled`, `baggage`, `traceparent` and `tracestate`.
    fn to_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = PyDict::new(py);
        let mut done = Ok(());
        self.to_core(py)
            .inject_with(settings::default_redact(), &mut |name, value| {
                if done.is_ok() {
                    done = headers.set_item(name, value);
                }
            });
        done.map(|()| headers)
    }

    /// The context that came with these headers, names in any case; None where there is none. Never raises.
    #[classmethod]
    fn from_headers<'py>(
        class: &Bound<'py, PyType>,
        headers: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = class.py();
        let Some(core) = Core::from_headers(headers::read(headers).as_slice()) else {
            return Ok(None);
        };
        let made = Self::from_core(py, &core)?;
        if class.is(py.get_type::<SpanContext>()) {
            return Ok(Some(Bound::new(py, made)?.into_any()));
        }
        let options = PyDict::new(py);
        options.set_item("trace_state", &made.trace_state)?;
        options.set_item("is_remote", true)?;
        class.call(made.fields(py)?, Some(&options)).map(Some)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let class = slf.get_type().qualname()?;
        let this = slf.borrow();
        Ok(format!(
            "{class}(trace_id={}, span_id={}, parent_span_id={}, sampled={}, baggage={})",
            this.trace_id.bind(py).repr()?,
            this.span_id.bind(py).repr()?,
            this.parent_span_id.bind(py).repr()?,
            this.sampled.bind(py).repr()?,
            this.baggage.bind(py).repr()?,
        ))
    }

    fn __eq__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Some(other) = other
            .cast::<Self>()
            .ok()
            .filter(|other| other.get_type().is(slf.get_type()))
        else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        if slf.is(other) {
            return Ok(truth(py, true).into_bound(py));
        }
        let (mine, theirs) = {
            let (mine, theirs) = (slf.borrow(), other.borrow());
            let states = (
                mine.trace_state.clone_ref(py),
                theirs.trace_state.clone_ref(py),
            );
            ((mine.fields(py)?, states.0), (theirs.fields(py)?, states.1))
        };
        let equal = mine.0.eq(&theirs.0)? && mine.1.bind(py).eq(&theirs.1)?;
        Ok(truth(py, equal).into_bound(py))
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let this = slf.borrow();
        let extra = PyTuple::new(
            py,
            [this.trace_state.clone_ref(py), truth(py, this.is_remote)],
        )?;
        Ok((slf.get_type().into_any(), this.fields(py)?, extra))
    }

    fn __setstate__(&mut self, state: (Py<PyAny>, bool)) {
        (self.trace_state, self.is_remote) = state;
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.trace_id)?;
        visit.call(&self.span_id)?;
        visit.call(&self.parent_span_id)?;
        visit.call(&self.sampled)?;
        visit.call(&self.baggage)?;
        visit.call(&self.trace_state)
    }

    fn __clear__(&mut self, py: Python<'_>) {
        for field in [
            &mut self.trace_id,
            &mut self.span_id,
            &mut self.parent_span_id,
            &mut self.sampled,
            &mut self.baggage,
        ] {
            *field = py.None();
        }
    }
}
