use crate::encode::{encode_open, encode_span, span_bound};
use crate::head::SpanHead;
use crate::varint;

/// The rare parts of a span; the default is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanTail<'a> {
    /// W3C trace state, as it stands in the header; empty means none.
    pub trace_state: &'a str,
    /// The status's description; empty means none.
    pub status_message: &'a str,
    /// Attributes that a limit kept out.
    pub dropped_attributes: u32,
    /// Events that a limit kept out.
    pub dropped_events: u32,
    /// Links that a limit kept out.
    pub dropped_links: u32,
}

impl SpanTail<'_> {
    /// Whether there is nothing to write.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == SpanTail::default()
    }

    fn encode(&self, status: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_text(&mut bytes, 0x1a, self.trace_state);
        push_count(&mut bytes, 0x50, self.dropped_attributes);
        push_count(&mut bytes, 0x60, self.dropped_events);
        push_count(&mut bytes, 0x70, self.dropped_links);
        if !self.status_message.is_empty() {
            let message = self.status_message.len();
            let code = if status == 0 { 0 } else { 2 };
            bytes.push(0x7a);
            varint::push(
                &mut bytes,
                (1 + varint::len(message as u64) + message + code) as u64,
            );
            push_text(&mut bytes, 0x12, self.status_message);
            push_count(&mut bytes, 0x18, u32::from(status & 0x7f));
        }
        bytes
    }
}

fn push_text(bytes: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        bytes.push(tag);
        varint::push(bytes, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
    }
}

fn push_count(bytes: &mut Vec<u8>, tag: u8, count: u32) {
    if count != 0 {
        bytes.push(tag);
        varint::push(bytes, u64::from(count));
    }
}

/// The bytes that [`encode_span_with_tail`] needs for a body of this length with this tail.
#[inline]
pub fn span_bound_with_tail(body_len: usize, tail: &SpanTail<'_>) -> usize {
    // Seven tags, and lengths and counts of at most ten bytes.
    const FIXED: usize = 7 * (1 + varint::MAX_VARINT);
    let bound = span_bound(body_len);
    if tail.is_empty() {
        return bound;
    }
    let texts = tail
        .trace_state
        .len()
        .saturating_add(tail.status_message.len());
    bound.saturating_add(texts).saturating_add(FIXED)
}

/// As [`encode_span`], with the rare parts behind the body.
///
/// `None` where `out` is shorter than [`span_bound_with_tail`] or the span would pass 256 MiB.
pub fn encode_span_with_tail(
    out: &mut [u8],
    head: &SpanHead,
    body: &[u8],
    tail: &SpanTail<'_>,
) -> Option<usize> {
    if tail.is_empty() {
        return encode_span(out, head, body);
    }
    if out.len() < span_bound_with_tail(body.len(), tail) {
        return None;
    }
    let bytes = tail.encode(head.status);
    let mut head = *head;
    if !tail.status_message.is_empty() {
        head.status = 0;
    }
    let at = encode_open(out, &head, body, bytes.len())?;
    let end = at + bytes.len();
    out.get_mut(at..end)?.copy_from_slice(&bytes);
    Some(end)
}
