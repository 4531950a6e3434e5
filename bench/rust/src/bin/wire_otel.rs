//! opentelemetry-otlp to a sink, over HTTP/protobuf, behind the batch processor.

use std::hint::black_box;

use codomyrmex_bench::wire::{QUEUE, Run};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

fn main() {
    let run = Run::from_arguments();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", run.url()))
        .build()
        .expect("the sink's address is an endpoint");
    let config = BatchConfigBuilder::default();
    let config = if run.is_lossless() {
        config.with_max_queue_size(QUEUE)
    } else {
        config
    };
    let provider = SdkTracerProvider::builder()
        .with_span_processor(
            BatchSpanProcessor::builder(exporter)
                .with_batch_config(config.build())
                .build(),
        )
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .build();
    let tracer = provider.tracer("shop");
    run.measure(
        |children, path| {
            tracer.in_span("root", |_| {
                for _ in 0..children {
                    let builder = tracer.span_builder("child").with_attributes([
                        KeyValue::new("http.request.method", "GET"),
                        KeyValue::new("http.response.status_code", black_box(200_i64)),
                        KeyValue::new("url.path", path.to_owned()),
                    ]);
                    tracer.in_span_with_builder(builder, |context| {
                        black_box(&context);
                    });
                }
            });
        },
        || {
            provider.shutdown().expect("what is left is delivered");
            None
        },
    );
}
