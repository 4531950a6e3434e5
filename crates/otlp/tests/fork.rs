//! A process that forks: parent and child both go on sending, each on connections of its own.
#![cfg(unix)]

#[path = "../../core/tests/alone/mod.rs"]
mod alone;
#[cfg(feature = "grpc")]
mod grpc_receiver;
mod receiver;

use std::panic::{AssertUnwindSafe, catch_unwind};

use alone::passes_alone;
use codomyrmex_core::SpanExporter;
use receiver::{Answer, Receiver, Traced, status};

/// Runs `body` in a forked child to its end. A child that hangs is killed by its alarm.
fn in_child(body: impl FnOnce()) {
    // SAFETY: takes nothing; what the child runs after a fork with threads is what is tested here.
    let id = unsafe { libc::fork() };
    assert!(id >= 0);
    if id == 0 {
        // SAFETY: plain numbers.
        unsafe { libc::alarm(60) };
        let outcome = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(outcome.is_err())) }
    }
    let mut ended = 0;
    // SAFETY: the pointer is valid for the call.
    assert_eq!(unsafe { libc::waitpid(id, &raw mut ended, 0) }, id);
    assert_eq!(ended, 0, "the child failed, or was killed because it hung");
}

fn arrived(receiver: &Receiver) -> Vec<(usize, Vec<String>)> {
    let requests = receiver.so_far();
    requests
        .iter()
        .map(|request| (request.connection, request.span_names()))
        .collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_process_has_its_own_connection() {
    passes_alone("each_process_has_its_own_connection", || {
        let receiver = Receiver::new([]);
        let traced = Traced::new(receiver.exporter());
        assert_eq!(traced.export(&["parent"]), Ok(()));
        in_child(|| {
            assert_eq!(traced.export(&["child"]), Ok(()));
            in_child(|| assert_eq!(traced.export(&["grandchild"]), Ok(())));
            assert_eq!(traced.export(&["child again"]), Ok(()));
            traced.tracer.shutdown();
        });
        assert_eq!(traced.export(&["parent again"]), Ok(()));
        assert_eq!(
            arrived(&receiver),
            [
                (0, names(&["parent"])),
                (1, names(&["child"])),
                (2, names(&["grandchild"])),
                (1, names(&["child again"])),
                (0, names(&["parent again"])),
            ]
        );
    });
}

#[test]
fn a_fork_in_the_middle_of_an_export_hinders_neither() {
    passes_alone("a_fork_in_the_middle_of_an_export_hinders_neither", || {
        let receiver = Receiver::new([Answer::Silence]);
        let traced = Traced::new(receiver.exporter());
        traced.tracer.span("parent").finish();
        let flushing = traced.tracer.clone();
        let flushing = std::thread::spawn(move || flushing.flush());
        let first = receiver.requests.recv().unwrap();
        assert_eq!(first.span_names(), ["parent"]);

        in_child(|| {
            assert_eq!(traced.export(&["child"]), Ok(()));
            // What is cancelled in one process goes on in the other.
            traced.exporter.cancel();
            assert!(traced.export(&["too late"]).is_err());
        });
        assert_eq!(arrived(&receiver), [(1, names(&["child"]))]);

        traced.exporter.cancel();
        flushing.join().unwrap();
        assert!(traced.outcomes.recv().unwrap().is_err());
        assert_eq!(traced.books(), (0, 1));
    });
}

#[test]
fn a_parent_that_was_cancelled_leaves_its_child_able_to_send() {
    passes_alone(
        "a_parent_that_was_cancelled_leaves_its_child_able_to_send",
        || {
            let receiver = Receiver::new([status(200)]);
            let traced = Traced::new(receiver.exporter());
            traced.exporter.cancel();
            assert!(traced.export(&["parent"]).is_err());
            in_child(|| assert_eq!(traced.export(&["child"]), Ok(())));
            assert_eq!(arrived(&receiver), [(0, names(&["child"]))]);
        },
    );
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_too() {
    passes_alone("grpc_too", || {
        let receiver = grpc_receiver::GrpcReceiver::new([]);
        let exporter = receiver::quick(&format!("http://{}", receiver.address))
            .protocol(codomyrmex_otlp::Protocol::Grpc);
        let traced = Traced::new(exporter);
        assert_eq!(traced.export(&["parent"]), Ok(()));
        in_child(|| {
            assert_eq!(traced.export(&["child"]), Ok(()));
            traced.tracer.shutdown();
        });
        assert_eq!(traced.export(&["parent again"]), Ok(()));
        let connections: Vec<_> = receiver
            .so_far()
            .iter()
            .map(|call| call.connection)
            .collect();
        assert_eq!(connections, [0, 1, 0]);
    });
}
