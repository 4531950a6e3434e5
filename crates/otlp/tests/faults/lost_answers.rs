//! Connections that break: in the middle of a request, and behind it.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use codomyrmex_core::FlushResult;

use crate::collector::{Collector, refuses, success, takes};
use crate::receiver::{Accept, Answer};
use crate::sdk::{LONG, NOTHING, Sdk, in_time};

/// Resets so many connections after it has read this much of a request, which is longer; takes the later ones as they are.
fn resets(connections: usize, after: usize) -> Accept {
    let accepted = AtomicUsize::new(0);
    Box::new(move |mut stream| {
        if accepted.fetch_add(1, Ordering::Relaxed) < connections {
            // What is left unread makes a reset of the close.
            let _ = stream.read_exact(&mut vec![0; after]);
            return None;
        }
        Some(Box::new(stream))
    })
}

#[test]
fn a_reset_in_mid_body_is_tried_again_and_arrives_once() {
    in_time(|| {
        for after in [1, 100, 20_000] {
            let mut collector = Collector::with([], resets(3, after));
            let sdk = Sdk::new(collector.receiver.exporter());
            sdk.record(100, 1000);
            assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
            assert_eq!(sdk.settled(&mut collector), (100, NOTHING));
        }
    });
}

#[test]
fn a_receiver_that_only_resets_costs_the_shutdown_its_deadline() {
    in_time(|| {
        let mut collector = Collector::with([], resets(usize::MAX, 1000));
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 1000);
        sdk.shut_down_too_early(100);
        assert_eq!(sdk.all_lost(), 100);
        assert_eq!(collector.got().requests, 0);
    });
}

#[test]
fn connections_that_break_now_and_then_lose_nothing() {
    in_time(|| {
        let script = (0..200).map(|number| match number % 4 {
            0 => refuses(Answer::Break),
            2 => refuses(Answer::Last(b"HTTP/1.1 50".to_vec())),
            _ => success(),
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
fn an_answer_that_is_lost_makes_spans_come_twice() {
    in_time(|| {
        // It took the first request; only its word about it is lost. The exporter cannot know, and sends again.
        let mut collector = Collector::new([takes(Answer::Break)]);
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 10);
        assert_eq!(sdk.tracer.shutdown_within(LONG), FlushResult::Done);
        assert_eq!(sdk.counted(), (100, NOTHING));
        let got = collector.got();
        assert_eq!((got.taken.len(), got.twice), (100, 100));
    });
}
