//! An exporter that keeps the encoded batches, and reads them when all is done.

use std::sync::{Arc, Mutex, PoisonError};

use codomyrmex_tracing::{Batch, Delivery, ExportError, FinishedSpan, SpanExporter};
use codomyrmex_wire::{DecodeError, TracesView};

/// Keeps all batches. Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected {
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Collected {
    /// The batches as one OTLP `ExportTraceServiceRequest`: laid one behind the other, such messages are one.
    pub(crate) fn request(&self) -> Vec<u8> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut request = Vec::new();
        for batch in &*batches {
            request.extend(batch.request_prefix());
            request.extend(batch.bytes());
        }
        request
    }
}

impl SpanExporter for Collected {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.push(batch.clone());
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "collected"
    }
}

/// The spans of a request, each with the name of the service that recorded it.
///
/// # Errors
///
/// If the bytes are no OTLP request.
pub(crate) fn spans(request: &[u8]) -> Result<Vec<FinishedSpan>, DecodeError> {
    let mut spans = Vec::new();
    for resource in TracesView::parse(request)?.resource_spans() {
        let service = resource.attribute("service.name");
        let service: Arc<str> = service
            .as_ref()
            .and_then(|name| name.as_str())
            .unwrap_or_default()
            .into();
        for view in resource.scope_spans().flat_map(|scope| scope.spans()) {
            spans.push(FinishedSpan::from_view(&view, &service));
        }
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codomyrmex_tracing::Tracer;

    #[test]
    fn requests_of_two_services_are_read_as_one() {
        let of = |service: &str| {
            let collected = Collected::default();
            let tracer = Tracer::builder(service).exporter(collected.clone()).build();
            for name in ["a", "b"] {
                tracer.span(name).finish();
                tracer.flush();
            }
            collected.request()
        };
        let spans = spans(&[of("indexer"), of("ranker")].concat()).unwrap();
        let names: Vec<_> = spans
            .iter()
            .map(|span| (&*span.service_name, &*span.name))
            .collect();
        assert_eq!(
            names,
            [
                ("indexer", "a"),
                ("indexer", "b"),
                ("ranker", "a"),
                ("ranker", "b")
            ]
        );
    }

    #[test]
    fn other_bytes_are_an_error() {
        assert!(spans(b"\x0a\xffnonsense").is_err());
        assert_eq!(spans(b""), Ok(Vec::new()));
    }
}
