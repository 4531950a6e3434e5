//! What arrives, over each protocol.

mod receiver;

use codomyrmex_core::Tracer;
use codomyrmex_otlp::OtlpExporter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use receiver::Receiver;

#[test]
fn protobuf_over_http() {
    let receiver = Receiver::new();
    let exporter = OtlpExporter::builder()
        .endpoint(receiver.url())
        .header("x-key", "abc")
        .build()
        .unwrap();
    let tracer = Tracer::builder("shop").exporter(exporter).build();
    {
        let checkout = tracer.span("checkout");
        checkout.set_attribute("items", 3);
        tracer.span("charge").finish();
    }
    tracer.flush();

    let request = receiver.requests.recv().unwrap();
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-protobuf")
    );
    assert_eq!(request.header("x-key"), Some("abc"));
    let decoded = ExportTraceServiceRequest::decode(&*request.body).unwrap();
    let spans = &decoded.resource_spans[0].scope_spans[0].spans;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["charge", "checkout"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(
        (
            stats.exporters[0].name.as_str(),
            stats.exporters[0].exported
        ),
        ("otlp", 2)
    );
}
