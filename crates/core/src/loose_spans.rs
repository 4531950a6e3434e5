//! Spans that are exported by hand, in nobody's books.

use std::sync::Arc;

use codomyrmex_wire::{SpanHead, SpanTail};

use crate::batch_memory::{BatchBytes, BatchMemory};
use crate::body::SpanBody;
use crate::builder::TracerBuilder;
use crate::exporter::{Batch, Origin};
use crate::record::encode_field;
use crate::rules::Rules;
use crate::tracer::Tracer;

/// Encodes spans of one resource into a batch, for an exporter that is called directly. No tracer counts them.
#[derive(Debug)]
pub struct LooseSpans {
    origin: Arc<Origin>,
    bytes: Vec<u8>,
    len: usize,
}

impl LooseSpans {
    /// Spans with a tracer's resource and scope.
    pub fn of(tracer: &Tracer) -> Self {
        Self::from(tracer.pipeline().origin.clone())
    }

    /// Spans with the resource and the scope that the builder's tracer would have, and its rules.
    pub fn like(builder: TracerBuilder) -> (Self, Rules) {
        let (origin, rules) = builder.origin();
        (Self::from(Arc::new(origin)), rules)
    }

    fn from(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            bytes: Vec::new(),
            len: 0,
        }
    }

    /// Adds a span. What the tail says was dropped comes to what the body dropped.
    pub fn push(&mut self, head: &SpanHead, body: &SpanBody, tail: &SpanTail<'_>) {
        let field = encode_field(head, body.bytes(), &body.with_dropped(tail));
        self.bytes.extend_from_slice(&field);
        self.len += 1;
    }

    /// The batch, however large.
    pub fn into_batch(self) -> Batch {
        Batch {
            origin: self.origin,
            bytes: Arc::new(BatchBytes::new(self.bytes, Arc::new(BatchMemory::new(0)))),
            len: self.len,
            deadline: None,
            lane: None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_the_resource_and_the_spans() {
        let (mut spans, rules) = LooseSpans::like(Tracer::builder("shop"));
        let mut body = SpanBody::default();
        for name in ["a", "b"] {
            body.clear();
            body.adopt(&rules);
            body.start(name);
            let head = SpanHead {
                trace_id: [1, 2],
                span_id: 3,
                ..SpanHead::default()
            };
            spans.push(&head, &body, &SpanTail::default());
        }
        let batch = spans.into_batch();
        assert_eq!((batch.len(), batch.service_name()), (2, "shop"));
        let names: Vec<_> = batch.spans().map(|span| span.name().into_owned()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
