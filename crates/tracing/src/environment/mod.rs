//! The environment's variables, and what they mean for a tracer. This is the only place that reads them.
//!
//! A variable `OTEL_<X>` means what OpenTelemetry's specification says; `CODOMYRMEX_<X>` means the same and wins over
//! it. An empty variable is an unset one. Words may be written in any case. What cannot be understood is ignored, and
//! reported through [`diagnostics`](crate::diagnostics).
//!
//! | `CODOMYRMEX_…` or `OTEL_…` | meaning | in code |
//! |---|---|---|
//! | `SDK_DISABLED` | `true`: nothing is recorded | [`TracerBuilder::disabled`](crate::TracerBuilder::disabled) |
//! | `SERVICE_NAME` | `service.name` of the resource; wins over the next and over a tracer's name | [`Tracer::builder`](crate::Tracer::builder) |
//! | `RESOURCE_ATTRIBUTES` | `key=value,key=value`, percent-encoded | [`TracerBuilder::resource`](crate::TracerBuilder::resource) |
//! | `TRACES_EXPORTER` | `otlp`, `zipkin`, `otlp/file`, `otlp/stdout`, `console`, `null` or `none`; a list with commas for several | [`TracerBuilder::exporter`](crate::TracerBuilder::exporter) |
//! | `TRACES_SAMPLER`, `TRACES_SAMPLER_ARG` | see [`Sampler::parse`](crate::Sampler::parse) | [`TracerBuilder::sampler`](crate::TracerBuilder::sampler) |
//! | `SPAN_ATTRIBUTE_COUNT_LIMIT`, else `ATTRIBUTE_COUNT_LIMIT` | [`Limits::attributes`](crate::Limits::attributes) | [`TracerBuilder::limits`](crate::TracerBuilder::limits) |
//! | `SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `ATTRIBUTE_VALUE_LENGTH_LIMIT` | [`Limits::attribute_value_length`](crate::Limits::attribute_value_length) | |
//! | `SPAN_EVENT_COUNT_LIMIT`, `SPAN_LINK_COUNT_LIMIT` | [`Limits::events`](crate::Limits::events), [`Limits::links`](crate::Limits::links) | |
//! | `EVENT_ATTRIBUTE_COUNT_LIMIT`, `LINK_ATTRIBUTE_COUNT_LIMIT` | [`Limits::attributes_per_event`](crate::Limits::attributes_per_event), [`Limits::attributes_per_link`](crate::Limits::attributes_per_link) | |
//! | `BSP_SCHEDULE_DELAY` | milliseconds after which exporters get what there is | [`TracerBuilder::flush_interval`](crate::TracerBuilder::flush_interval) |
//! | `BSP_MAX_QUEUE_SIZE` | the most spans in each exporter's queue; no limit beside that in bytes by default | [`TracerBuilder::max_queue_size`](crate::TracerBuilder::max_queue_size) |
//! | `BSP_MAX_EXPORT_BATCH_SIZE` | the most spans of a batch | [`TracerBuilder::max_export_batch_size`](crate::TracerBuilder::max_export_batch_size) |
//! | `BSP_EXPORT_TIMEOUT` | milliseconds that one export may take: 30000; 0 for no limit | [`TracerBuilder::export_timeout`](crate::TracerBuilder::export_timeout) |
//! | `PROPAGATORS` | `tracecontext,baggage` (the default), others of [`Propagators::parse`](crate::Propagators::parse), or `none` | [`propagation`](crate::propagation) |
//!
//! The OTLP exporter's. Each may have `TRACES_` in front of its last part (`EXPORTER_OTLP_TRACES_HEADERS`): that is for
//! traces alone, and wins.
//!
//! | `CODOMYRMEX_EXPORTER_OTLP_…` or `OTEL_EXPORTER_OTLP_…` | meaning | in code |
//! |---|---|---|
//! | `ENDPOINT` | URL for all signals: over HTTP, `/v1/traces` is appended. `TRACES_ENDPOINT` is taken as it stands. A Unix socket is `unix:///path/to/the.sock`. `http://localhost:4318`, or `:4317` for gRPC | `base_endpoint`, `endpoint` |
//! | `PROTOCOL` | `http/protobuf` (the default), `http/json` or `grpc` | `protocol` |
//! | `HEADERS` | `name=value,name=value`, the values percent-encoded | `header`, `headers` |
//! | `TIMEOUT` | milliseconds for a batch with all its retries: 10000 | `timeout` |
//! | `COMPRESSION` | `none` (the default), `gzip` or `zstd` | `compression` |
//! | `INSECURE` | `true`: a gRPC endpoint without a scheme is spoken to without TLS | `insecure` |
//! | `CERTIFICATE` | PEM file with the authorities to trust, in place of the system's | `certificate` |
//! | `CLIENT_CERTIFICATE`, `CLIENT_KEY` | PEM files for mTLS | `client_certificate`, `client_key` |
//!
//! The methods are those of `OtlpExporterBuilder`.
//!
//! Proxies of the OTLP exporter, under the names that most programs read, in lower case or else in upper case. Receivers on
//! this machine are reached without one.
//!
//! | variable | meaning | in code |
//! |---|---|---|
//! | `HTTPS_PROXY`, `HTTP_PROXY` | proxy for `https` and for `http` receivers: `http://user:password@host:port`. In upper case, `HTTP_PROXY` is not read where `REQUEST_METHOD` is set, since a web server's client chooses it there | `proxy`, `no_proxy` |
//! | `ALL_PROXY` | proxy for receivers that have none by these | |
//! | `NO_PROXY` | domains, IP addresses and networks, with commas between them, that are reached without one; `*` for all | `proxies` |
//!
//! The Zipkin exporter's:
//!
//! | `CODOMYRMEX_…` or `OTEL_…` | meaning | in code |
//! |---|---|---|
//! | `EXPORTER_ZIPKIN_ENDPOINT` | the URL that spans go to: `http://localhost:9411/api/v2/spans` | `ZipkinExporterBuilder::endpoint` |
//! | `EXPORTER_ZIPKIN_TIMEOUT` | milliseconds for a batch with all its retries: 10000 | `ZipkinExporterBuilder::timeout` |
//!
//! Without a counterpart of OpenTelemetry's:
//!
//! | variable | meaning | in code |
//! |---|---|---|
//! | `CODOMYRMEX_REDACT` | see [`Redact`](crate::Redact) | [`TracerBuilder::redact`](crate::TracerBuilder::redact) |
//! | `CODOMYRMEX_QUEUE_BYTES` | the most bytes of finished spans that wait for exporters | [`TracerBuilder::queue_bytes`](crate::TracerBuilder::queue_bytes) |
//! | `CODOMYRMEX_EXPORTER_FILE_PATH` | the file of the exporter `otlp/file` | `OtlpFileExporterBuilder::path` |
//! | `CODOMYRMEX_EXPORTER_FILE_MAX_BYTES` | its size, at which it is renamed: 104857600 | `OtlpFileExporterBuilder::max_bytes` |
//! | `CODOMYRMEX_EXPORTER_FILE_KEPT` | how many older ones stay: 3 | `OtlpFileExporterBuilder::kept` |
//! | `CODOMYRMEX_FLUSH_ON_SIGTERM` | `true`: what is finished goes out, for at most five seconds, before SIGTERM ends the process | [`flush_on_sigterm`](crate::flush_on_sigterm) |
//! | `CODOMYRMEX_WHEN_FULL` | `drop` (the default), or `wait:` and milliseconds: see [`WhenFull`](crate::WhenFull) | [`TracerBuilder::when_full`](crate::TracerBuilder::when_full) |
//! | `CODOMYRMEX_BOOKS_ON_THE_WIRE` | `false`: counters do not go along with the spans | [`TracerBuilder::books_on_the_wire`](crate::TracerBuilder::books_on_the_wire) |
//! | `CODOMYRMEX_PARENT_FROM_ENVIRONMENT` | `false`: the next ones are not read | [`TracerBuilder::parent`](crate::TracerBuilder::parent) |
//!
//! `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` (or what else the propagators write, in upper case) are what a process left
//! for those that it starts. The context that they hold is the parent of spans that have no other, but for the kinds
//! server and consumer: their callers are elsewhere.

mod exporters;
#[cfg(feature = "otlp")]
mod file;
mod names;
#[cfg(feature = "otlp")]
mod otlp;
mod parent;
#[cfg(feature = "otlp")]
mod proxies;
mod reader;
mod settings;
mod snapshot;
#[cfg(feature = "zipkin")]
mod zipkin;

pub use exporters::ExporterChoice;
pub use settings::Settings;
pub use snapshot::Environment;
