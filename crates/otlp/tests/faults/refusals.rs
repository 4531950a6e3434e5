//! A receiver that says no: not now, not so fast, not this.

use codomyrmex_core::FlushResult;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use crate::collector::{Collector, refuses, refuses_with, takes};
use crate::receiver::answer;
use crate::sdk::{LONG, NOTHING, Sdk, failed, in_time};

#[test]
fn not_now_is_asked_again_and_nothing_is_lost() {
    in_time(|| {
        for code in [429, 503] {
            for headers in ["", "retry-after: 0\r\n", "retry-after: 1\r\n"] {
                let mut collector = Collector::new([
                    refuses_with(code, ""),
                    refuses_with(code, headers),
                    refuses_with(code, ""),
                ]);
                let sdk = Sdk::new(collector.receiver.exporter());
                sdk.record(100, 10);
                assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
                assert_eq!(sdk.settled(&mut collector), (100, NOTHING));
                assert_eq!(collector.got().requests, 4);
            }
        }
    });
}

#[test]
fn not_now_under_load_loses_nothing_either() {
    in_time(|| {
        // Two of three requests are told to come again.
        let script = (0..300).map(|number| match number % 3 {
            0 => refuses_with(429, "retry-after: 0\r\n"),
            1 => refuses_with(503, ""),
            _ => crate::collector::success(),
        });
        let mut collector = Collector::new(script);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.max_export_batch_size(100)
        });
        for _ in 0..4 {
            sdk.record(1000, 10);
            assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
        }
        assert_eq!(sdk.settled(&mut collector), (4000, NOTHING));
    });
}

#[test]
fn later_than_the_timeout_is_not_waited_for() {
    in_time(|| {
        for code in [429, 503] {
            let mut collector = Collector::new([refuses_with(code, "retry-after: 3600\r\n")]);
            let sdk = Sdk::new(collector.receiver.exporter());
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.force_flush(LONG),
                FlushResult::Failed { lost: 100 }
            );
            assert_eq!(sdk.settled(&mut collector), (0, failed(100)));
            sdk.record(10, 10);
            assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
            assert_eq!(sdk.settled(&mut collector), (10, failed(100)));
        }
    });
}

#[test]
fn a_batch_that_is_refused_is_lost_alone() {
    in_time(|| {
        let mut collector = Collector::new([refuses_with(400, "")]);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.max_export_batch_size(100)
        });
        sdk.record(1000, 10);
        assert_eq!(
            sdk.tracer.shutdown_within(LONG),
            FlushResult::Failed { lost: 100 }
        );
        assert_eq!(sdk.settled(&mut collector), (900, failed(100)));
        assert_eq!(collector.got().requests, 10);
    });
}

#[test]
fn what_a_receiver_rejects_of_a_batch_is_counted_alone() {
    in_time(|| {
        let partial = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 7,
                error_message: "too old".to_owned(),
            }),
        };
        let headers = "content-type: application/x-protobuf\r\n";
        let mut collector = Collector::new([takes(answer(200, headers, &partial.encode_to_vec()))]);
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 10);
        assert_eq!(
            sdk.tracer.force_flush(LONG),
            FlushResult::Failed { lost: 7 }
        );
        sdk.record(100, 10);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        // All were in the requests; which seven it left out only the receiver knows.
        let (got, exported, dropped) = sdk.compared(&mut collector);
        assert_eq!((exported, dropped), (193, failed(7)));
        assert_eq!((got.taken.len(), got.requests), (200, 2));
        assert_eq!(sdk.stats().exporters[0].rejected, 7);
    });
}

#[test]
fn a_receiver_that_always_refuses_gets_each_batch_once() {
    in_time(|| {
        let script = (0..10).map(|_| refuses(answer(400, "", b"")));
        let mut collector = Collector::new(script);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.max_export_batch_size(100)
        });
        sdk.record(1000, 10);
        assert_eq!(
            sdk.tracer.shutdown_within(LONG),
            FlushResult::Failed { lost: 1000 }
        );
        assert_eq!(sdk.settled(&mut collector), (0, failed(1000)));
        assert_eq!(collector.got().requests, 10);
    });
}
