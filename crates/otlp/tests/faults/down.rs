//! A receiver that is not there.

use std::thread;
use std::time::Duration;

use codomyrmex_core::FlushResult;
use codomyrmex_otlp::Protocol;

use crate::collector::Collector;
use crate::port::Port;
use crate::receiver::quick;
use crate::sdk::{LONG, NOTHING, SHORT, Sdk, failed, in_time, record};

#[test]
fn refused_connections_cost_the_timeout_and_the_batch() {
    in_time(|| {
        for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
            let port = Port::new();
            let sdk = Sdk::new(quick(&port.url()).protocol(protocol).timeout(SHORT));
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.force_flush(LONG),
                FlushResult::Failed { lost: 100 }
            );
            assert_eq!(sdk.counted(), (0, failed(100)));
            sdk.record(20, 10);
            assert_eq!(
                sdk.tracer.shutdown_within(LONG),
                FlushResult::Failed { lost: 20 }
            );
            assert_eq!(sdk.counted(), (0, failed(120)));
        }
    });
}

#[test]
fn a_shutdown_does_not_wait_for_a_receiver_that_is_down() {
    in_time(|| {
        for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
            let port = Port::new();
            let sdk = Sdk::new(quick(&port.url()).protocol(protocol).timeout(LONG));
            sdk.record(100, 10);
            sdk.shut_down_too_early(100);
            assert_eq!(sdk.all_lost(), 100);
        }
    });
}

#[test]
fn what_waited_while_the_receiver_was_down_arrives() {
    in_time(|| {
        let port = Port::new();
        let sdk = Sdk::new(quick(&port.url()));
        sdk.record(1000, 10);
        assert_eq!(
            sdk.tracer.force_flush(SHORT),
            FlushResult::TimedOut { left: 1000 }
        );
        let mut collector =
            Collector::on(port.open(), [], Box::new(|stream| Some(Box::new(stream))));
        assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
        assert_eq!(sdk.settled(&mut collector), (1000, NOTHING));
    });
}

#[test]
fn down_under_load_and_back_loses_what_found_no_room() {
    in_time(|| {
        let port = Port::new();
        let sdk = Sdk::with(quick(&port.url()), |builder| {
            builder
                .queue_bytes(128 << 10)
                .flush_interval(Duration::from_millis(10))
        });
        let lost = || sdk.stats_now().exporters[0].dropped.queue_full;
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while lost() == 0 {
                        record(&sdk.tracer, 100, 10);
                    }
                });
            }
        });
        let while_down = sdk.stats();
        assert_eq!(while_down.exporters[0].exported, 0);
        let mut collector =
            Collector::on(port.open(), [], Box::new(|stream| Some(Box::new(stream))));
        // It takes what waited, in the threads' time.
        while sdk.stats().exporters[0].exported == 0 {
            record(&sdk.tracer, 1, 10);
            thread::yield_now();
        }
        let _ = sdk.tracer.force_flush(LONG);
        let before = sdk.counted().1;
        sdk.record(100, 10);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        let (exported, dropped) = sdk.settled(&mut collector);
        assert!(exported > 100);
        assert_eq!(dropped, before);
        assert_eq!(dropped.total(), dropped.queue_full, "{dropped:?}");
    });
}
