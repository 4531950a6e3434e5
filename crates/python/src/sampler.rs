//! Samplers: the built-in ones, and an object of the user's own with a method `sample`.

use std::sync::Arc;

use codomyrmex_core::{
    ConsistentProbability, RateLimit, Sample, Sampler as Core, SamplingInput,
    SamplingResult as CoreResult, TraceState,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::lanes::swallow;
use crate::span_context::SpanContext;
use crate::{convert, kind, user_code};

/// Decides which traces are recorded, before anything else is paid for.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "Sampler",
    frozen,
    from_py_object
)]
#[derive(Clone)]
pub(crate) struct Sampler {
    core: Core,
}

#[pymethods]
impl Sampler {
    /// Every span.
    #[staticmethod]
    fn always_on() -> Self {
        Self {
            core: Core::always_on(),
        }
    }

    /// No span.
    #[staticmethod]
    fn always_off() -> Self {
        Self {
            core: Core::always_off(),
        }
    }

    /// A share of the traces, between 0 and 1, decided by the trace id.
    #[staticmethod]
    fn ratio(ratio: f64) -> PyResult<Self> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(PyValueError::new_err("a ratio lies between 0 and 1"));
        }
        Ok(Self {
            core: Core::ratio(ratio),
        })
    }

    /// A share of the traces, between 0 and 1, with how many each stands for in its trace state (`ot=th:…`).
    #[staticmethod]
    fn consistent_probability(probability: f64) -> PyResult<Self> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(PyValueError::new_err("a probability lies between 0 and 1"));
        }
        Ok(Self {
            core: Core::custom(Arc::new(ConsistentProbability::new(probability))),
        })
    }

    /// At most so many traces a second. For roots: below `parent_based`.
    #[staticmethod]
    fn rate_limit(per_second: f64) -> PyResult<Self> {
        if !(0.0..=f64::MAX).contains(&per_second) {
            return Err(PyValueError::new_err("a rate is a number of at least 0"));
        }
        Ok(Self {
            core: Core::custom(Arc::new(RateLimit::new(per_second))),
        })
    }

    /// As the parent; `root` decides where there is none.
    #[staticmethod]
    fn parent_based(root: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            core: Core::parent_based(read(root)?),
        })
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.core)
    }
}

/// What a sampler of the user's own may answer, beside True and False.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "SamplingResult",
    frozen,
    get_all
)]
pub(crate) struct SamplingResult {
    /// Whether the span is recorded.
    sampled: bool,
    /// Attributes that the span gets.
    attributes: Py<PyDict>,
    /// The span's trace state; None is the parent's.
    trace_state: Option<String>,
}

#[pymethods]
impl SamplingResult {
    #[new]
    #[pyo3(signature = (sampled, attributes = None, trace_state = None))]
    fn new(
        py: Python<'_>,
        sampled: bool,
        attributes: Option<Bound<'_, PyDict>>,
        trace_state: Option<String>,
    ) -> PyResult<Self> {
        let attributes = match attributes {
            Some(given) => given.copy()?,
            None => PyDict::new(py),
        };
        Ok(Self {
            sampled,
            attributes: attributes.unbind(),
            trace_state,
        })
    }
}

/// The engine's sampler for what a tracer was given: a Sampler, the name of a built-in one, or an object with `sample`.
pub(crate) fn read(given: &Bound<'_, PyAny>) -> PyResult<Core> {
    if let Ok(built_in) = given.cast::<Sampler>() {
        return Ok(built_in.get().core.clone());
    }
    if let Ok(name) = given.cast::<PyString>() {
        return Core::parse(name.to_str()?, None)
            .map_err(|error| PyValueError::new_err(format!("sampler: {error}")));
    }
    if given.hasattr("sample")? {
        return Ok(Core::custom(Arc::new(Own {
            sampler: given.clone().unbind(),
        })));
    }
    Err(PyTypeError::new_err(
        "a sampler is a Sampler, the name of one, or an object with a method sample()",
    ))
}

/// A Python object as a sampler.
struct Own {
    sampler: Py<PyAny>,
}

impl Sample for Own {
    fn sample(&self, input: &SamplingInput<'_>) -> CoreResult {
        Python::attach(|py| {
            self.ask(py, input).unwrap_or_else(|error| {
                swallow(py, error, "a sampler raised; its span is not recorded");
                CoreResult::drop()
            })
        })
    }

    fn description(&self) -> String {
        Python::attach(|py| convert::text(self.sampler.bind(py)))
    }
}

impl Own {
    /// `sample(name, *, trace_id, parent, kind, attributes, links)`.
    fn ask(&self, py: Python<'_>, input: &SamplingInput<'_>) -> PyResult<CoreResult> {
        let options = PyDict::new(py);
        options.set_item("trace_id", input.trace_id.to_string())?;
        let parent = input
            .parent
            .map(|parent| SpanContext::from_core(py, parent))
            .transpose()?;
        options.set_item(
            "parent",
            parent.map(|parent| Bound::new(py, parent)).transpose()?,
        )?;
        options.set_item("kind", kind::kind_member(py, input.kind.otlp())?)?;
        let attributes = PyDict::new(py);
        for (key, value) in input.attributes {
            attributes.set_item(key, convert::to_python(py, value)?)?;
        }
        options.set_item("attributes", attributes)?;
        let links: Vec<_> = input
            .links
            .iter()
            .map(|link| SpanContext::from_core(py, link))
            .collect::<PyResult<_>>()?;
        options.set_item("links", links)?;
        let sample = self.sampler.bind(py).getattr("sample")?;
        let answer = user_code::call(&sample, &PyTuple::new(py, [input.name])?, Some(&options))?;
        let Ok(result) = answer.cast::<SamplingResult>() else {
            return Ok(answer.is_truthy()?.into());
        };
        let result = result.get();
        let mut decision = CoreResult::from(result.sampled);
        decision.attributes = convert::attributes(result.attributes.bind(py));
        decision.trace_state = result
            .trace_state
            .as_deref()
            .and_then(|state| TraceState::from_values([state]).ok());
        Ok(decision)
    }
}
