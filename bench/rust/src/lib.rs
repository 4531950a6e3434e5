//! What every peer's binary shares: the cases, the amount of work in each, the clocks, and the exporter that
//! encodes OpenTelemetry's span data to OTLP bytes.
//!
//! A binary serves one case and is driven through its standard input (see `serve`), so that the driver can
//! give turns to many peers in rounds. Nothing here knows any peer.
#![forbid(unsafe_code)]

pub mod case;
pub mod encode;
pub mod load;
pub mod poll;
pub mod serve;
pub mod wire;

pub use case::Case;
