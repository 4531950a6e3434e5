use crate::encode::SPANS;

/// Bytes in front of the body of a short span that has a parent.
pub const SHORT_HEAD: usize = 67;
/// Bytes in front of the body of a short root span.
pub const SHORT_ROOT_HEAD: usize = 57;
/// Bytes that [`write_short_head`] writes; what is past [`SHORT_HEAD`] is to be overwritten.
pub const SHORT_HEAD_ROOM: usize = 69;
/// The longest body of a short span, bytes.
pub const SHORT_BODY: usize = 128;

/// OTLP's flags and kind of a span as the one word in which they are encoded.
#[inline(always)]
pub const fn flags_and_kind(flags: u32, kind: u8) -> u64 {
    // Flags (85 01, four bytes) and kind (30, one byte).
    0x0030_0000_0000_0185 | (flags as u64) << 16 | ((kind & 0x7f) as u64) << 56
}

/// The flags and the kind of such a word.
#[inline(always)]
pub const fn split_flags_and_kind(word: u64) -> (u32, u8) {
    ((word >> 16) as u32, (word >> 56) as u8)
}

/// Writes what stands in front of the body of a short span: one without a status, whose body has at most [`SHORT_BODY`]
/// bytes. Gives where the body begins: behind [`SHORT_HEAD`] bytes, or [`SHORT_ROOT_HEAD`] where there is no parent.
///
/// It differs from what [`encode_span`](crate::encode_span) writes in its length only, which is padded to two bytes here.
/// Neighbours are joined into whole words: what limits a span is the number of its stores.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn write_short_head(
    out: &mut [u8; SHORT_HEAD_ROOM],
    trace_id: [u64; 2],
    span_id: u64,
    parent_span_id: u64,
    flags_and_kind: u64,
    start_ns: u64,
    end_ns: u64,
    body: usize,
) -> usize {
    debug_assert!(body <= SHORT_BODY);
    let id = u64::from_le_bytes(span_id.to_ne_bytes());
    let parent = u64::from_le_bytes(parent_span_id.to_ne_bytes());
    let head = if parent == 0 {
        SHORT_ROOT_HEAD
    } else {
        SHORT_HEAD
    };
    let length = (body + head - 3) as u64;
    // 0x12, the length's seven bits and the rest, 0x0a, 16.
    let front = (length + (length & 0x3f80)) << 8 | 0x10_0a00_8000 | SPANS as u64;
    let mut put = |at: usize, word: u64| out[at..at + 8].copy_from_slice(&word.to_le_bytes());
    put(0, front);
    put(5, u64::from_le_bytes(trace_id[0].to_ne_bytes()));
    put(13, u64::from_le_bytes(trace_id[1].to_ne_bytes()));
    put(21, 0x0812 | id << 16);
    put(29, id >> 48 | 0x39 << 16 | start_ns << 24);
    put(37, start_ns >> 40 | 0x41 << 24 | end_ns << 32);
    put(45, end_ns >> 32 | flags_and_kind << 32);
    put(53, flags_and_kind >> 32 | 0x0822 << 32 | parent << 48);
    put(61, parent >> 16);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpanHead, SpanIter, encode_span, push_name, span_bound};

    #[test]
    fn a_short_span_is_read_as_the_long_way_writes_it() {
        let head = SpanHead {
            trace_id: [1, 2],
            span_id: 3,
            parent_span_id: 4,
            kind: 5,
            status: 0,
            flags: 0x301,
            start_ns: 6,
            end_ns: u64::MAX,
        };
        let root = SpanHead {
            parent_span_id: 0,
            ..head
        };
        let names = [0, 1, 40, 61, 62, 70, 71, 126].map(|length| "x".repeat(length));
        for (head, name) in [head, root]
            .iter()
            .flat_map(|head| names.iter().map(move |name| (head, name)))
        {
            let mut body = Vec::new();
            push_name(&mut body, name);
            let mut short = [0; SHORT_HEAD_ROOM];
            let word = flags_and_kind(head.flags, head.kind);
            assert_eq!(split_flags_and_kind(word), (head.flags, head.kind));
            let at = write_short_head(
                &mut short,
                head.trace_id,
                head.span_id,
                head.parent_span_id,
                word,
                head.start_ns,
                head.end_ns,
                body.len(),
            );
            let mut bytes = short[..at].to_vec();
            bytes.extend_from_slice(&body);
            let mut long = vec![0; span_bound(body.len())];
            let written = encode_span(&mut long, head, &body).unwrap();
            let read = |bytes| {
                SpanIter::new(bytes)
                    .next()
                    .unwrap()
                    .unwrap()
                    .bytes()
                    .to_vec()
            };
            assert_eq!(read(&bytes), read(&long[..written]), "{name}");
        }
    }
}
