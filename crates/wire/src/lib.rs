//! OTLP span bytes: one encoder, one zero-copy view, OTLP/JSON. No input or output, no dependencies.
//!
//! The messages are those of `opentelemetry/proto/trace/v1/trace.proto`. A finished span becomes one
//! `ScopeSpans.spans` field (tag `0x12`), so spans are batched by laying them one behind the other, and
//! [`ScopeHeader`] supplies the bytes in front that make an `ExportTraceServiceRequest` of them.
//!
//! # Encoding
//!
//! The variable part of a span, its *body*, grows while the span is open: [`push_name`],
//! [`push_attribute`], [`begin_event`], [`begin_link`]. At finish [`encode_span`] writes the fixed part
//! and copies the body once.
//!
//! ```
//! use codomyrmex_wire::{encode_span, push_attribute, push_name, span_bound, Field, SpanHead, SpanIter};
//!
//! let mut body = Vec::new();
//! push_name(&mut body, "checkout");
//! push_attribute(&mut body, Field::Span, "items", 3.into(), usize::MAX);
//!
//! let head = SpanHead { trace_id: [1, 2], span_id: 3, kind: 1, start_ns: 10, end_ns: 20, ..SpanHead::default() };
//! let mut out = vec![0; span_bound(body.len())];
//! let written = encode_span(&mut out, &head, &body).unwrap();
//!
//! let span = SpanIter::new(&out[..written]).next().unwrap().unwrap();
//! assert_eq!(span.name(), "checkout");
//! assert_eq!(span.attribute("items").unwrap().to_string(), "3");
//! ```
//!
//! # Reading
//!
//! [`SpanView`] reads one span in place, [`SpanIter`] a batch, [`TracesView`] a whole request, from whomever the
//! bytes come; [`json`] writes what they read as OTLP/JSON.
//!
//! # Choices of format
//!
//! All of it is ordinary protobuf that every decoder reads; these are the liberties the format leaves:
//!
//! - A span's length is a varint padded to three bytes (four above 2 MiB), so that its place is known before
//!   its value. Events, links and nested values have padded lengths too; short attributes have one byte.
//! - The fixed part stands in front in constant places: trace id, span id, start, end, flags, kind, then the
//!   parent (absent in a root) and the status (absent where unset); then the body; then the rare fields.
//! - Flags and kind are always written. A value that is zero or false is written inside an attribute, because
//!   there its presence says which type it is.
//! - An integer outside the range of `i64` becomes the string of its decimal digits.
//! - Nesting deeper than [`MAX_DEPTH`] becomes the string `…`.
//! - The schema URL of a [`ScopeHeader`] is that of the scope (`ScopeSpans.schema_url`). Scope attributes are
//!   field 3 of `InstrumentationScope` and encoded as those of a span are. [`books`] names those that say what an
//!   SDK counted.
#![forbid(unsafe_code)]

mod any_value;
mod attribute;
mod attribute_value;
mod block;
mod body;
pub mod books;
mod encode;
mod error;
mod event_view;
mod fields;
mod head;
mod header;
mod iter;
pub mod json;
mod length;
mod link_view;
mod short;
mod short_attribute;
mod short_span;
mod tail;
mod text;
mod traces;
mod value;
mod value_view;
mod varint;
mod view;

pub use any_value::MAX_DEPTH;
pub use attribute::{Field, count_attributes, find_attribute, push_attribute};
pub use attribute_value::AttributeValue;
pub use body::{Mark, begin_event, begin_link, end_event, end_link, push_name};
pub use encode::{encode_span, span_bound};
pub use error::{DecodeError, DecodeReason};
pub use event_view::EventView;
pub use head::SpanHead;
pub use header::ScopeHeader;
pub use iter::{SpanIter, end_of_spans};
pub use link_view::LinkView;
pub use short_attribute::{SHORT_ATTRIBUTE, write_short_attribute, write_short_name};
pub use short_span::{
    SHORT_BODY, SHORT_HEAD, SHORT_HEAD_ROOM, SHORT_ROOT_HEAD, flags_and_kind, split_flags_and_kind,
    write_short_head,
};
pub use tail::{SpanTail, encode_span_with_tail, span_bound_with_tail};
pub use traces::{ResourceSpansView, ScopeSpansView, TracesView};
pub use value::Value;
pub use value_view::{Attributes, ValueView, Values};
pub use view::{Events, Links, SpanView};
