//! The tracing engine: tracer, context, span, buffers, pipeline.

// pure half
mod ids;
mod kind;
mod limits;
mod status;
pub use ids::{ParseIdError, SpanId, TraceId};
pub use kind::{SpanKind, UnknownSpanKind};
pub use limits::Limits;
pub use status::{SpanStatus, UnknownSpanStatus};
