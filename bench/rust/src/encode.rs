//! The peers' exporter: OTLP bytes by `opentelemetry-proto` and `prost`, counted and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;

use crate::serve::Exported;

/// What the exporter has seen so far.
#[derive(Debug, Default)]
pub struct Totals {
    spans: AtomicU64,
    bytes: AtomicU64,
}

impl Totals {
    /// As the measuring loop wants it.
    pub fn exported(&self) -> Exported {
        Exported {
            spans: self.spans.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Encodes each batch as an `ExportTraceServiceRequest`, as an OTLP exporter does before it sends.
#[derive(Debug, Default)]
pub struct EncodingExporter {
    totals: Arc<Totals>,
    resource: ResourceAttributesWithSchema,
}

impl EncodingExporter {
    /// An exporter and the handle that reads its totals.
    pub fn new() -> (Self, Arc<Totals>) {
        let exporter = Self::default();
        let totals = Arc::clone(&exporter.totals);
        (exporter, totals)
    }
}

impl SpanExporter for EncodingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let bytes = std::hint::black_box(request.encode_to_vec()).len() as u64;
        self.totals.spans.fetch_add(spans, Ordering::Relaxed);
        self.totals.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
