//! A receiver that never answers, or too late.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};

use codomyrmex_core::{FlushResult, WhenFull};
use codomyrmex_otlp::Protocol;

use crate::collector::{Collector, refuses, success};
use crate::receiver::{Accept, Answer, quick};
use crate::sdk::{LONG, NOTHING, SHORT, Sdk, failed, in_time};

/// Shut until somebody opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    /// Answers on all connections wait behind it.
    pub(crate) fn accept(&self) -> Accept {
        let gate = self.clone();
        Box::new(move |stream| {
            Some(Box::new(Held {
                stream,
                gate: gate.clone(),
            }))
        })
    }
}

/// A connection on which nothing is said before the gate is open.
struct Held {
    stream: TcpStream,
    gate: Gate,
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gate.pass();
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn recording_does_not_wait_for_an_answer() {
    in_time(|| {
        let gate = Gate::default();
        let mut collector = Collector::with([], gate.accept());
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.queue_bytes(256 << 10)
        });
        sdk.record(1000, 10);
        assert_eq!(
            sdk.tracer.force_flush(SHORT),
            FlushResult::TimedOut { left: 1000 }
        );
        // The exporter waits for its answer; these calls are back all the same, and what finds no room is counted.
        collector.next();
        while sdk.stats().exporters[0].dropped.queue_full == 0 {
            sdk.record(1000, 10);
        }
        assert_eq!(sdk.stats().exporters[0].exported, 0);
        gate.open();
        let _ = sdk.tracer.force_flush(LONG);
        let (exported, dropped) = sdk.settled(&mut collector);
        assert!(exported > 1000);
        assert_eq!(dropped.total(), dropped.queue_full, "{dropped:?}");
        // Once the answers come, there is room.
        sdk.record(1000, 10);
        assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
        assert_eq!(sdk.settled(&mut collector), (exported + 1000, dropped));
    });
}

#[test]
fn who_waits_for_room_waits_no_longer_than_asked_for() {
    in_time(|| {
        let mut collector = Collector::new([refuses(Answer::Silence)]);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder
                .queue_bytes(64 << 10)
                .when_full(WhenFull::Wait(SHORT / 10))
        });
        while sdk.stats().exporters[0].dropped.queue_full == 0 {
            sdk.record(100, 10);
        }
        let result = sdk.tracer.shutdown_within(SHORT);
        assert!(!result.is_delivered(), "{result:?}");
        sdk.await_end();
        let (exported, dropped) = sdk.settled(&mut collector);
        assert_eq!(exported, 0);
        assert!(dropped.shutdown > 0);
        assert_eq!(dropped.total(), dropped.queue_full + dropped.shutdown);
    });
}

#[test]
fn a_receiver_that_never_answers_costs_the_timeout_each_time() {
    in_time(|| {
        let silence = || refuses(Answer::Silence);
        let mut collector = Collector::new([silence(), silence(), success()]);
        let sdk = Sdk::new(collector.receiver.exporter().timeout(SHORT));
        for round in 1..=2 {
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.force_flush(LONG),
                FlushResult::Failed { lost: 100 }
            );
            assert_eq!(sdk.settled(&mut collector), (0, failed(100 * round)));
        }
        // Those two did not arrive, as far as anybody knows; the next does.
        sdk.record(10, 10);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(sdk.settled(&mut collector), (10, failed(200)));
    });
}

#[test]
fn over_every_protocol_a_silent_receiver_costs_the_timeout() {
    in_time(|| {
        for protocol in [Protocol::HttpJson, Protocol::Grpc] {
            let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", silent.local_addr().unwrap());
            let sdk = Sdk::new(quick(&url).protocol(protocol).timeout(SHORT));
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.shutdown_within(LONG),
                FlushResult::Failed { lost: 100 }
            );
            assert_eq!(sdk.counted(), (0, failed(100)));
        }
    });
}

#[test]
fn an_answer_after_the_timeout_changes_nothing() {
    in_time(|| {
        let gate = Gate::default();
        let mut collector = Collector::with([], gate.accept());
        let sdk = Sdk::new(collector.receiver.exporter().timeout(SHORT));
        sdk.record(100, 10);
        assert_eq!(
            sdk.tracer.force_flush(LONG),
            FlushResult::Failed { lost: 100 }
        );
        gate.open();
        sdk.record(10, 10);
        assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
        // The receiver took the first hundred, but nobody heard of it in time: they arrived, and are counted as failed.
        let (got, exported, dropped) = sdk.compared(&mut collector);
        assert_eq!((exported, dropped), (10, failed(100)));
        assert_eq!((got.taken.len(), got.requests), (110, 2));
        assert_ne!(dropped, NOTHING);
    });
}

#[test]
fn a_silent_receiver_harms_no_other() {
    in_time(|| {
        let mut silent = Collector::new([refuses(Answer::Silence)]);
        let mut well = Collector::new([]);
        let sdk = Sdk::with(silent.receiver.exporter(), |builder| {
            builder.exporter(well.receiver.exporter().build().unwrap())
        });
        for round in 1..=3 {
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.force_flush(SHORT),
                FlushResult::TimedOut { left: 100 * round }
            );
        }
        sdk.shut_down_too_early(300);
        let stats = sdk.stats();
        assert_eq!(stats.exporters[0].dropped.shutdown, 300);
        assert_eq!(stats.exporters[1].exported, 300);
        assert_eq!(silent.got().taken.len(), 0);
        assert_eq!(well.got().taken.len(), 300);
    });
}
