use crate::head::SpanHead;
use crate::short::copy;
use crate::varint;

/// Tag of `ScopeSpans.spans`.
pub(crate) const SPANS: u8 = 0x12;

/// Bytes of the fixed part with a parent and a status, from the tag on, with a length of three bytes.
const HEAD_MAX: usize = 72;
/// Index of the parent, behind the fields that every span has.
const PARENT: usize = 58;
/// Tag and length.
const PREFIX: usize = 4;
/// The longest body whose span has a length of three bytes.
const SHORT_BODY: usize = varint::MAX_PADDED3 - (HEAD_MAX - PREFIX);

/// The bytes that [`encode_span`] needs for a body of this length.
#[inline]
pub const fn span_bound(body_len: usize) -> usize {
    body_len.saturating_add(HEAD_MAX + 1)
}

/// Writes a span as a `ScopeSpans.spans` field to the front of `out` and gives the number of bytes written.
///
/// `body` is what [`push_name`](crate::push_name), [`push_attribute`](crate::push_attribute) and the functions
/// of events and links made. `None`, and nothing of worth in `out`, where `out` is shorter than
/// [`span_bound`] of the body or the body is longer than 256 MiB.
#[inline(always)]
pub fn encode_span(out: &mut [u8], head: &SpanHead, body: &[u8]) -> Option<usize> {
    if body.len() > SHORT_BODY {
        // The copy is what has an address, so that the head itself may stay in registers.
        let head = *head;
        return encode_long(out, &head, body, 0);
    }
    let out = out.get_mut(..span_bound(body.len()))?;
    let at = write_head(out.first_chunk_mut()?, head, body.len());
    let end = at + body.len();
    copy::<128>(out.get_mut(at..end)?, body);
    Some(end)
}

/// As [`encode_span`], where `more` bytes of the span are still to follow the body.
pub(crate) fn encode_open(
    out: &mut [u8],
    head: &SpanHead,
    body: &[u8],
    more: usize,
) -> Option<usize> {
    let rest = body.len().checked_add(more)?;
    if rest > SHORT_BODY {
        return encode_long(out, head, body, more);
    }
    let at = write_head(out.first_chunk_mut()?, head, rest);
    let end = at + body.len();
    copy::<128>(out.get_mut(at..end)?, body);
    Some(end)
}

/// Writes the fixed part of a span with `rest` bytes behind it; gives the index where they begin.
#[inline(always)]
fn write_head(out: &mut [u8; HEAD_MAX], head: &SpanHead, rest: usize) -> usize {
    out[4..6].copy_from_slice(&[0x0a, 16]);
    out[6..14].copy_from_slice(&head.trace_id[0].to_ne_bytes());
    out[14..22].copy_from_slice(&head.trace_id[1].to_ne_bytes());
    out[22..24].copy_from_slice(&[0x12, 8]);
    out[24..32].copy_from_slice(&head.span_id.to_ne_bytes());
    out[32] = 0x39;
    out[33..41].copy_from_slice(&head.start_ns.to_le_bytes());
    out[41] = 0x41;
    out[42..50].copy_from_slice(&head.end_ns.to_le_bytes());
    // Flags (85 01, four bytes) and kind (30, one byte) make one word.
    let kind = u64::from(head.kind & 0x7f);
    let flags = 0x0030_0000_0000_0185 | u64::from(head.flags) << 16 | kind << 56;
    out[50..PARENT].copy_from_slice(&flags.to_le_bytes());
    out[PARENT..60].copy_from_slice(&[0x22, 8]);
    out[60..68].copy_from_slice(&head.parent_span_id.to_ne_bytes());
    let mut at = if head.parent_span_id == 0 { PARENT } else { 68 };
    if head.status != 0 {
        out[at..at + 4].copy_from_slice(&[0x7a, 2, 0x18, head.status & 0x7f]);
        at += 4;
    }
    let length = varint::padded3(at - PREFIX + rest) << 8 | u32::from(SPANS);
    out[..PREFIX].copy_from_slice(&length.to_le_bytes());
    at
}

#[cold]
#[inline(never)]
fn encode_long(out: &mut [u8], head: &SpanHead, body: &[u8], more: usize) -> Option<usize> {
    let mut fixed = [0; HEAD_MAX];
    let at = write_head(&mut fixed, head, 0);
    let length = (at - PREFIX).checked_add(body.len())?.checked_add(more)?;
    if length > varint::MAX_PADDED4 {
        return None;
    }
    let (start, rest) = out.split_first_chunk_mut::<5>()?;
    start[0] = SPANS;
    start[1..].copy_from_slice(&varint::padded4(length).to_le_bytes());
    let fields = fixed.get(PREFIX..at)?;
    rest.get_mut(..fields.len())?.copy_from_slice(fields);
    let rest = rest.get_mut(fields.len()..)?;
    rest.get_mut(..body.len())?.copy_from_slice(body);
    Some(at + 1 + body.len())
}
