//! `cargo xtask interop`: real backends, what the SDK sends them, and what they have got of it.
//!
//! Backends are got with the tools of their languages and kept below `target/interop`, under names with their pinned versions.
//! The trace is that of `interop/trace.json`; each backend gets it over every protocol that it takes, and is asked for it
//! through its own query interface.

mod backend;
mod cache;
mod checks;
mod collector;
mod command;
mod compare;
mod get;
mod http;
mod jaeger;
mod many_hosts;
mod otlp_json;
mod process;
mod report;
mod seen;
mod send;
mod trace;
mod zipkin;
mod zipkin_json;

pub(crate) use checks::step;
pub(crate) use command::run;
