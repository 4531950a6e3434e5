//! Answers that are none.

use std::io::Write;

use codomyrmex_core::FlushResult;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::collector::{Collector, refuses, success, takes};
use crate::receiver::{Answer, answer};
use crate::sdk::{LONG, NOTHING, Sdk, failed, in_time};

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

/// Three rounds of 100 spans, of which the first meets the collector's fault; gives requests and what was counted.
fn rounds(
    mut collector: Collector,
    first: FlushResult,
) -> (usize, (u64, codomyrmex_core::Dropped)) {
    let sdk = Sdk::new(collector.receiver.exporter());
    sdk.record(100, 10);
    assert_eq!(sdk.tracer.force_flush(LONG), first);
    sdk.record(100, 10);
    assert_eq!(sdk.tracer.force_flush(LONG), FlushResult::Done);
    sdk.record(100, 10);
    assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
    let counted = sdk.settled(&mut collector);
    (collector.got().requests, counted)
}

#[test]
fn garbage_in_a_success_is_success() {
    in_time(|| {
        let garbage: Vec<u8> = (0..=255).cycle().skip(7).take(100_000).collect();
        let collector = Collector::new([takes(answer(200, PROTOBUF, &garbage))]);
        let counted = rounds(collector, FlushResult::Done);
        assert_eq!(counted, (3, (300, NOTHING)));
    });
}

#[test]
fn what_is_no_http_is_tried_again() {
    in_time(|| {
        let garbage: Vec<u8> = (128..=255).cycle().take(100_000).collect();
        let collector = Collector::new([refuses(Answer::Last(garbage))]);
        let counted = rounds(collector, FlushResult::Done);
        assert_eq!(counted, (4, (300, NOTHING)));
    });
}

#[test]
fn garbage_in_a_refusal_is_a_refusal() {
    in_time(|| {
        let garbage: Vec<u8> = (0..=255).cycle().skip(7).take(100_000).collect();
        let collector = Collector::new([refuses(answer(400, PROTOBUF, &garbage))]);
        let counted = rounds(collector, FlushResult::Failed { lost: 100 });
        assert_eq!(counted, (3, (200, failed(100))));
    });
}

#[test]
fn a_gzip_bomb_harms_nobody() {
    in_time(|| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..256 {
            gzip.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        let headers = format!("{PROTOBUF}content-encoding: gzip\r\n");
        let bomb = || answer(200, &headers, &bomb);
        let collector = Collector::new([takes(bomb()), success(), takes(bomb())]);
        let counted = rounds(collector, FlushResult::Done);
        assert_eq!(counted, (3, (300, NOTHING)));
    });
}
