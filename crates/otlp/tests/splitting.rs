//! Batches that are too large for one request.

mod receiver;

use codomyrmex_otlp::{Compression, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use receiver::{Receiver, Traced, answer, span_names, status};

fn names(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("span-{number:04}"))
        .collect()
}

fn export(traced: &Traced, count: usize) -> receiver::Outcome {
    let names = names(count);
    traced.export(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn no_request_is_larger_than_the_limit_and_all_spans_come_once() {
    for limit in [600, 1000, 5000, 1 << 20] {
        let receiver = Receiver::new([]);
        let traced = Traced::new(receiver.exporter().max_request_bytes(limit));
        assert_eq!(export(&traced, 100), Ok(()));
        let requests = receiver.so_far();
        let mut all = Vec::new();
        for request in &requests {
            assert!(
                request.body.len() <= limit,
                "{} of {limit}",
                request.body.len()
            );
            let decoded = ExportTraceServiceRequest::decode(&*request.body).unwrap();
            let resource = decoded.resource_spans[0].resource.as_ref().unwrap();
            assert!(!resource.attributes.is_empty());
            all.extend(span_names(&decoded));
        }
        assert_eq!(all, names(100), "{limit}");
        assert_eq!(requests.len() == 1, limit == 1 << 20);
        assert_eq!(traced.books(), (100, 0));
    }
}

#[test]
fn json_is_measured_as_json() {
    let receiver = Receiver::new([]);
    let exporter = receiver
        .exporter()
        .protocol(Protocol::HttpJson)
        .max_request_bytes(2000);
    let traced = Traced::new(exporter);
    assert_eq!(export(&traced, 50), Ok(()));
    let mut all = Vec::new();
    for request in receiver.so_far() {
        assert!(request.body.len() <= 2000);
        all.extend(span_names(&serde_json::from_slice(&request.body).unwrap()));
    }
    assert_eq!(all, names(50));
}

#[test]
fn the_limit_is_that_of_the_bytes_before_they_are_compressed() {
    let receiver = Receiver::new([]);
    let exporter = receiver
        .exporter()
        .compression(Compression::Gzip)
        .max_request_bytes(2000);
    let traced = Traced::new(exporter);
    assert_eq!(export(&traced, 100), Ok(()));
    assert!(receiver.so_far().len() > 1);
}

#[test]
fn a_span_that_is_too_large_alone_is_counted_and_the_others_go() {
    let receiver = Receiver::new([]);
    let traced = Traced::new(receiver.exporter().max_request_bytes(2000));
    for number in 0..5 {
        let span = traced.tracer.span(&format!("span-{number:04}"));
        if number == 2 {
            span.set_attribute("page", &*"x".repeat(5000));
        }
    }
    traced.tracer.flush();
    let (kind, message) = traced.outcomes.recv().unwrap().unwrap_err();
    assert_eq!(kind, "rejected 1");
    assert!(
        message.contains("larger than a request may be"),
        "{message}"
    );
    let all: Vec<_> = receiver
        .so_far()
        .iter()
        .flat_map(|request| request.span_names())
        .collect();
    assert_eq!(all, ["span-0000", "span-0001", "span-0003", "span-0004"]);
    assert_eq!(traced.books(), (4, 1));
}

#[test]
fn a_part_that_is_refused_takes_no_other_with_it() {
    let receiver = Receiver::new([status(200), status(400)]);
    let traced = Traced::new(receiver.exporter().max_request_bytes(1000));
    let (kind, message) = export(&traced, 40).unwrap_err();
    let requests = receiver.so_far();
    let refused = requests[1].span_names().len();
    assert!(requests.len() > 2);
    assert_eq!(kind, format!("rejected {refused}"));
    assert!(message.contains("status 400"), "{message}");
    assert_eq!(traced.books(), (40 - refused as u64, refused as u64));
}

#[test]
fn when_a_part_finds_nobody_the_rest_is_not_tried() {
    let gone = answer(503, "retry-after: 3600\r\n", b"");
    let receiver = Receiver::new([status(200), gone]);
    let traced = Traced::new(receiver.exporter().max_request_bytes(1000));
    let (kind, _) = export(&traced, 40).unwrap_err();
    let requests = receiver.so_far();
    assert_eq!(requests.len(), 2);
    let arrived = requests[0].span_names().len();
    assert_eq!(kind, format!("rejected {}", 40 - arrived));
    assert_eq!(traced.books(), (arrived as u64, 40 - arrived as u64));
}
