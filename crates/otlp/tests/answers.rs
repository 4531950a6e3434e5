//! Answers that are success in part, and answers that are no answers.

mod receiver;

use codomyrmex_otlp::Protocol;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use receiver::{Answer, Receiver, Traced, answer};

fn partial(rejected: i64, message: &str) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: message.to_owned(),
        }),
    }
}

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

#[test]
fn partial_success_is_counted_and_never_tried_again() {
    let protobuf = answer(200, PROTOBUF, &partial(2, "too old").encode_to_vec());
    let json = answer(
        200,
        "content-type: application/json\r\n",
        &serde_json::to_vec(&partial(2, "too old")).unwrap(),
    );
    for (protocol, answer) in [
        (Protocol::HttpProtobuf, protobuf),
        (Protocol::HttpJson, json),
    ] {
        let receiver = Receiver::new([answer]);
        let traced = Traced::new(receiver.exporter().protocol(protocol));
        let (kind, message) = traced.export(&["a", "b", "c"]).unwrap_err();
        assert_eq!(kind, "rejected 2");
        assert!(
            message.ends_with("does not want them: too old"),
            "{message}"
        );
        assert_eq!(traced.books(), (1, 2));
        assert_eq!(receiver.so_far().len(), 1);
    }
}

#[test]
fn more_rejected_spans_than_there_were_are_all_of_them() {
    for rejected in [3, i64::MAX] {
        let bytes = partial(rejected, "").encode_to_vec();
        let receiver = Receiver::new([answer(200, PROTOBUF, &bytes)]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["a", "b"]).unwrap_err().0, "rejected 2");
        assert_eq!(traced.books(), (0, 2));
    }
}

#[test]
fn a_warning_is_success() {
    for rejected in [0, -5] {
        let bytes = partial(rejected, "this port goes away").encode_to_vec();
        let receiver = Receiver::new([answer(200, PROTOBUF, &bytes)]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["a"]), Ok(()));
        assert_eq!(traced.books(), (1, 0));
    }
}

#[test]
fn success_with_garbage_is_success() {
    for (headers, body) in [
        (PROTOBUF, &b"\xff\xff\xff garbage \x00"[..]),
        (
            "content-type: application/json\r\n",
            b"{\"partialSuccess\": {",
        ),
        ("content-type: text/html\r\n", b"<html>"),
        ("", b""),
    ] {
        let receiver = Receiver::new([answer(200, headers, body)]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["a"]), Ok(()));
        assert_eq!(receiver.so_far().len(), 1);
    }
    let receiver = Receiver::new([answer(202, "", b"later"), answer(204, "", b"")]);
    let traced = Traced::new(receiver.exporter());
    assert_eq!(
        (traced.export(&["a"]), traced.export(&["b"])),
        (Ok(()), Ok(()))
    );
}

#[test]
fn success_that_breaks_off_is_not_sent_again() {
    let broken = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of".to_vec();
    let receiver = Receiver::new([Answer::Last(broken)]);
    let traced = Traced::new(receiver.exporter());
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert_eq!(traced.export(&["b"]), Ok(()));
    assert_eq!(receiver.so_far().len(), 2);
    assert_eq!(traced.books(), (2, 0));
}

#[test]
fn an_answer_without_end_is_read_up_to_a_limit() {
    let chunk = [b"10000\r\n".to_vec(), vec![0; 0x10000], b"\r\n".to_vec()].concat();
    for (status, expected) in [(200, Ok(())), (400, Err("permanent"))] {
        let head = format!("HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n\r\n");
        let receiver = Receiver::new([Answer::Endless(head.into_bytes(), chunk.clone())]);
        let traced = Traced::new(receiver.exporter());
        let outcome = traced.export(&["a"]).map_err(|(kind, _)| kind);
        assert_eq!(outcome, expected.map_err(str::to_owned));
        // Its connection is of no more use.
        assert_eq!(traced.export(&["b"]), Ok(()));
        let connections: Vec<_> = receiver
            .so_far()
            .iter()
            .map(|request| request.connection)
            .collect();
        assert_eq!(connections, [0, 1]);
    }
}

#[test]
fn a_gzip_bomb_is_never_inflated() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    let headers = format!("{PROTOBUF}content-encoding: gzip\r\n");
    for (status, kind) in [(200, None), (503, None), (400, Some("permanent"))] {
        let receiver = Receiver::new([answer(status, &headers, &bomb)]);
        let traced = Traced::new(receiver.exporter());
        let outcome = traced.export(&["a"]);
        assert_eq!(outcome.err().map(|(kind, _)| kind).as_deref(), kind);
        // Nobody asked for it.
        assert!(
            receiver
                .so_far()
                .iter()
                .all(|request| request.header("accept-encoding").is_none())
        );
    }
}
