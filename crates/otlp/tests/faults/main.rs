//! What arrives and what is counted, when something between the program and its receiver is broken: a tracer, the OTLP
//! exporter, and a receiver with a fault.
//!
//! In each test what the receiver took is what the books call exported, no span twice; everything else is counted under its
//! reason; and the recording calls are all back before the receiver says a word, so that none can have waited for it.

#[path = "../authority/mod.rs"]
mod authority;
#[path = "../grpc_receiver/mod.rs"]
mod grpc_receiver;
#[path = "../receiver/mod.rs"]
mod receiver;

mod certificates;
mod collector;
mod down;
mod grpc;
mod load;
mod lost_answers;
mod names;
mod port;
mod refusals;
mod sdk;
mod shutdown;
mod slow;
mod strange_answers;
mod threads;
