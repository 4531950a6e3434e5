use crate::encode::SPANS;

/// Bytes in front of the body of a short span.
pub const SHORT_HEAD: usize = 67;
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

/// Writes what stands in front of the body of a short span: one with a parent, without a status, whose body has at most
/// [`SHORT_BODY`] bytes. The body follows at once.
///
/// It differs from what [`encode_span`](crate::encode_span) writes in its length only, which is padded to two bytes here.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn write_short_head(
    out: &mut [u8; SHORT_HEAD],
    trace_id: [u64; 2],
    span_id: u64,
    parent_span_id: u64,
    flags_and_kind: u64,
    start_ns: u64,
    end_ns: u64,
    body: usize,
) {
    let length = (body + SHORT_HEAD - 3) as u32;
    // 0x12, then seven bits, then the rest.
    let front = (length + (length & 0x3f80)) << 8 | 0x8000 | SPANS as u32;
    out[..4].copy_from_slice(&front.to_le_bytes());
    out[3..5].copy_from_slice(&[0x0a, 16]);
    out[5..13].copy_from_slice(&trace_id[0].to_ne_bytes());
    out[13..21].copy_from_slice(&trace_id[1].to_ne_bytes());
    out[21..23].copy_from_slice(&[0x12, 8]);
    out[23..31].copy_from_slice(&span_id.to_ne_bytes());
    out[31] = 0x39;
    out[32..40].copy_from_slice(&start_ns.to_le_bytes());
    out[40] = 0x41;
    out[41..49].copy_from_slice(&end_ns.to_le_bytes());
    out[49..57].copy_from_slice(&flags_and_kind.to_le_bytes());
    out[57..59].copy_from_slice(&[0x22, 8]);
    out[59..67].copy_from_slice(&parent_span_id.to_ne_bytes());
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
        for name in [
            "",
            "a",
            &"x".repeat(40),
            &"x".repeat(61),
            &"x".repeat(62),
            &"x".repeat(126),
        ] {
            let mut body = Vec::new();
            push_name(&mut body, name);
            let mut short = [0; SHORT_HEAD];
            let word = flags_and_kind(head.flags, head.kind);
            assert_eq!(split_flags_and_kind(word), (head.flags, head.kind));
            write_short_head(
                &mut short,
                head.trace_id,
                head.span_id,
                head.parent_span_id,
                word,
                head.start_ns,
                head.end_ns,
                body.len(),
            );
            let mut bytes = short.to_vec();
            bytes.extend_from_slice(&body);
            let mut long = vec![0; span_bound(body.len())];
            let written = encode_span(&mut long, &head, &body).unwrap();
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
