//! What is sent.

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use codomyrmex_core::Batch;

/// A request's bytes: what stands in front of the spans, and the spans.
pub(crate) type Body = Chain<Bytes, Bytes>;

/// A batch's spans, shared and not copied.
struct Spans(Batch);

impl AsRef<[u8]> for Spans {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The whole batch as one request.
pub(crate) fn whole(batch: &Batch) -> Body {
    Bytes::from(batch.request_prefix()).chain(Bytes::from_owner(Spans(batch.clone())))
}
