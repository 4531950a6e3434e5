//! What Zipkin gets of a batch, byte for byte, and over the wire.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use codomyrmex_core::{
    Batch, ExportError, IdGenerator, Limits, Resource, SpanContext, SpanExporter, SpanId, SpanKind,
    SpanOptions, SpanStatus, TraceId, Tracer, Value,
};
use codomyrmex_wire::TracesView;
use codomyrmex_zipkin::{ZipkinExporter, write_spans};

/// Ids 1, 2, 3 …
#[derive(Default)]
struct Counting(AtomicU64);

impl IdGenerator for Counting {
    fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(0xabc_u128.to_be_bytes())
    }

    fn span_id(&self) -> SpanId {
        SpanId::from_bytes((self.0.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes())
    }
}

/// Hands out a batch as the exporter would send it.
struct Written(mpsc::Sender<String>);

impl SpanExporter for Written {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let request = [&batch.request_prefix()[..], batch.bytes()].concat();
        let traces = TracesView::parse(&request).expect("a request");
        let mut out = String::new();
        write_spans(&traces, &mut out);
        self.0
            .send(out)
            .map_err(|_| ExportError::permanent("nobody listens"))
    }
}

/// The tags that all spans of these tests have.
const SHARED: &str = r#""otel.library.name":"cart","otel.library.version":"2","otel.scope.name":"cart","otel.scope.version":"2""#;

/// What is written of what `record` records: without the brackets, and without the SDK's own name among the tags.
fn written(record: impl FnOnce(&Tracer)) -> String {
    let (send, receive) = mpsc::channel();
    let tracer = Tracer::builder("shop")
        .id_generator(Counting::default())
        .scope("cart", "2", "")
        .limits(Limits {
            attributes: 8,
            ..Limits::default()
        })
        .exporter(Written(send))
        .build();
    record(&tracer);
    tracer.flush();
    let text = receive.try_recv().expect("a batch");
    let mut spans: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    for span in &mut spans {
        let tags = span["tags"].as_object_mut().expect("tags");
        tags.retain(|key, _| !key.starts_with("telemetry.sdk."));
    }
    // The order of members is the exporter's own, so that the text is looked at and not what a parser makes of it.
    let mut text = text;
    for key in ["language", "name", "version"] {
        let begin = format!(",\"telemetry.sdk.{key}\":\"");
        while let Some(at) = text.find(&begin) {
            let end = at + begin.len() + text[at + begin.len()..].find('"').expect("a text") + 1;
            text.replace_range(at..end, "");
        }
    }
    let whole: Vec<serde_json::Value> = serde_json::from_str(&text).expect("still JSON");
    assert_eq!(whole, spans);
    text[1..text.len() - 1].to_owned()
}

fn at(micros: u64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros)
}

#[test]
fn a_small_span_has_only_what_it_needs() {
    let text = written(|tracer| {
        let options = SpanOptions::new().start_time_ns(5_999);
        let span = tracer.start_span_with("work", options);
        span.finish_at(UNIX_EPOCH + Duration::from_nanos(6_500));
    });
    assert_eq!(
        text,
        format!(
            r#"{{"traceId":"00000000000000000000000000000abc","id":"0000000000000001","name":"work","timestamp":5,"duration":1,"localEndpoint":{{"serviceName":"shop"}},"tags":{{{SHARED}}}}}"#
        )
    );
}

#[test]
fn kind_parent_status_and_events_have_their_places() {
    let text = written(|tracer| {
        let parent = SpanContext::new(
            TraceId::from_bytes([0x11; 16]),
            SpanId::from_bytes([0x22; 8]),
        );
        let options = SpanOptions::new()
            .kind(SpanKind::Server)
            .parent(&parent)
            .start_time(at(10));
        let span = tracer.start_span_with("GET \"/\"", options);
        span.add_event_at("plain", at(11), &[]);
        span.add_event_at("full", at(12), &[("n", 1.into()), ("t", "a\"b".into())]);
        span.set_status(SpanStatus::Error, "no");
        span.finish_at(at(14));
    });
    assert_eq!(
        text,
        format!(
            concat!(
                r#"{{"traceId":"11111111111111111111111111111111","id":"0000000000000001","parentId":"2222222222222222","#,
                r#""name":"GET \"/\"","kind":"SERVER","timestamp":10,"duration":4,"localEndpoint":{{"serviceName":"shop"}},"#,
                r#""annotations":[{{"timestamp":11,"value":"plain"}},{{"timestamp":12,"value":"\"full\":{{\"n\":1,\"t\":\"a\\\"b\"}}"}}],"#,
                r#""tags":{{{SHARED},"error":"no","otel.status_code":"ERROR"}}}}"#
            ),
            SHARED = SHARED
        )
    );
}

#[test]
fn attributes_of_all_types_are_texts() {
    let values: [(&str, Value, &str); 7] = [
        ("text", "a b".into(), "a b"),
        ("truth", true.into(), "true"),
        ("int", i64::MIN.into(), "-9223372036854775808"),
        ("double", 2.0.into(), "2.0"),
        ("nan", f64::NAN.into(), "NaN"),
        ("bytes", Value::Bytes(vec![0, 255]), "AP8="),
        (
            "array",
            Value::Array(vec![
                "x\"".into(),
                1.into(),
                Value::Empty,
                f64::INFINITY.into(),
            ]),
            r#"["x\"",1,null,"Infinity"]"#,
        ),
    ];
    let text = written(|tracer| {
        let span = tracer.start_span("work");
        for (key, value, _) in &values {
            span.set_attribute(key, value);
        }
        span.set_attribute("empty", "");
        span.set_attribute("beyond the limit", 1);
        span.finish();
    });
    let span: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for (key, _, wanted) in values {
        assert_eq!(span["tags"][key], wanted, "{key}");
    }
    assert_eq!(span["tags"]["empty"], "");
    assert_eq!(span["tags"]["otel.dropped_attributes_count"], "1");
}

#[test]
fn ok_is_told_and_an_error_that_is_false_is_not() {
    let text = written(|tracer| {
        let span = tracer.start_span("work");
        span.set_attribute("error", false);
        span.set_status(SpanStatus::Ok, "ignored");
        span.finish();
    });
    let span: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(span["tags"]["otel.status_code"], "OK");
    assert!(span["tags"].get("error").is_none());
}

#[test]
fn an_error_without_a_message_has_an_empty_tag() {
    let text = written(|tracer| {
        let span = tracer.start_span("work");
        span.set_attribute("error", "mine");
        span.set_status(SpanStatus::Error, "");
        span.finish();
    });
    let span: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(span["tags"]["error"], "");
}

#[test]
fn the_other_side_is_named_by_the_best_attribute() {
    let remote = |kind: SpanKind, attributes: &[(&str, Value)]| {
        let text = written(|tracer| {
            let span = tracer.start_span_with("call", SpanOptions::new().kind(kind));
            for (key, value) in attributes {
                span.set_attribute(key, value);
            }
            span.finish();
        });
        let span: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        span["remoteEndpoint"].to_string()
    };
    let host = ("server.address", Value::from("db"));
    let address = ("network.peer.address", Value::from("10.0.0.1"));
    let port = ("network.peer.port", Value::from(5432));
    for (kind, attributes, wanted) in [
        (
            SpanKind::Client,
            vec![host.clone(), ("peer.service", "stock".into())],
            r#"{"serviceName":"stock"}"#,
        ),
        (
            SpanKind::Producer,
            vec![address.clone(), host.clone()],
            r#"{"serviceName":"db"}"#,
        ),
        (
            SpanKind::Client,
            vec![address.clone(), port.clone()],
            r#"{"ipv4":"10.0.0.1","port":5432}"#,
        ),
        (
            SpanKind::Client,
            vec![("network.peer.address", "::1".into()), port],
            r#"{"ipv6":"::1","port":5432}"#,
        ),
        (SpanKind::Client, vec![], "null"),
        (SpanKind::Server, vec![host], "null"),
    ] {
        assert_eq!(remote(kind, &attributes), wanted, "{kind:?} {attributes:?}");
    }
}

/// Answers requests one after the other with these statuses, and hands out what they were.
fn receiver(statuses: &'static [&str]) -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            while let Some(request) = read(&mut reader) {
                let Some(status) = statuses.next() else {
                    return;
                };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                if send.send(request).is_err()
                    || reader.get_mut().write_all(answer.as_bytes()).is_err()
                {
                    return;
                }
            }
        }
    });
    (url, receive)
}

/// Head and body.
fn read(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    let mut body = vec![0; length.1.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn send_one(exporter: ZipkinExporter) -> Tracer {
    let tracer = Tracer::builder("shop")
        .resource(Resource::from_iter([("service.version", "7")]))
        .exporter(exporter)
        .build();
    tracer.span("checkout").finish();
    assert!(tracer.force_flush(Duration::from_secs(30)).is_done());
    tracer
}

#[test]
fn spans_are_posted_to_the_path_of_zipkin() {
    let (url, requests) = receiver(&["202 Accepted"]);
    let tracer = send_one(
        ZipkinExporter::builder()
            .endpoint(url)
            .build()
            .expect("built"),
    );
    let (head, body) = requests.recv().expect("a request");
    assert!(
        head.starts_with("POST /api/v2/spans HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_lowercase();
    assert!(
        head.contains("\r\ncontent-type: application/json\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nuser-agent: codomyrmex-zipkin/"),
        "{head}"
    );
    let spans: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(spans[0]["name"], "checkout");
    assert_eq!(spans[0]["localEndpoint"]["serviceName"], "shop");
    assert_eq!(spans[0]["tags"]["service.version"], "7");
    let stats = tracer.stats();
    assert_eq!((stats.exporters[0].exported, stats.balanced()), (1, true));
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (url, requests) = receiver(&["503 Busy", "202 Accepted", "400 Bad"]);
    let exporter = || {
        let builder = ZipkinExporter::builder().endpoint(&url);
        builder.build().expect("built")
    };
    let tracer = send_one(exporter());
    assert_eq!(tracer.stats().exporters[0].exported, 1);
    drop(tracer);
    let tracer = send_one(exporter());
    let books = &tracer.stats().exporters[0];
    assert_eq!((books.exported, books.dropped.export_failed), (0, 1));
    assert_eq!(requests.try_iter().count(), 3);
}
