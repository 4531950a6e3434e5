//! The books on the wire: what an SDK says about itself with each export, as attributes of the instrumentation scope.
//!
//! A span can be missing because nobody recorded it or because it was lost on the way. With these attributes a receiver can
//! tell: each request carries the sender's counters up to that moment and the traces that lost spans since its last export.
//!
//! Counters are integers. They are cumulative, start at zero for each [`INSTANCE_ID`], and one that is zero may be absent. A
//! request can overtake another one, so of two the one with the larger [`STARTED`] is the later. For one instance and one
//! [`EXPORTER`], `recorded = exported + dropped + what is still on its way`, the spans of the request itself included in the
//! last.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | [`INSTANCE_ID`] | string | one tracer in one process: 32 random hexadecimal digits; another one after a fork |
//! | [`EXPORTER`] | string | which of the tracer's exporters sends: name, `/`, number |
//! | [`STARTED`] | int | spans that started |
//! | [`UNSAMPLED`] | int | of these, not sampled |
//! | [`RECORDED`] | int | of these, finished |
//! | [`ABANDONED`] | int | of these, given up unfinished |
//! | [`EXPORTED`] | int | spans that this exporter has delivered before this request |
//! | [`DROPPED_QUEUE_FULL`], … | int | spans that this exporter will never deliver, by reason |
//! | [`LOST_QUEUE_FULL`], … | array of strings | trace ids in hexadecimal digits: traces that lost spans to this reason since the exporter's last successful export; at most [`MOST_LOST`] together |
//! | [`LOST_MORE`] | bool | true where more traces lost spans than are named |
//!
//! ```
//! use codomyrmex_wire::{ScopeHeader, TracesView, Value, books};
//! let header = ScopeHeader::new(&[], "shop", "1.0", "", &[]);
//! let request = header.prefix_with(0, &[(books::DROPPED_QUEUE_FULL.to_owned(), Value::Int(3))]);
//! let request = TracesView::parse(&request)?;
//! let scope = request.resource_spans().next().unwrap().scope_spans().next().unwrap();
//! let dropped = scope.attributes().find(|(key, _)| key == books::DROPPED_QUEUE_FULL);
//! assert_eq!(dropped.unwrap().1.to_string(), "3");
//! # Ok::<(), codomyrmex_wire::DecodeError>(())
//! ```

/// One tracer in one process.
pub const INSTANCE_ID: &str = "codomyrmex.sdk.instance.id";
/// The exporter that sends.
pub const EXPORTER: &str = "codomyrmex.sdk.exporter";
/// Spans that started.
pub const STARTED: &str = "codomyrmex.spans.started";
/// Spans that started unsampled.
pub const UNSAMPLED: &str = "codomyrmex.spans.unsampled";
/// Spans that finished.
pub const RECORDED: &str = "codomyrmex.spans.recorded";
/// Spans that were given up unfinished.
pub const ABANDONED: &str = "codomyrmex.spans.abandoned";
/// Spans that this exporter delivered.
pub const EXPORTED: &str = "codomyrmex.spans.exported";
/// Spans dropped because a buffer or the exporter's queue was full.
pub const DROPPED_QUEUE_FULL: &str = "codomyrmex.spans.dropped.queue_full";
/// Spans dropped because the export failed.
pub const DROPPED_EXPORT_FAILED: &str = "codomyrmex.spans.dropped.export_failed";
/// Spans dropped because they were larger than all buffers.
pub const DROPPED_LIMIT: &str = "codomyrmex.spans.dropped.limit";
/// Spans dropped because the tracer was shut down.
pub const DROPPED_SHUTDOWN: &str = "codomyrmex.spans.dropped.shutdown";
/// Spans dropped by a hook.
pub const DROPPED_HOOK: &str = "codomyrmex.spans.dropped.hook";
/// Traces that lost spans because a buffer or the exporter's queue was full.
pub const LOST_QUEUE_FULL: &str = "codomyrmex.lost.queue_full";
/// Traces that lost spans because the export failed.
pub const LOST_EXPORT_FAILED: &str = "codomyrmex.lost.export_failed";
/// Traces that lost spans because these were larger than all buffers.
pub const LOST_LIMIT: &str = "codomyrmex.lost.limit";
/// More traces lost spans than are named.
pub const LOST_MORE: &str = "codomyrmex.lost.more";

/// The most traces that one request names as having lost spans.
pub const MOST_LOST: usize = 64;
