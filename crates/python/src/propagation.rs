//! Contexts to and from other processes: `inject` and `extract`.

use std::borrow::Cow;

use codomyrmex_core::{Propagator, Propagators, SpanContext as Core, SpanId, TraceId};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::headers::{HeadersIn, HeadersOut};
use crate::module::get_current_span;
use crate::span::SpanObject;
use crate::span_context::SpanContext;
use crate::{engine, inherit};

/// `inject`, of any arguments.
pub(crate) fn inject<'py>(
    carrier: Option<Bound<'py, PyAny>>,
    context: Option<Bound<'py, PyAny>>,
    propagators: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let propagators = formats(propagators.as_ref())?;
    write(given(carrier)?, context, propagators, false)
}

/// Write a context, that of the current span by default, into a dict of environment variables, and return it.
#[pyfunction]
#[pyo3(signature = (environment, context = None, *, propagators = None))]
pub(crate) fn inject_environment<'py>(
    environment: Bound<'py, PyAny>,
    context: Option<Bound<'py, PyAny>>,
    propagators: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    write(environment, context, propagators, true)
}

fn write<'py>(
    carrier: Bound<'py, PyAny>,
    context: Option<Bound<'py, PyAny>>,
    propagators: Option<&str>,
    variables: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = carrier.py();
    let propagators = chosen(propagators)?;
    let context = match context.filter(|context| !context.is_none()) {
        Some(context) => Some(core_of(&context)?),
        None => get_current_span(py)
            .map(|span| core_of(&span))
            .transpose()?,
    };
    if let Some(context) = context {
        let mut out = HeadersOut::of(&carrier, variables)?;
        propagators.inject(&context, &mut out);
        out.done?;
    }
    Ok(carrier)
}

/// `extract`, of any arguments.
pub(crate) fn extract<'py>(
    carrier: Option<Bound<'py, PyAny>>,
    context: Option<Bound<'py, PyAny>>,
    propagators: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let carrier = &given(carrier)?;
    let py = carrier.py();
    let propagators = chosen(formats(propagators.as_ref())?)?;
    let context = context.filter(|context| !context.is_none());
    let mut core = match &context {
        Some(context) => core_of(context)?,
        None => Core::INVALID,
    };
    let headers = HeadersIn::of(carrier, propagators.fields());
    let extracted = propagators.extract(&mut core, &headers);
    if !(extracted.found && core.is_valid()) {
        return Ok(context.unwrap_or_else(|| py.None().into_bound(py)));
    }
    let made = SpanContext::from_core(py, &core)?;
    Ok(Bound::new(py, made)?.into_any())
}

fn given(carrier: Option<Bound<'_, PyAny>>) -> PyResult<Bound<'_, PyAny>> {
    carrier.ok_or_else(|| PyTypeError::new_err("missing required argument: 'carrier'"))
}

fn formats<'a>(given: Option<&'a Bound<'_, PyAny>>) -> PyResult<Option<&'a str>> {
    match given.filter(|given| !given.is_none()) {
        None => Ok(None),
        Some(given) => match given.cast::<PyString>() {
            Ok(text) => text.to_str().map(Some),
            Err(_) => Err(PyTypeError::new_err(format!(
                "propagators must be a str, not {}",
                given.get_type()
            ))),
        },
    }
}

/// The formats of this list, or those that the environment chooses.
fn chosen(propagators: Option<&str>) -> PyResult<Cow<'static, Propagators>> {
    match propagators {
        None => Ok(Cow::Borrowed(codomyrmex_tracing::propagation::propagators())),
        Some(list) => Propagators::parse_with(list, crate::settings::default_redact())
            .map(Cow::Owned)
            .map_err(|error| PyValueError::new_err(error.to_string())),
    }
}

/// The engine's form of a Span's context, or of a SpanContext.
fn core_of(given: &Bound<'_, PyAny>) -> PyResult<Core> {
    let py = given.py();
    let Some(span) = SpanObject::of(given) else {
        let context = given.cast::<SpanContext>().map_err(|_| {
            PyTypeError::new_err(format!(
                "context must be a Span or a SpanContext, not {}",
                given.get_type()
            ))
        })?;
        return Ok(context.borrow().to_core_quickly(py));
    };
    if let Some(context) = span.context.get(py) {
        return core_of(&context);
    }
    if span.span_id.get() == 0 {
        return core_of(&inherit::context(py, span)?);
    }
    let trace_id = TraceId::from_words(span.trace_id.get());
    let mut core = Core::new(trace_id, SpanId::from_word(span.span_id.get()));
    core.parent_span_id = SpanId::from_word(span.parent_id.get()).valid();
    core.sampled = span.is_sampled();
    core.set_random_trace_id(span.otlp_flags.get() & engine::RANDOM != 0);
    Ok(core)
}
