//! What every exporter can count on, and every tracer of an exporter: over each protocol.

#[cfg(feature = "grpc")]
mod grpc_receiver;
mod receiver;
#[path = "../../core/tests/watched/mod.rs"]
mod watched;

use codomyrmex_core::{Delivery, SpanExporter, Tracer};
use codomyrmex_otlp::Protocol;
use receiver::{Receiver, span_names};
use watched::{Call, Watched};

type Arrived = Box<dyn Fn() -> Vec<String>>;

struct Subject {
    what: &'static str,
    exporter: Watched,
    /// The names of the spans that have come since it was asked the last time.
    arrived: Arrived,
}

fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let receiver = Receiver::new([]);
        let exporter = receiver.exporter().protocol(protocol).build().unwrap();
        subjects.push(Subject {
            what: protocol.as_str(),
            exporter: Watched::around(Box::new(exporter)),
            arrived: Box::new(move || {
                let requests = receiver.so_far();
                let decoded = requests.iter().map(|request| match protocol {
                    Protocol::HttpJson => {
                        span_names(&serde_json::from_slice(&request.body).unwrap())
                    }
                    _ => request.span_names(),
                });
                decoded.flatten().collect()
            }),
        });
    }
    #[cfg(feature = "grpc")]
    {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
        use prost::Message;
        let receiver = grpc_receiver::GrpcReceiver::new([]);
        let exporter = receiver::quick(&format!("http://{}", receiver.address))
            .protocol(Protocol::Grpc)
            .build()
            .unwrap();
        subjects.push(Subject {
            what: "grpc",
            exporter: Watched::around(Box::new(exporter)),
            arrived: Box::new(move || {
                let calls = receiver.so_far();
                let decoded = calls
                    .iter()
                    .map(|call| ExportTraceServiceRequest::decode(&*call.message).unwrap());
                decoded.flat_map(|request| span_names(&request)).collect()
            }),
        });
    }
    subjects
}

fn name(number: usize) -> String {
    format!("span-{number:05}")
}

fn check_books(what: &str, tracer: &Tracer, exported: u64, dropped: u64) {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{what}: {stats}");
    let row = &stats.exporters[0];
    let expected = (exported, dropped, 0);
    assert_eq!(
        (row.exported, row.dropped.total(), row.queued),
        expected,
        "{what}: {stats}"
    );
}

#[test]
fn all_spans_arrive_once_in_order_on_a_thread_of_the_exporter_s_own() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        assert_eq!(exporter.delivery(), Delivery::Background, "{what}");
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        for number in 0..2500 {
            tracer.span(&name(number)).finish();
        }
        tracer.flush();
        assert_eq!(arrived(), (0..2500).map(name).collect::<Vec<_>>(), "{what}");
        check_books(what, &tracer, 2500, 0);
        assert_ne!(log.threads()[0], std::thread::current().id(), "{what}");
        assert_eq!(log.calls().last(), Some(&Call::Flush), "{what}");
    }
}

#[test]
fn calls_never_overlap_however_many_threads_finish_and_flush() {
    const THREADS: usize = 8;
    const SPANS: usize = 200;
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .queue_bytes(32 << 20)
            .build();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let tracer = &tracer;
                scope.spawn(move || {
                    for number in 0..SPANS {
                        tracer.span(&name(thread * SPANS + number)).finish();
                        if number % 100 == thread {
                            tracer.flush();
                        }
                    }
                });
            }
        });
        tracer.flush();
        assert_eq!(log.overlaps(), 0, "{what}");
        let mut names = arrived();
        names.sort();
        assert_eq!(
            names,
            (0..THREADS * SPANS).map(name).collect::<Vec<_>>(),
            "{what}"
        );
        check_books(what, &tracer, (THREADS * SPANS) as u64, 0);
    }
}

#[test]
fn shutdown_comes_once_and_nothing_after_it() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        tracer.span(&name(0)).finish();
        tracer.shutdown();
        assert_eq!(arrived(), [name(0)], "{what}");
        let calls = log.calls();
        assert_eq!(
            calls[calls.len() - 2..],
            [Call::Shutdown, Call::Dropped],
            "{what}"
        );
        tracer.span(&name(1)).finish();
        tracer.flush();
        tracer.shutdown();
        assert_eq!(log.calls(), calls, "{what}");
        assert_eq!(arrived(), Vec::<String>::new(), "{what}");
        check_books(what, &tracer, 1, 0);
    }
}

#[test]
fn the_last_tracer_that_is_dropped_sends_what_is_left() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        let clone = tracer.clone();
        tracer.span(&name(0)).finish();
        drop(tracer);
        clone.span(&name(1)).finish();
        drop(clone);
        assert_eq!(log.count(&Call::Shutdown), 1, "{what}");
        assert_eq!(arrived(), [name(0), name(1)], "{what}");
    }
}
