//! The Zipkin exporter: spans as Zipkin's v2 JSON.
//!
//! ```no_run
//! use codomyrmex_core::Tracer;
//! use codomyrmex_zipkin::ZipkinExporter;
//!
//! let exporter = ZipkinExporter::builder().endpoint("http://zipkin.example:9411/api/v2/spans").build()?;
//! let tracer = Tracer::builder("shop").exporter(exporter).build();
//! tracer.span("checkout").finish();
//! # Ok::<(), codomyrmex_zipkin::ConfigError>(())
//! ```
//!
//! # What becomes of a span
//!
//! By OpenTelemetry's specification ("OpenTelemetry to Zipkin transformation", "Transformation to non-OTLP formats"):
//!
//! | of the span | in Zipkin |
//! |---|---|
//! | ids, parent, name | the same; ids in hexadecimal |
//! | kind | the same; none for internal |
//! | start, end | `timestamp` and `duration`, whole microseconds, `duration` at least 1 |
//! | `service.name` of the resource | `localEndpoint.serviceName` |
//! | attributes; those of resource and scope, where a span has none of their keys | `tags`: texts as they are, arrays and maps as JSON, bytes in base64 |
//! | status | the tags `otel.status_code`, and `error` with the message where it is an error |
//! | name and version of the scope | the tags `otel.scope.name`, `otel.scope.version` (and the older `otel.library.…`) |
//! | events | `annotations`; one with attributes is called `"name": {"key": value}` |
//! | whom a client or producer calls | `remoteEndpoint`, by the first of `peer.service`, `server.address` and other attributes |
//! | dropped counts | the tags `otel.dropped_attributes_count`, `…events_count`, `…links_count` |
//! | links, trace state | not: Zipkin has nothing of the kind |
//!
//! Connections, TLS, retries and deadlines are those of OTLP over HTTP.

#![forbid(unsafe_code)]

mod builder;
mod error;
mod event;
mod exporter;
mod object;
mod remote_endpoint;
mod span;
mod tags;
mod value;

pub use builder::ZipkinExporterBuilder;
pub use error::ConfigError;
pub use exporter::ZipkinExporter;
pub use span::write_spans;
