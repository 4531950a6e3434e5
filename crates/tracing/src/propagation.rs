//! Contexts to and from other processes, in the formats that the environment chooses.
//!
//! `CODOMYRMEX_PROPAGATORS`, or else `OTEL_PROPAGATORS`, is a list as [`Propagators::parse`] reads it; without it the formats
//! are `tracecontext,baggage`. A program that wants to choose for itself keeps a [`Propagators`] of its own.
//! [`SpanContext::to_headers`] asks nobody: it writes every header that it knows.
//!
//! ```
//! use std::collections::BTreeMap;
//! use codomyrmex_tracing::{SpanKind, SpanOptions, Tracer, Trust, propagation};
//!
//! let tracer = Tracer::builder("shop").build();
//! let call = tracer.span_with("GET /stock", SpanOptions::new().kind(SpanKind::Client));
//! let mut headers = BTreeMap::new();
//! propagation::inject(&call.context(), &mut headers);
//! assert_eq!(headers.len(), 1);
//!
//! // On the other side; a server that strangers can reach would say `Trust::Link`.
//! let caller = propagation::extract(&headers);
//! let options = SpanOptions::new().kind(SpanKind::Server).incoming(caller.as_ref(), Trust::Parent);
//! let served = tracer.span_with("GET /stock", options);
//! assert_eq!(served.context().parent_span_id, Some(call.context().span_id));
//! ```
//!
//! A command is a carrier as well, and a program whose tracers come from the environment starts its roots below the span
//! that it finds there:
//!
//! ```
//! use std::process::Command;
//! use codomyrmex_tracing::{Tracer, propagation};
//!
//! let tracer = Tracer::builder("nightly").build();
//! let step = tracer.span("compress");
//! let mut command = Command::new("gzip");
//! propagation::inject(&step.context(), &mut command);
//! assert!(command.get_envs().any(|(name, _)| name == "TRACEPARENT"));
//! ```

use std::sync::OnceLock;

use codomyrmex_core::{HeaderSink, HeaderSource, Injected, Propagator, Propagators, SpanContext};

use crate::environment::Environment;

/// The formats that the process's environment chooses, as it was when this was first asked.
pub fn propagators() -> &'static Propagators {
    static CHOSEN: OnceLock<Propagators> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let settings = Environment::from_process().settings();
        settings.report();
        settings.propagators
    })
}

/// Writes a context into a carrier, and says what of its baggage did not go along.
///
/// The context is a span's ([`Span::context`](crate::Span::context)), or the one that is current
/// ([`current_context`](crate::current_context)).
pub fn inject(context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
    propagators().inject(context, sink)
}

/// The context that a carrier brings, `None` where it brings none that is valid.
///
/// Where there is a context to fall back on, [`Propagator::extract`] keeps it.
pub fn extract(source: &(impl HeaderSource + ?Sized)) -> Option<SpanContext> {
    propagators().extract_from(source)
}
