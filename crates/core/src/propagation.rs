//! Contexts on their way between processes: formats ([`Propagator`]) and what they are written into and read from.
//!
//! A format knows names and values; a [`HeaderSink`] or [`HeaderSource`] knows where headers stand: maps, lists of pairs, a
//! child process's environment, and with the feature `http` an `http::HeaderMap`.
//!
//! ```
//! use std::collections::HashMap;
//! use codomyrmex_core::{Propagator, Propagators, SpanContext, Tracer};
//!
//! let propagators = Propagators::default(); // W3C Trace Context and Baggage
//! let tracer = Tracer::builder("shop").build();
//! let call = tracer.span("GET /stock");
//!
//! let mut headers = HashMap::new();
//! propagators.inject(&call.context(), &mut headers);
//!
//! // On the other side:
//! let parent = propagators.extract_from(&headers).unwrap();
//! assert_eq!(parent.span_id, call.context().span_id);
//! assert_eq!(propagators.extract_from(&[("traceparent", "nonsense")]), None);
//! ```

mod b3;
mod baggage_propagator;
mod headers;
#[cfg(feature = "http")]
mod http_headers;
mod jaeger;
mod propagators;
mod seed_headers;
mod sink;
mod source;
mod trace_context;
pub(crate) mod traceparent;
mod trust;
mod variables;
mod xray;

use std::fmt;

use crate::SpanContext;

pub use b3::B3;
pub use baggage_propagator::BaggagePropagator;
pub use headers::HEADER_NAMES;
pub use jaeger::Jaeger;
pub use propagators::{ParsePropagatorsError, Propagators};
pub use seed_headers::SeedHeaders;
pub use sink::HeaderSink;
pub use source::HeaderSource;
pub use trace_context::TraceContext;
pub use traceparent::TraceParentText;
pub use trust::Trust;
pub use variables::{AsVariables, variable_name};
pub use xray::XRay;

/// A format in which contexts travel.
///
/// Neither direction panics or fails: what does not fit into the format stays behind, and what cannot be read counts as
/// absent.
pub trait Propagator: fmt::Debug + Send + Sync {
    /// The names of all headers that are written and read, but for those with a part that varies.
    fn fields(&self) -> &[&'static str];

    /// Writes the context into `sink`. A context whose ids are not valid is not written; baggage is.
    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected;

    /// Reads what `source` carries into `context`. Where that is nothing valid the context stays as it is.
    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted;
}

/// What did not leave with a context's headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Members of the baggage that did not fit within W3C's limits, or had an empty key.
    pub baggage_dropped: usize,
    /// Members of the baggage whose value was a secret and was replaced.
    pub baggage_redacted: usize,
}

/// What came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Something was found, and the context changed.
    pub found: bool,
    /// Members of the baggage that were malformed or over a limit, and left out.
    pub baggage_dropped: usize,
}

impl Extracted {
    /// Nothing was found.
    pub const NOTHING: Extracted = Extracted {
        found: false,
        baggage_dropped: 0,
    };

    /// Ids were found.
    pub const IDS: Extracted = Extracted {
        found: true,
        baggage_dropped: 0,
    };
}
