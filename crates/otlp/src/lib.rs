//! The OTLP exporter: spans to a Collector, or to whatever else takes OTLP.
//!
//! ```no_run
//! use codomyrmex_core::Tracer;
//! use codomyrmex_otlp::OtlpExporter;
//!
//! let exporter = OtlpExporter::builder()
//!     .endpoint("https://collector.example:4318/v1/traces")
//!     .header("authorization", "Bearer …")
//!     .build()?;
//! let tracer = Tracer::builder("shop").exporter(exporter).build();
//! tracer.span("checkout").finish();
//! # Ok::<(), codomyrmex_otlp::ConfigError>(())
//! ```
//!
//! A batch's bytes are handed through: a request is the batch's resource and scope, then its spans as they were encoded
//! when they finished. All input and output runs on the exporter's own thread, in a runtime that lives there alone and
//! is made anew in a forked child, so it needs no runtime of the program's and disturbs none.
#![forbid(unsafe_code)]

mod answer;
mod builder;
mod compress;
mod connection;
mod deliver;
mod endpoint;
mod error;
mod exporter;
mod failure;
mod file;
#[cfg(feature = "grpc")]
mod grpc;
mod headers;
mod http;
mod json;
mod link;
mod prefix;
mod protobuf;
mod protocol;
mod proxies;
mod proxy;
mod request;
mod retry;
mod settings;
mod socket;
mod tls;
mod tunnel;

pub use builder::OtlpExporterBuilder;
pub use error::ConfigError;
pub use exporter::OtlpExporter;
pub use file::{OtlpFileExporter, OtlpFileExporterBuilder};
pub use protocol::{Compression, ParseProtocolError, Protocol};
pub use proxies::Proxies;
