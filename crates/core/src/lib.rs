//! The tracing engine: tracer, context, span, buffers, pipeline.

// pure half
mod baggage;
mod context;
mod ids;
mod kind;
mod limits;
mod percent;
mod sampler;
mod status;
mod text_id;
mod trace_state;
pub use baggage::{Baggage, BaggageDecoder, BaggageEncoder, EncodedBaggage, InvalidMetadata};
pub use context::{MapError, SpanContext};
pub use ids::{ParseIdError, SpanId, TraceId};
pub use kind::{SpanKind, UnknownSpanKind};
pub use limits::Limits;
pub use sampler::{
    ParentBased, ParseSamplerError, Sample, Sampler, SamplingDecision, SamplingInput, SamplingResult,
};
pub use status::{SpanStatus, UnknownSpanStatus};
pub use text_id::{PARENT_SPAN_ID_ATTRIBUTE, SPAN_ID_ATTRIBUTE, TRACE_ID_ATTRIBUTE, TextIds};
pub use trace_state::{TraceState, TraceStateError};
