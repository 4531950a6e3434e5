//! What arrives over HTTP, as others read it.

mod receiver;

use std::io::Read;

use codomyrmex_core::{AttributeValue, SpanKind, SpanOptions, SpanStatus};
use codomyrmex_otlp::{Compression, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use receiver::{Receiver, Request, Traced, span_names};

/// Two spans, with some of everything.
fn record(traced: &Traced) {
    let tracer = &traced.tracer;
    {
        let checkout = tracer.span_with("checkout", SpanOptions::new().kind(SpanKind::Server));
        checkout
            .set_attribute("items", 3)
            .set_attribute("user", "ann");
        let charge = tracer.span("charge");
        charge.add_event("retry", &[("attempt", AttributeValue::from(2))]);
        charge.set_status(SpanStatus::Error, "card declined");
    }
    tracer.flush();
    traced.outcomes.recv().unwrap().unwrap();
    assert_eq!(traced.books(), (2, 0));
}

fn check(decoded: &ExportTraceServiceRequest) {
    assert_eq!(span_names(decoded), ["charge", "checkout"]);
    let resource = decoded.resource_spans[0].resource.as_ref().unwrap();
    assert!(
        resource
            .attributes
            .iter()
            .any(|attribute| attribute.key == "service.name")
    );
    let spans = &decoded.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
    assert_eq!(spans[0].trace_id, spans[1].trace_id);
    assert_eq!(spans[0].events[0].name, "retry");
    assert_eq!(spans[0].status.as_ref().unwrap().message, "card declined");
    assert_eq!(spans[1].attributes.len(), 2);
    assert!(spans[1].end_time_unix_nano >= spans[1].start_time_unix_nano);
}

fn inflated(request: &Request, encoding: &str) -> Vec<u8> {
    assert_eq!(request.header("content-encoding"), Some(encoding));
    let mut bytes = Vec::new();
    match encoding {
        "zstd" => return zstd::decode_all(&*request.body).unwrap(),
        _ => flate2::read::GzDecoder::new(&*request.body)
            .read_to_end(&mut bytes)
            .unwrap(),
    };
    bytes
}

#[test]
fn protobuf() {
    let receiver = Receiver::new([]);
    let traced = Traced::new(receiver.exporter().header("x-key", "abc"));
    record(&traced);
    let request = receiver.requests.recv().unwrap();
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-protobuf")
    );
    assert_eq!(request.header("host"), Some(&*receiver.address.to_string()));
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("codomyrmex-otlp/")
    );
    assert_eq!(request.header("x-key"), Some("abc"));
    assert_eq!(request.header("content-encoding"), None);
    check(&ExportTraceServiceRequest::decode(&*request.body).unwrap());
}

#[test]
fn compressed_protobuf() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let receiver = Receiver::new([]);
        let traced = Traced::new(receiver.exporter().compression(compression));
        record(&traced);
        let request = receiver.requests.recv().unwrap();
        let bytes = inflated(&request, compression.as_str());
        check(&ExportTraceServiceRequest::decode(&*bytes).unwrap());
    }
}

#[test]
fn json() {
    let receiver = Receiver::new([]);
    let traced = Traced::new(receiver.exporter().protocol(Protocol::HttpJson));
    record(&traced);
    let request = receiver.requests.recv().unwrap();
    assert_eq!(request.header("content-type"), Some("application/json"));
    check(&serde_json::from_slice(&request.body).unwrap());
}

#[test]
fn compressed_json() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let receiver = Receiver::new([]);
        let exporter = receiver
            .exporter()
            .protocol(Protocol::HttpJson)
            .compression(compression);
        let traced = Traced::new(exporter);
        record(&traced);
        let request = receiver.requests.recv().unwrap();
        let bytes = inflated(&request, compression.as_str());
        check(&serde_json::from_slice(&bytes).unwrap());
    }
}

#[test]
fn a_connection_is_kept_between_exports() {
    let receiver = Receiver::new([]);
    let traced = Traced::new(receiver.exporter());
    for name in ["a", "b", "c"] {
        traced.export(&[name]).unwrap();
        let request = receiver.requests.recv().unwrap();
        assert_eq!(
            (request.connection, request.span_names()),
            (0, vec![name.to_owned()])
        );
    }
    traced.tracer.shutdown();
    // The connection ends with the exporter.
    receiver.ended.recv().unwrap();
}

#[test]
fn the_path_and_the_query_of_an_endpoint_are_its_own() {
    let receiver = Receiver::new([]);
    let exporter = receiver
        .exporter()
        .endpoint(format!("{}/in/otlp?token=abc", receiver.url()));
    Traced::new(exporter).export(&["a"]).unwrap();
    let line = receiver.requests.recv().unwrap().line;
    assert_eq!(line, "POST /in/otlp?token=abc HTTP/1.1");
}

#[test]
fn a_user_s_own_user_agent_stands() {
    let receiver = Receiver::new([]);
    Traced::new(receiver.exporter().header("User-Agent", "shop/1"))
        .export(&["a"])
        .unwrap();
    let request = receiver.requests.recv().unwrap();
    assert_eq!(request.header("user-agent"), Some("shop/1"));
}
