//! The tracing engine: tracer, context, span, buffers, pipeline.

// pure half
mod baggage;
mod context;
mod header_source;
mod headers;
mod ids;
mod kind;
mod limits;
mod percent;
mod redact;
mod resource;
mod sampler;
mod secret_words;
mod status;
mod text_id;
mod trace_state;
mod traceparent;
pub use baggage::{Baggage, BaggageDecoder, BaggageEncoder, EncodedBaggage, InvalidMetadata};
pub use context::{MapError, SpanContext};
pub use header_source::HeaderSource;
pub use headers::{HEADER_NAMES, Injected, OutgoingContext};
pub use ids::{ParseIdError, SpanId, TraceId};
pub use kind::{SpanKind, UnknownSpanKind};
pub use limits::Limits;
pub use redact::{ParseRedactError, REDACTED, Redact};
pub use resource::{ParseResourceError, Resource};
pub use sampler::{
    ParentBased, ParseSamplerError, Sample, Sampler, SamplingDecision, SamplingInput,
    SamplingResult,
};
pub use status::{SpanStatus, UnknownSpanStatus};
pub use text_id::{PARENT_SPAN_ID_ATTRIBUTE, SPAN_ID_ATTRIBUTE, TRACE_ID_ATTRIBUTE, TextIds};
pub use trace_state::{TraceState, TraceStateError};
