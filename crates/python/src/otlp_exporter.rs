//! OTLPExporter: how spans are sent to an OTLP receiver. Each tracer that has it sends on a thread of its own.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use codomyrmex_core::SpanExporter;
use codomyrmex_tracing::OtlpExporter as Core;
use codomyrmex_tracing::environment::Settings;
use codomyrmex_tracing::otlp::OtlpExporterBuilder;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use crate::{by_hand, settings};

/// The native half of OTLPExporter. A tracer that has one encodes its spans.
#[pyclass(
    module = "codomyrmex.telemetry.tracing._native",
    name = "OTLPExporter",
    frozen,
    subclass,
    weakref
)]
pub(crate) struct OTLPExporter {
    builder: OtlpExporterBuilder,
    shown: String,
    /// The environment when it was made.
    settings: Settings,
    /// For spans that are exported by hand.
    own: OnceLock<Arc<dyn SpanExporter>>,
}

impl OTLPExporter {
    /// The exporter of one tracer.
    pub(crate) fn build(&self) -> PyResult<Core> {
        self.builder.clone().build().map_err(wrong)
    }
}

fn wrong(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl OTLPExporter {
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parameters of the Python function"
    )]
    #[new]
    #[pyo3(signature = (endpoint = None, *, protocol = None, headers = None, timeout = None, compression = None, certificate = None, client_certificate = None, client_key = None, insecure = None))]
    fn new(
        endpoint: Option<String>,
        protocol: Option<&str>,
        headers: Option<Bound<'_, PyAny>>,
        timeout: Option<f64>,
        compression: Option<&str>,
        certificate: Option<PathBuf>,
        client_certificate: Option<PathBuf>,
        client_key: Option<PathBuf>,
        insecure: Option<bool>,
    ) -> PyResult<Self> {
        // What is not given is the environment's.
        let settings = settings::environment();
        let mut builder = settings.otlp.clone();
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint(endpoint);
        }
        if let Some(protocol) = protocol {
            builder = builder.protocol(protocol.parse().map_err(wrong)?);
        }
        if let Some(headers) = headers {
            builder = with_headers(builder, &headers)?;
        }
        if let Some(seconds) = timeout {
            let timeout = settings::interval(seconds)?;
            if timeout == Duration::ZERO {
                return Err(wrong("a timeout must be more than zero seconds"));
            }
            builder = builder.timeout(timeout);
        }
        if let Some(compression) = compression {
            builder = builder.compression(compression.parse().map_err(wrong)?);
        }
        if let Some(file) = certificate {
            builder = builder.certificate(file);
        }
        if let Some(file) = client_certificate {
            builder = builder.client_certificate(file);
        }
        if let Some(file) = client_key {
            builder = builder.client_key(file);
        }
        if let Some(insecure) = insecure {
            builder = builder.insecure(insecure);
        }
        // What is wrong is said where it was written.
        let shown = format!("{:?}", builder.clone().build().map_err(wrong)?);
        Ok(Self {
            builder,
            shown,
            settings,
            own: OnceLock::new(),
        })
    }

    /// Sends spans of any tracers, or made by hand, and waits for the answer: at most `timeout` for each tracer's.
    ///
    /// They stand in no tracer's books. What did not arrive is a RuntimeError that says why.
    fn export(&self, spans: &Bound<'_, PyAny>) -> PyResult<()> {
        let own = match self.own.get() {
            Some(own) => own,
            None => {
                let made = self.build()?;
                self.own.get_or_init(|| Arc::new(made))
            }
        };
        by_hand::export(spans, &self.settings, own)
    }

    fn __repr__(&self) -> String {
        format!("<{}>", self.shown)
    }
}

/// A mapping of names and values, or text as in `OTEL_EXPORTER_OTLP_HEADERS`.
fn with_headers(
    mut builder: OtlpExporterBuilder,
    headers: &Bound<'_, PyAny>,
) -> PyResult<OtlpExporterBuilder> {
    if let Ok(list) = headers.cast::<PyString>() {
        return Ok(builder.headers(list.to_str()?));
    }
    let wrong =
        || PyTypeError::new_err("headers must be a mapping of text, or name=value,name=value");
    let headers = headers.cast::<PyMapping>().map_err(|_| wrong())?;
    for item in headers.items()?.iter() {
        let (name, value): (String, String) = item.extract().map_err(|_| wrong())?;
        builder = builder.header(name, value);
    }
    Ok(builder)
}
