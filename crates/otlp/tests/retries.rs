//! Which answers are tried again, when, and when not.

mod receiver;

use std::time::{Duration, Instant, SystemTime};

use receiver::{Answer, Receiver, Traced, answer, status};

#[test]
fn four_statuses_are_tried_again_and_the_same_bytes_come() {
    for code in [429, 502, 503, 504] {
        let receiver = Receiver::new([status(code), status(code)]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["a", "b"]), Ok(()), "{code}");
        assert_eq!(traced.books(), (2, 0));
        let requests = receiver.so_far();
        assert_eq!(requests.len(), 3, "{code}");
        assert!(
            requests
                .iter()
                .all(|request| request.body == requests[0].body)
        );
        // An answer that is no success is no reason for another connection.
        assert!(requests.iter().all(|request| request.connection == 0));
    }
}

#[test]
fn other_statuses_are_not() {
    for code in [400, 401, 403, 404, 408, 413, 415, 500, 501, 505] {
        let receiver = Receiver::new([status(code)]);
        let traced = Traced::new(receiver.exporter());
        let (kind, message) = traced.export(&["a", "b"]).unwrap_err();
        assert_eq!(kind, "permanent", "{code}");
        assert!(message.contains(&format!("status {code}")), "{message}");
        assert_eq!(receiver.so_far().len(), 1, "{code}");
        assert_eq!(traced.books(), (0, 2));
        // The exporter goes on, on the same connection.
        assert_eq!(traced.export(&["c"]), Ok(()));
        assert_eq!(receiver.so_far()[0].connection, 0);
    }
}

#[test]
fn the_receiver_s_reason_is_told() {
    for (headers, body) in [
        (
            "content-type: application/x-protobuf\r\n",
            &b"\x08\x03\x12\x08no\n\x00room"[..],
        ),
        (
            "content-type: application/json; charset=utf-8\r\n",
            br#"{"code":3,"message":"no\n\u0000room"}"#,
        ),
        ("content-type: text/plain\r\n", b"no\r\n room\r\n"),
        ("", b"\x12\x07no room"),
    ] {
        let receiver = Receiver::new([answer(400, headers, body)]);
        let (_, message) = Traced::new(receiver.exporter()).export(&["a"]).unwrap_err();
        assert!(
            message.ends_with("answers with status 400: no room"),
            "{message}"
        );
    }
    let html = answer(404, "content-type: text/html\r\n", b"<html>no room</html>");
    let receiver = Receiver::new([html]);
    let (_, message) = Traced::new(receiver.exporter()).export(&["a"]).unwrap_err();
    assert!(
        message.ends_with("(is the path of the endpoint right?)"),
        "{message}"
    );
}

#[test]
fn retry_after_is_honoured_as_seconds() {
    let receiver = Receiver::new([answer(429, "retry-after: 1\r\n", b"")]);
    let traced = Traced::new(receiver.exporter());
    let before = Instant::now();
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert!(before.elapsed() >= Duration::from_secs(1));
}

#[test]
fn retry_after_is_honoured_as_a_date() {
    let before = Instant::now();
    // A date has whole seconds, so that two ahead are more than one ahead.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let receiver = Receiver::new([answer(503, &format!("retry-after: {date}\r\n"), b"")]);
    let traced = Traced::new(receiver.exporter());
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert!(before.elapsed() >= Duration::from_millis(900));
}

#[test]
fn a_wait_beyond_the_timeout_is_not_begun() {
    let receiver = Receiver::new([answer(503, "retry-after: 3600\r\n", b"")]);
    let traced = Traced::new(receiver.exporter());
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains("status 503"), "{message}");
    assert_eq!(receiver.so_far().len(), 1);
}

#[test]
fn retries_end_with_the_timeout() {
    let endless = std::iter::repeat_with(|| status(503)).take(100_000);
    let receiver = Receiver::new(endless);
    let traced = Traced::new(receiver.exporter().timeout(Duration::from_millis(60)));
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains("503"), "{message}");
    assert!(receiver.so_far().len() > 1);
    assert_eq!(traced.books(), (0, 1));
}

#[test]
fn lost_connections_are_tried_again() {
    let half = b"HTTP/1.1 503 X\r\ncontent-length: 100\r\n\r\nhalf of".to_vec();
    for broken in [
        Answer::Break,
        Answer::Last(b"HTTP/1.1 2".to_vec()),
        Answer::Last(half),
        Answer::Last(b"no HTTP at all\r\n\r\n".to_vec()),
    ] {
        let receiver = Receiver::new([broken]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["a"]), Ok(()));
        assert_eq!(receiver.so_far().len(), 2);
        assert_eq!(traced.books(), (1, 0));
    }
}

#[test]
fn an_idle_connection_that_the_receiver_closed_costs_no_wait() {
    let receiver = Receiver::new([Answer::Last(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
    )]);
    // A wait would be longer than the timeout, so that none is possible.
    let exporter = receiver.exporter().first_backoff(Duration::from_secs(3600));
    let traced = Traced::new(exporter.timeout(Duration::from_secs(2)));
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert_eq!(traced.export(&["b"]), Ok(()));
    let connections: Vec<_> = receiver
        .so_far()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 1]);
}

#[test]
fn a_receiver_that_is_down_is_tried_until_the_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exporter = receiver::quick(&format!("http://{address}"));
    let traced = Traced::new(exporter.timeout(Duration::from_millis(50)));
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains("connection refused"), "{message}");
    assert_eq!(traced.books(), (0, 1));
}

#[test]
fn a_name_that_cannot_be_resolved_says_so() {
    let exporter = receiver::quick("http://nowhere.invalid:4318");
    let traced = Traced::new(exporter.timeout(Duration::from_secs(1)));
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains("http://nowhere.invalid:4318"), "{message}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::new([]);
    let location = format!("location: {}/v1/traces\r\n", elsewhere.url());
    for code in [301, 302, 303, 307, 308] {
        let receiver = Receiver::new([answer(code, &location, b"")]);
        let traced = Traced::new(
            receiver
                .exporter()
                .header("authorization", "Bearer hunter2"),
        );
        let (kind, message) = traced.export(&["a"]).unwrap_err();
        assert_eq!(kind, "permanent");
        assert!(
            message.contains("redirect") && message.contains(&code.to_string()),
            "{message}"
        );
        assert_eq!(receiver.so_far().len(), 1);
    }
    assert_eq!(elsewhere.so_far().len(), 0);
}
