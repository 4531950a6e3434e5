//! The exporter.

use std::fmt;
use std::sync::Arc;

use codomyrmex_core::{Batch, Delivery, ExportError, PerProcess, SpanExporter};

use crate::builder::OtlpExporterBuilder;
use crate::deliver;
use crate::link::Local;
use crate::request;
use crate::settings::Settings;

/// Sends spans by OTLP, on a thread of its own.
///
/// An export that fails is tried again as the OTLP specification says, within the exporter's timeout:
///
/// | what happened | what becomes of it |
/// |---|---|
/// | HTTP 429, 502, 503, 504; no connection; a connection that broke | again, after what `Retry-After` asks for, or after a wait that doubles each time |
/// | gRPC CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS; RESOURCE_EXHAUSTED with RetryInfo | again, after what RetryInfo asks for, or as above |
/// | everything else; a certificate that is not right; a redirect | not again |
/// | success but for some spans | not again; those spans count as failed |
///
/// No redirect is followed: headers go to the endpoint and nowhere else.
pub struct OtlpExporter {
    settings: Settings,
    /// Held no longer than it takes to count a reference.
    local: PerProcess<Arc<Local>>,
}

impl OtlpExporter {
    /// An exporter to be configured.
    pub fn builder() -> OtlpExporterBuilder {
        OtlpExporterBuilder::new()
    }

    pub(crate) fn of(settings: Settings) -> Self {
        Self {
            settings,
            local: PerProcess::new(Arc::default),
        }
    }

    /// Sends a batch's body in another format, with JSON's content type, in the way of this exporter: for exporters beside it.
    #[doc(hidden)]
    pub fn post(&self, body: Vec<u8>, batch: &Batch) -> Result<(), ExportError> {
        let requests = request::made(body, batch.len() as u64);
        deliver::send(&self.settings, &self.local(), requests, batch)
    }

    fn local(&self) -> Arc<Local> {
        self.local.lock().clone()
    }
}

impl SpanExporter for OtlpExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        deliver::deliver(&self.settings, &self.local(), batch)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "otlp"
    }

    fn shutdown(&self) {
        self.local().close();
    }

    fn cancel(&self) {
        self.local().cancel();
    }

    fn is_fork_safe(&self) -> bool {
        true
    }
}

/// Shows no header's value, no key, and of the endpoint scheme, host and port.
impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpExporter").field(&self.settings).finish()
    }
}
