//! OTLP over gRPC.
#![cfg(feature = "grpc")]

mod authority;
mod grpc_receiver;
mod receiver;

use std::io::Write;
use std::time::{Duration, Instant};

use authority::{Authority, server};
use codomyrmex_core::SpanExporter;
use codomyrmex_otlp::{Compression, OtlpExporterBuilder, Protocol};
use grpc_receiver::{GrpcReceiver, Reply};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use receiver::{Traced, quick, span_names};

fn exporter(receiver: &GrpcReceiver) -> OtlpExporterBuilder {
    quick(&format!("http://{}", receiver.address)).protocol(Protocol::Grpc)
}

fn names(message: &[u8]) -> Vec<String> {
    span_names(&ExportTraceServiceRequest::decode(message).unwrap())
}

/// `google.rpc.Status` of this code with a `RetryInfo` of so many milliseconds.
fn retry_info(code: u8, millis: u32) -> Vec<u8> {
    let message = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
    let duration = [&[0x10][..], &varint(millis * 1_000_000)].concat();
    let info = message(0x0a, &duration);
    let url = message(0x0a, b"type.googleapis.com/google.rpc.RetryInfo");
    let any = [url, message(0x12, &info)].concat();
    [vec![0x08, code], message(0x1a, &any)].concat()
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn spans_arrive_and_a_connection_is_kept() {
    let receiver = GrpcReceiver::new([]);
    let traced = Traced::new(exporter(&receiver).header("X-Key", "abc"));
    assert_eq!(traced.export(&["a", "b"]), Ok(()));
    assert_eq!(traced.export(&["c"]), Ok(()));
    let calls = receiver.so_far();
    let call = &calls[0];
    assert_eq!(
        call.path,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    assert_eq!(names(&call.message), ["a", "b"]);
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/grpc"));
    assert_eq!(header("te"), Some("trailers"));
    assert_eq!(header("x-key"), Some("abc"));
    assert!(
        header("user-agent")
            .unwrap()
            .starts_with("codomyrmex-otlp/")
    );
    assert!(header("grpc-timeout").is_some());
    assert_eq!(header("grpc-encoding"), None);
    assert_eq!(
        (names(&calls[1].message), calls[1].connection),
        (vec!["c".to_owned()], 0)
    );
    assert_eq!(traced.books(), (3, 0));
}

#[test]
fn compressed() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let receiver = GrpcReceiver::new([]);
        let traced = Traced::new(exporter(&receiver).compression(compression));
        assert_eq!(traced.export(&["a"]), Ok(()));
        let call = receiver.calls.recv().unwrap();
        assert_eq!(call.headers["grpc-encoding"], compression.as_str());
        assert_eq!(names(&call.message), ["a"]);
    }
}

#[test]
fn large_batches_go_through_the_window_and_over_limits_in_parts() {
    let receiver = GrpcReceiver::new([]);
    let traced = Traced::new(exporter(&receiver));
    traced
        .tracer
        .span("large")
        .set_attribute("page", &*"x".repeat(1 << 20));
    traced.tracer.flush();
    assert_eq!(traced.outcomes.recv().unwrap(), Ok(()));
    assert!(receiver.calls.recv().unwrap().message.len() > 1 << 20);

    let traced = Traced::new(exporter(&receiver).max_request_bytes(600));
    let all: Vec<String> = (0..30).map(|number| format!("span {number}")).collect();
    let borrowed: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(traced.export(&borrowed), Ok(()));
    let calls = receiver.so_far();
    assert!(calls.len() > 1 && calls.iter().all(|call| call.message.len() <= 600));
    let arrived: Vec<String> = calls.iter().flat_map(|call| names(&call.message)).collect();
    assert_eq!(arrived, all);
}

#[test]
fn the_codes_of_the_specification_are_tried_again_and_no_others() {
    for code in 1..=16 {
        let receiver = GrpcReceiver::new([Reply::Status(code, "not now", Vec::new())]);
        let traced = Traced::new(exporter(&receiver));
        let outcome = traced.export(&["a"]);
        if [1, 4, 10, 11, 14, 15].contains(&code) {
            assert_eq!(outcome, Ok(()), "{code}");
            let calls = receiver.so_far();
            assert_eq!((calls.len(), calls[1].connection), (2, 0), "{code}");
        } else {
            let (kind, message) = outcome.unwrap_err();
            assert_eq!(kind, "permanent", "{code}");
            assert!(message.ends_with(": not now"), "{message}");
            assert_eq!(receiver.so_far().len(), 1, "{code}");
        }
    }
}

#[test]
fn an_exhausted_receiver_is_tried_again_where_it_says_when() {
    let receiver = GrpcReceiver::new([Reply::Status(8, "full", retry_info(8, 300))]);
    let traced = Traced::new(exporter(&receiver));
    let before = Instant::now();
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert!(before.elapsed() >= Duration::from_millis(300));
    assert_eq!(receiver.so_far().len(), 2);
}

#[test]
fn lost_connections_and_proxies_without_anybody_behind_are_tried_again() {
    for reply in [
        Reply::Break,
        Reply::Http(502),
        Reply::Http(503),
        Reply::Http(429),
    ] {
        let receiver = GrpcReceiver::new([reply]);
        let traced = Traced::new(exporter(&receiver));
        assert_eq!(traced.export(&["a"]), Ok(()));
        assert_eq!(receiver.so_far().len(), 2);
    }
    for status in [401, 403, 404] {
        let receiver = GrpcReceiver::new([Reply::Http(status)]);
        let (kind, _) = Traced::new(exporter(&receiver)).export(&["a"]).unwrap_err();
        assert_eq!(kind, "permanent");
        assert_eq!(receiver.so_far().len(), 1);
    }
}

#[test]
fn partial_success_is_counted_and_never_tried_again() {
    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "too old".to_owned(),
        }),
    };
    let receiver = GrpcReceiver::new([Reply::Message(partial.encode_to_vec())]);
    let traced = Traced::new(exporter(&receiver));
    let (kind, message) = traced.export(&["a", "b"]).unwrap_err();
    assert_eq!(kind, "rejected 1");
    assert!(message.ends_with("too old"), "{message}");
    assert_eq!(receiver.so_far().len(), 1);
    assert_eq!(traced.books(), (1, 1));
}

#[test]
fn success_that_cannot_be_read_is_success() {
    for message in [b"\xff\xff\xff".to_vec(), vec![0; 5 << 20]] {
        let receiver = GrpcReceiver::new([Reply::Message(message)]);
        let traced = Traced::new(exporter(&receiver));
        assert_eq!(traced.export(&["a"]), Ok(()));
        assert_eq!(receiver.so_far().len(), 1);
    }
}

fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    if compression == Compression::Zstd {
        return zstd::encode_all(bytes, 19).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn receivers_may_answer_as_compressed_as_they_are_spoken_to() {
    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "too old".to_owned(),
        }),
    };
    let partial = partial.encode_to_vec();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let name = compression.as_str();
        let bomb = compress(compression, &vec![0; 64 << 20]);
        let receiver = GrpcReceiver::new([
            Reply::Compressed(name, compress(compression, &partial)),
            Reply::Compressed(name, bomb),
            Reply::Compressed(name, b"not compressed".to_vec()),
        ]);
        let traced = Traced::new(exporter(&receiver).compression(compression));
        assert_eq!(traced.export(&["a", "b"]).unwrap_err().0, "rejected 1");
        // What cannot be read was success all the same, and is not sent again.
        assert_eq!(
            (traced.export(&["c"]), traced.export(&["d"])),
            (Ok(()), Ok(()))
        );
        assert_eq!(receiver.so_far().len(), 3);
    }
}

#[test]
fn garbage_in_place_of_a_message_is_a_failure_that_says_so() {
    for garbage in [
        b"HTTP/1.1 200 OK".to_vec(),
        vec![0, 0xff, 0xff, 0xff, 0xff],
        Vec::new(),
    ] {
        let receiver = GrpcReceiver::new([Reply::Raw(garbage)]);
        let traced = Traced::new(exporter(&receiver));
        let _ = traced.export(&["a"]);
        assert_eq!(receiver.so_far().len(), 1);
        assert_eq!(traced.export(&["b"]), Ok(()));
        traced.books();
    }
}

#[test]
fn silence_costs_the_timeout_and_cancelling_ends_it() {
    let receiver = GrpcReceiver::new([Reply::Silence, Reply::Silence]);
    let traced = Traced::new(exporter(&receiver).timeout(Duration::from_millis(50)));
    assert_eq!(traced.export(&["a"]).unwrap_err().0, "retryable");

    let traced = Traced::new(exporter(&receiver));
    receiver.so_far();
    let (canceller, calls) = (traced.exporter.clone(), receiver.calls);
    let cancelling = std::thread::spawn(move || {
        calls.recv().unwrap();
        canceller.cancel();
    });
    assert_eq!(traced.export(&["a"]).unwrap_err().0, "permanent");
    cancelling.join().unwrap();
    receiver.given_up.recv().unwrap();
    receiver.given_up.recv().unwrap();
}

#[test]
fn tls_and_endpoints_without_a_scheme() {
    let authority = Authority::new("grpc");
    let issued = authority.issue("127.0.0.1", false);
    let receiver = GrpcReceiver::with([], Some(server(&issued, None, b"h2")));
    let endpoint = receiver.address.to_string();
    let secure = exporter(&receiver)
        .endpoint(&endpoint)
        .certificate(authority.file());
    assert_eq!(Traced::new(secure).export(&["a"]), Ok(()));
    assert_eq!(names(&receiver.calls.recv().unwrap().message), ["a"]);

    let strange = Authority::new("strange");
    let refused = exporter(&receiver)
        .endpoint(&endpoint)
        .certificate(strange.file());
    let (kind, message) = Traced::new(refused).export(&["a"]).unwrap_err();
    assert_eq!(kind, "permanent");
    assert!(
        message.contains("no authority that is trusted"),
        "{message}"
    );

    let plain = GrpcReceiver::new([]);
    let insecure = exporter(&plain)
        .endpoint(plain.address.to_string())
        .insecure(true);
    assert_eq!(Traced::new(insecure).export(&["a"]), Ok(()));
}
