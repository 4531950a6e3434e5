//! Where new ids come from.

use crate::ids::{SpanId, TraceId};

/// A user's own source of ids, in place of the built-in random one.
///
/// Called on the thread that starts a span, from several threads at once. An invalid (all zero) id is replaced by a
/// random one.
pub trait IdGenerator: Send + Sync {
    /// The id of a new trace.
    fn trace_id(&self) -> TraceId;
    /// The id of a new span.
    fn span_id(&self) -> SpanId;
}
