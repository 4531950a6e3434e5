//! Distributed tracing: where the time of a program goes, across threads, tasks and processes.
//!
//! A [`Span`] is one piece of work: a name, a start, an end, attributes, events. Spans that cause each other form a
//! trace, a tree that can reach through many processes. A [`Tracer`] records spans and takes them to its exporters.
//!
//! # A tour
//!
//! ```
//! use codomyrmex_tracing::{InMemoryExporter, SpanKind, SpanOptions, SpanStatus, Tracer, get_current_span};
//!
//! let spans = InMemoryExporter::new();
//! let tracer = Tracer::builder("shop").exporter(spans.clone()).build();
//!
//! {
//!     // Current on this thread until it is dropped, which finishes it.
//!     let checkout = tracer.span_with("POST /checkout", SpanOptions::new().kind(SpanKind::Server));
//!     checkout.set_attribute("items", 3).set_attribute("user", "ann");
//!
//!     // A child, because the other one is current.
//!     let charge = tracer.span("charge");
//!     charge.add_event("retry", &[("attempt", 2.into())]);
//!     charge.set_status(SpanStatus::Error, "card declined");
//!     drop(charge);
//!
//!     // From code that knows of no tracer.
//!     if let Some(span) = get_current_span() {
//!         span.set_attribute("queue.length", 7);
//!     }
//! }
//!
//! tracer.flush();
//! assert_eq!(spans.tree_with(&["items"]), "POST /checkout items=3\n╰─ ✗ charge\n");
//! assert!(tracer.stats().balanced());
//! ```
//!
//! ## Functions
//!
//! [`#[trace]`](macro@trace) makes each call of a function a span; the arguments that it lists become attributes, and an
//! `Err` is recorded. The tracer is one of the [registry](get_tracer), or any expression.
//!
//! ```
//! use codomyrmex_tracing::{InMemoryExporter, get_tracer_with, trace};
//!
//! #[trace(tracer = "accounts", attributes(user))]
//! fn balance(user: &str, password: &str) -> Result<u32, String> {
//!     if password == "hunter2" { Ok(42) } else { Err(format!("{user} is not who they say")) }
//! }
//!
//! let spans = InMemoryExporter::new();
//! let tracer = get_tracer_with("accounts", spans.clone());
//! assert!(balance("ann", "guess").is_err());
//! tracer.flush();
//!
//! let span = &spans.spans()[0];
//! assert_eq!((span.name.as_str(), span.status_message.as_str()), ("balance", "ann is not who they say"));
//! assert!(span.attributes.iter().all(|(key, _)| key != "password"));
//! ```
//!
//! ## Threads and tasks
//!
//! A guard ([`Tracer::span`]) stays on its thread. A [`Span`] ([`Tracer::start_span`]) may move: it is current where
//! [`Span::in_scope`] makes it so, or in a future that carries it ([`FutureExt::in_span`]).
//!
//! ```
//! use codomyrmex_tracing::{InMemoryExporter, Tracer};
//!
//! let spans = InMemoryExporter::new();
//! let tracer = Tracer::builder("index").exporter(spans.clone()).build();
//! let all = tracer.start_span("index");
//! all.in_scope(|| {
//!     let part = tracer.start_span("part");
//!     let tracer = tracer.clone();
//!     std::thread::spawn(move || part.in_scope(|| tracer.span("read").finish())).join().unwrap();
//! });
//! all.finish();
//! tracer.flush();
//! assert_eq!(spans.tree(), "index\n╰─ part\n   ╰─ read\n");
//! ```
//!
//! ## Processes
//!
//! The context travels in headers (W3C Trace Context, Baggage, and `X-Trace-Id` and its like).
//!
//! ```
//! use codomyrmex_tracing::{SpanContext, SpanOptions, Tracer};
//!
//! let tracer = Tracer::builder("shop").build();
//! let call = tracer.span("GET /stock");
//! let headers = call.context().to_headers();
//!
//! // On the other side:
//! let parent = SpanContext::from_headers(&headers).unwrap();
//! let served = tracer.span_with("stock", SpanOptions::new().parent(&parent));
//! assert_eq!(served.trace_id(), call.trace_id());
//! ```
//!
//! ## The environment
//!
//! [`get_tracer`] reads `CODOMYRMEX_…` and `OTEL_…` variables: see [`environment`]. `CODOMYRMEX_TRACES_EXPORTER=console`
//! prints spans, without a change to the program.
//!
//! # What it promises
//!
//! - Recording never panics, blocks or fails. What is wrong is counted in [`Stats`] and said once through
//!   [`diagnostics`].
//! - Everything is bounded, and the books balance: [`Stats::balanced`].
//! - Secrets stay in the process: see [`Redact`].
//! - Spans that wait for their batch are handed over by [`Tracer::flush`], and when the last handle of a tracer is
//!   dropped. The registry holds handles, so that a program flushes what it has from there at its end:
//!   [`flush_registry`]. A program that SIGTERM ends flushes if it is asked to: [`flush_on_sigterm`].

#![forbid(unsafe_code)]

// The code that `#[trace]` writes names this crate, and is used in it as well.
#[allow(unused_extern_crates)]
extern crate self as codomyrmex_tracing;

#[cfg(doctest)]
pub mod documents;
pub mod environment;
pub mod propagation;
mod registry;

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;

#[doc(inline)]
pub use codomyrmex_core::{
    AsVariables, AttributeValue, B3, Baggage, BaggagePropagator, Batch, ConsistentProbability,
    ConsoleExporter, CurrentSpan, Delivery, Dropped, EndingSpan, ExportError, ExporterStats,
    Extracted, FinishedEvent, FinishedLink, FinishedSpan, FlushResult, FutureExt, HeaderSink,
    HeaderSource, IdGenerator, InMemoryExporter, InSpan, Injected, Jaeger, Limits, MapError,
    NullExporter, ParentBased, ParseIdError, ParsePropagatorsError, ParseRedactError,
    ParseResourceError, ParseSamplerError, Propagator, Propagators, RateLimit, Redact, Resource,
    Sample, Sampler, SamplingDecision, SamplingInput, SamplingResult, SeedHeaders, Span,
    SpanContext, SpanExporter, SpanGuard, SpanHooks, SpanId, SpanKind, SpanOptions, SpanStatus,
    SpanView, StartedSpan, Stats, Style, TraceContext, TraceId, TraceParentText, TraceState,
    TraceStateError, Tracer, TracerBuilder, Trust, UnknownSpanKind, UnknownSpanStatus, Value, XRay,
    current_context, diagnostics, drawn, get_current_span, variable_name,
};
#[doc(inline)]
pub use codomyrmex_core::{
    Metric, MetricKind, MetricPoint, ParseWhenFullError, PerProcess, WhenFull,
};

#[cfg(feature = "otlp")]
#[doc(inline)]
pub use codomyrmex_otlp as otlp;
#[cfg(feature = "otlp")]
#[doc(inline)]
pub use codomyrmex_otlp::{OtlpExporter, OtlpFileExporter};
#[cfg(feature = "zipkin")]
#[doc(inline)]
pub use codomyrmex_zipkin as zipkin;
#[cfg(feature = "zipkin")]
#[doc(inline)]
pub use codomyrmex_zipkin::ZipkinExporter;

/// The clock that spans read at their start and at their end.
pub mod clock {
    #[doc(inline)]
    pub use codomyrmex_core::clock::ticks;
}

#[doc(inline)]
pub use codomyrmex_core::{flush_on_sigterm, stop_flushing_on_sigterm};
pub use registry::{Registry, flush_registry, get_tracer, get_tracer_with, reset_registry};

/// Traces a function: each call is a span that covers the body.
///
/// The span is named after the function, is a child of the span that is current, and is itself current while the body
/// runs. Its attribute `function.name` is the function's name.
///
/// ```
/// use codomyrmex_tracing::trace;
///
/// #[trace]
/// fn parse(text: &str) -> usize {
///     text.split(' ').count()
/// }
///
/// #[trace("fetch", kind = client, tracer = "shop", attributes(id, cached = cache.contains(&id)))]
/// async fn load(id: u32, cache: &[u32]) -> Result<String, std::io::Error> {
///     Ok(format!("item {id}"))
/// }
/// ```
///
/// # Arguments
///
/// All are optional, and may stand in any order.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `"…"` (first) or `name = "…"` | the span's name, a literal or a constant | the function's name |
/// | `kind = server` | internal, server, client, producer or consumer; also as text, or as `SpanKind::Server` | internal |
/// | `tracer = "…"` | the [registry's](get_tracer) tracer of this name | `"default"` |
/// | `tracer = expression` | a [`Tracer`] or a reference to one: `self.tracer`, `tracer()` | |
/// | `attributes(…)` or `fields(…)` | see below | none |
/// | `err`, `err = false` | whether an `Err` is recorded | where the return type is called `Result` |
///
/// # Attributes
///
/// Only what is listed is recorded: an argument by its name, anything else as `key = expression`; dots in keys are
/// fine, and a key may be a string literal. Expressions see the arguments. They are evaluated only if the span is
/// recorded, after it has started and before the body runs; a [`Sampler`] does not see them.
///
/// Numbers, truth values, text, bytes and slices become values of their kind, `None` no attribute at all, everything
/// else its `Display`, or else its `Debug`.
///
/// # Errors
///
/// Where a function returns a `Result`, an `Err` becomes an `exception` event and the status ERROR, with what the error's
/// `Display` (or else its `Debug`) says. Its causes go along if it is an [`Error`](std::error::Error) or holds one, as
/// `Box<dyn Error>` does. The value itself is returned as it is.
///
/// # Functions of every kind
///
/// Methods, generic functions, `unsafe` and `extern` functions are fine. The body of an `async fn` is traced from its
/// first poll to its end, on whatever threads, and stays `Send` where it is; so is that of a method under
/// `#[async_trait]`. A function that returns `impl Future` is traced as what it is, one that makes a future: write it as an
/// `async fn`, or give the future its span ([`FutureExt::in_span`]). A `const fn` cannot be traced.
///
/// ```
/// use codomyrmex_tracing::{InMemoryExporter, Tracer, trace};
///
/// struct Shop {
///     tracer: Tracer,
///     stock: u32,
/// }
///
/// impl Shop {
///     #[trace("sell", tracer = self.tracer, attributes(amount, stock.left = self.stock))]
///     fn sell(&mut self, amount: u32) -> Result<u32, &'static str> {
///         self.stock = self.stock.checked_sub(amount).ok_or("not enough in stock")?;
///         Ok(self.stock)
///     }
/// }
///
/// let spans = InMemoryExporter::new();
/// let mut shop = Shop { tracer: Tracer::builder("shop").exporter(spans.clone()).build(), stock: 3 };
/// assert!(shop.sell(5).is_err());
/// shop.tracer.flush();
/// assert_eq!(spans.spans()[0].status_message, "not enough in stock");
/// ```
pub use codomyrmex_tracing_macros::trace;
