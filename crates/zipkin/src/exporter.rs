//! The exporter.

use std::fmt;

use codomyrmex_core::{Batch, Delivery, ExportError, SpanExporter};
use codomyrmex_otlp::OtlpExporter;
use codomyrmex_wire::TracesView;

use crate::builder::ZipkinExporterBuilder;
use crate::span::write_spans;

/// Sends spans as Zipkin's v2 JSON, on a thread of its own.
///
/// What is tried again, when, and for how long, is as with [`OtlpExporter`] over HTTP.
pub struct ZipkinExporter {
    transport: OtlpExporter,
}

impl ZipkinExporter {
    /// An exporter to be configured.
    pub fn builder() -> ZipkinExporterBuilder {
        ZipkinExporterBuilder::new()
    }

    pub(crate) fn of(transport: OtlpExporter) -> Self {
        Self { transport }
    }
}

impl SpanExporter for ZipkinExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let mut request = batch.request_prefix_without_books();
        request.extend_from_slice(batch.bytes());
        let traces = TracesView::parse(&request)
            .map_err(|_| ExportError::permanent("the batch is not what an encoder writes"))?;
        let mut body = String::with_capacity(request.len() * 3);
        write_spans(&traces, &mut body);
        drop(request);
        self.transport.post(body.into_bytes(), batch)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "zipkin"
    }

    fn shutdown(&self) {
        self.transport.shutdown();
    }

    fn cancel(&self) {
        self.transport.cancel();
    }

    fn is_fork_safe(&self) -> bool {
        true
    }
}

impl fmt::Debug for ZipkinExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZipkinExporter")
            .field(&self.transport)
            .finish()
    }
}
