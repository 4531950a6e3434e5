//! The user's own code at a span's start, before its encoding, and after it.

use crate::context::SpanContext;
use crate::span::{EndingSpan, StartedSpan};
use codomyrmex_wire::SpanView;

/// Sees every sampled span of a tracer. All methods do nothing by default.
///
/// They run on the thread that starts or finishes the span, with no lock held. A panic is caught, counted and said once;
/// the span goes on as it is.
pub trait SpanHooks: Send + Sync {
    /// A span has started. It may be written to. `parent` is None for a root.
    fn on_start(&self, span: &StartedSpan<'_>, parent: Option<&SpanContext>) {
        let _ = (span, parent);
    }

    /// A span is about to be encoded: the last moment to change it, or to [`discard`](EndingSpan::discard) it.
    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        let _ = span;
    }

    /// A span has been encoded and goes to the exporters.
    fn on_end(&self, span: &SpanView<'_>) {
        let _ = span;
    }
}
