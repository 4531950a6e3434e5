//! The same faults over gRPC, where they look different there.

use std::collections::HashSet;

use codomyrmex_core::{Dropped, FlushResult};
use codomyrmex_otlp::Protocol;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use crate::collector::span_keys;
use crate::grpc_receiver::{GrpcReceiver, Reply};
use crate::receiver::quick;
use crate::sdk::{LONG, NOTHING, Sdk, failed, given_up, in_time};

const RESOURCE_EXHAUSTED: i32 = 8;
const UNAVAILABLE: i32 = 14;
const INVALID_ARGUMENT: i32 = 3;

fn sdk(receiver: &GrpcReceiver) -> Sdk {
    let exporter = quick(&format!("http://{}", receiver.address)).protocol(Protocol::Grpc);
    Sdk::with(exporter, |builder| builder.max_export_batch_size(100))
}

fn refuses(code: i32) -> Reply {
    Reply::Status(code, "not now", Vec::new())
}

fn takes() -> Reply {
    Reply::Message(Vec::new())
}

/// What became of 1,000 spans in ten batches: how many requests and different spans the receiver got, how many spans it
/// answered with success, and what is counted.
fn ten_batches(script: Vec<Reply>, result: FlushResult) -> (usize, usize, usize, (u64, Dropped)) {
    let takes: Vec<bool> = script
        .iter()
        .map(|reply| matches!(reply, Reply::Message(_)))
        .collect();
    let receiver = GrpcReceiver::new(script);
    let sdk = sdk(&receiver);
    sdk.record(1000, 10);
    assert_eq!(sdk.tracer.shutdown_within(LONG), result);
    let calls = receiver.so_far();
    let (mut seen, mut taken) = (HashSet::new(), HashSet::new());
    for (number, call) in calls.iter().enumerate() {
        let spans = span_keys(&call.message);
        if takes.get(number).copied().unwrap_or(true) {
            for span in &spans {
                assert!(taken.insert(span.clone()), "a span came twice");
            }
        }
        seen.extend(spans);
    }
    (calls.len(), seen.len(), taken.len(), sdk.counted())
}

#[test]
fn unavailable_and_broken_connections_are_tried_again() {
    in_time(|| {
        let script = vec![
            refuses(UNAVAILABLE),
            takes(),
            Reply::Break,
            Reply::Http(503),
            takes(),
        ];
        let became = ten_batches(script, FlushResult::Done);
        assert_eq!(became, (13, 1000, 1000, (1000, NOTHING)));
    });
}

#[test]
fn what_is_refused_for_good_is_lost_alone() {
    in_time(|| {
        // Without RetryInfo a receiver that is exhausted does not want to be asked again.
        let script = vec![
            refuses(INVALID_ARGUMENT),
            takes(),
            refuses(RESOURCE_EXHAUSTED),
        ];
        let became = ten_batches(script, FlushResult::Failed { lost: 200 });
        assert_eq!(became, (10, 1000, 800, (800, failed(200))));
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
        let script = vec![Reply::Message(partial.encode_to_vec())];
        let became = ten_batches(script, FlushResult::Failed { lost: 7 });
        assert_eq!(became, (10, 1000, 1000, (993, failed(7))));
    });
}

#[test]
fn a_shutdown_gives_up_a_receiver_that_never_answers() {
    in_time(|| {
        let receiver = GrpcReceiver::new([Reply::Silence]);
        let sdk = sdk(&receiver);
        sdk.record(1000, 10);
        sdk.shut_down_too_early(1000);
        assert_eq!(sdk.counted(), (0, given_up(1000)));
        receiver.given_up.recv().unwrap();
    });
}
