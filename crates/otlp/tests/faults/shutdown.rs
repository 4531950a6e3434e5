//! Shutdowns in the middle of a fault: back by their deadline, and what they give up is counted.

use std::thread;

use codomyrmex_core::FlushResult;

use crate::collector::{Collector, refuses, refuses_with};
use crate::receiver::Answer;
use crate::sdk::{LONG, SHORT, Sdk, failed, given_up, in_time};

#[test]
fn a_receiver_that_never_answers_is_waited_for_until_the_deadline() {
    in_time(|| {
        let mut collector = Collector::new([refuses(Answer::Silence)]);
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 10);
        sdk.shut_down_too_early(100);
        assert_eq!(sdk.settled(&mut collector), (0, given_up(100)));
        // What comes after it is not recorded at all.
        sdk.record(1, 10);
        assert_eq!(sdk.settled(&mut collector), (0, given_up(100)));
    });
}

#[test]
fn a_wait_that_the_receiver_asked_for_is_given_up() {
    in_time(|| {
        for code in [429, 503] {
            let mut collector = Collector::new([refuses_with(code, "retry-after: 20\r\n")]);
            let sdk = Sdk::new(collector.receiver.exporter());
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.force_flush(SHORT),
                FlushResult::TimedOut { left: 100 }
            );
            sdk.shut_down_too_early(100);
            assert_eq!(sdk.settled(&mut collector), (0, given_up(100)));
            assert_eq!(collector.got().requests, 1);
        }
    });
}

#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    in_time(|| {
        for code in [429, 503] {
            let mut collector = Collector::new([refuses_with(code, "retry-after: 20\r\n")]);
            let sdk = Sdk::new(collector.receiver.exporter());
            sdk.record(100, 10);
            assert_eq!(
                sdk.tracer.shutdown_within(LONG / 10),
                FlushResult::Failed { lost: 100 }
            );
            assert_eq!(sdk.settled(&mut collector), (0, failed(100)));
            assert_eq!(collector.got().requests, 1);
        }
    });
}

#[test]
fn what_is_queued_behind_a_stalled_batch_is_given_up_with_it() {
    in_time(|| {
        let mut collector = Collector::new([refuses(Answer::Silence)]);
        let sdk = Sdk::with(collector.receiver.exporter(), |builder| {
            builder.max_export_batch_size(10)
        });
        sdk.record(1000, 10);
        sdk.shut_down_too_early(1000);
        assert_eq!(sdk.settled(&mut collector), (0, given_up(1000)));
        // One batch was on its way.
        assert_eq!(collector.got().seen.len(), 10);
    });
}

#[test]
fn several_threads_may_shut_down_a_stalled_tracer() {
    in_time(|| {
        let mut collector = Collector::new([refuses(Answer::Silence)]);
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 10);
        let results: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| sdk.tracer.shutdown_within(SHORT)))
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .collect()
        });
        for result in results {
            assert!(!result.is_delivered(), "{result:?}");
        }
        sdk.await_end();
        assert_eq!(sdk.settled(&mut collector), (0, given_up(100)));
        assert!(!sdk.tracer.shutdown_within(LONG).is_delivered());
    });
}

#[test]
fn dropping_a_stalled_tracer_does_not_hang() {
    in_time(|| {
        let collector = Collector::new([refuses(Answer::Silence)]);
        let sdk = Sdk::new(collector.receiver.exporter());
        sdk.record(100, 10);
        let Sdk { tracer, .. } = sdk;
        // It waits for five seconds, and no longer.
        drop(tracer);
        collector.receiver.ended.recv().unwrap();
    });
}
