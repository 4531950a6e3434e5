//! Receivers that take their time, and exporters that are told to give up.

mod receiver;

use std::sync::mpsc::Receiver as Queue;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use codomyrmex_core::{SpanExporter, Tracer};
use receiver::{Answer, Receiver, Request, Seen, Traced, answer, quick, status};

#[test]
fn a_receiver_that_never_answers_costs_the_timeout_and_its_connection() {
    let receiver = Receiver::new([Answer::Silence]);
    let traced = Traced::new(receiver.exporter().timeout(Duration::from_millis(50)));
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(
        message.contains("no answer") && message.contains("50ms"),
        "{message}"
    );
    receiver.ended.recv().unwrap();
    assert_eq!(traced.books(), (0, 1));
}

#[test]
fn a_deadline_that_comes_before_the_timeout_is_called_one() {
    let receiver = Receiver::new([Answer::Silence]);
    let (send, outcomes) = std::sync::mpsc::channel();
    let exporter = Seen::new(receiver.exporter().build().unwrap(), send);
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .export_timeout(Duration::from_millis(50))
        .build();
    tracer.span("a").finish();
    tracer.flush();
    let (kind, message) = outcomes.recv().unwrap().unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(
        message.contains("ms that this export had") && !message.contains("100s"),
        "{message}"
    );
    receiver.ended.recv().unwrap();
}

#[test]
fn an_answer_that_stops_in_the_middle_costs_the_timeout() {
    let stuck = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec();
    let receiver = Receiver::new([Answer::Bytes(stuck)]);
    let traced = Traced::new(receiver.exporter().timeout(Duration::from_millis(50)));
    assert_eq!(traced.export(&["a"]).unwrap_err().0, "retryable");
    receiver.ended.recv().unwrap();
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_the_next_one() {
    // The first connection is gone when its answer comes; the second export has a new one.
    let receiver = Receiver::new([Answer::Silence, status(200)]);
    let traced = Traced::new(receiver.exporter().timeout(Duration::from_millis(300)));
    assert!(traced.export(&["a"]).is_err());
    assert_eq!(traced.export(&["b"]), Ok(()));
    let connections: Vec<_> = receiver
        .so_far()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 1]);
    assert_eq!(traced.books(), (1, 1));
}

#[test]
fn the_timeout_is_for_all_attempts_together() {
    let receiver = Receiver::new([status(503), Answer::Silence]);
    let traced = Traced::new(receiver.exporter().timeout(Duration::from_millis(80)));
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(
        message.contains("no success within") && message.contains("status 503"),
        "{message}"
    );
}

/// Cancels the exporter from another thread as soon as a request has come.
fn cancel_at_first(traced: &Traced, requests: Queue<Request>) -> JoinHandle<Queue<Request>> {
    let exporter = traced.exporter.clone();
    thread::spawn(move || {
        requests.recv().unwrap();
        exporter.cancel();
        requests
    })
}

#[test]
fn cancelling_wakes_a_waiting_retry() {
    let receiver = Receiver::new([answer(503, "retry-after: 90\r\n", b"")]);
    let traced = Traced::new(receiver.exporter());
    let cancelling = cancel_at_first(&traced, receiver.requests);
    // Were it not woken, it would wait for a minute and a half: longer than a test may run.
    let (kind, message) = traced.export(&["a"]).unwrap_err();
    assert_eq!(
        (&*kind, &*message),
        ("permanent", "shut down before it was sent")
    );
    cancelling.join().unwrap();
    assert_eq!(traced.books(), (0, 1));
}

#[test]
fn cancelling_ends_a_request_and_its_connection() {
    let receiver = Receiver::new([Answer::Silence]);
    let traced = Traced::new(receiver.exporter());
    let cancelling = cancel_at_first(&traced, receiver.requests);
    assert_eq!(traced.export(&["a"]).unwrap_err().0, "permanent");
    receiver.ended.recv().unwrap();
    // Later exports return at once.
    assert_eq!(traced.export(&["b"]).unwrap_err().0, "permanent");
    assert!(cancelling.join().unwrap().try_recv().is_err());
}

#[test]
fn a_host_s_runtime_is_not_needed_and_not_disturbed() {
    let receiver = Receiver::new([status(503)]);
    let traced = Traced::new(receiver.exporter());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    // Neither time nor input and output is enabled in it.
    runtime.block_on(async {
        traced.tracer.span("a").finish();
        traced.tracer.flush();
    });
    drop(runtime);
    assert_eq!(traced.outcomes.recv().unwrap(), Ok(()));
}

/// Exports on the thread that calls, as nobody should in a runtime.
struct Here(codomyrmex_otlp::OtlpExporter);

impl codomyrmex_core::SpanExporter for Here {
    fn export(&self, batch: &codomyrmex_core::Batch) -> Result<(), codomyrmex_core::ExportError> {
        self.0.export(batch)
    }
}

#[test]
fn an_export_on_a_thread_of_a_runtime_works_too() {
    let receiver = Receiver::new([]);
    let exporter = Here(quick(&receiver.url()).build().unwrap());
    let tracer = codomyrmex_core::Tracer::builder("shop")
        .exporter(exporter)
        .build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        tracer.span("a").finish();
        tracer.flush();
    });
    assert_eq!(tracer.stats().exporters[0].exported, 1);
}
