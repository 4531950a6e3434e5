//! What the exporter's own libraries trace reaches no subscriber of the program's: it would be exported, and traced again.
#![cfg(feature = "grpc")]

mod grpc_receiver;
mod receiver;

use std::sync::Mutex;
use std::thread;

use codomyrmex_otlp::Protocol;
use grpc_receiver::GrpcReceiver;
use receiver::Traced;
use tracing_core::dispatcher::{self, Dispatch};
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Event, Metadata, Subscriber};

static THREADS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Writes down which threads events and spans come from.
struct Listener;

impl Listener {
    fn heard(&self) {
        let name = thread::current().name().unwrap_or("unnamed").to_owned();
        THREADS.lock().unwrap().push(name);
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.heard();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.heard();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn current_span(&self) -> Current {
        Current::none()
    }
}

#[test]
fn nothing_comes_from_the_exporter_s_thread() {
    dispatcher::set_global_default(Dispatch::new(Listener)).unwrap();
    let receiver = GrpcReceiver::new([]);
    let exporter =
        receiver::quick(&format!("http://{}", receiver.address)).protocol(Protocol::Grpc);
    let traced = Traced::new(exporter);
    assert_eq!(traced.export(&["a"]), Ok(()));
    traced.tracer.shutdown();
    let threads = THREADS.lock().unwrap();
    // The receiver in this process is made of the same libraries, so that there is something to be heard.
    assert!(!threads.is_empty());
    assert!(
        threads.iter().all(|name| name != "codomyrmex-export"),
        "{threads:?}"
    );
}
