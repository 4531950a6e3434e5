/// The longest varint.
pub(crate) const MAX_VARINT: usize = 10;

/// Bytes of the varint of `value`.
#[inline]
pub(crate) const fn len(value: u64) -> usize {
    // 9/64 is just above 1/7, which makes the rounding right for 1 to 64 bits.
    let bits = 64 - (value | 1).leading_zeros();
    ((bits * 9 + 64) / 64) as usize
}

/// Appends a varint.
#[inline]
pub(crate) fn push(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// Writes a varint at `at`, and gives the index behind it. Writes nothing behind the end of `out`.
#[inline(always)]
pub(crate) fn write(out: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        if let Some(place) = out.get_mut(at) {
            *place = value as u8 | 0x80;
        }
        value >>= 7;
        at += 1;
    }
    if let Some(place) = out.get_mut(at) {
        *place = value as u8;
    }
    at + 1
}

/// The largest value of a varint padded to three bytes.
pub(crate) const MAX_PADDED3: usize = (1 << 21) - 1;
/// The largest value of a varint padded to four bytes.
pub(crate) const MAX_PADDED4: usize = (1 << 28) - 1;

/// A varint padded to three bytes, in the low three bytes of a little-endian word.
#[inline(always)]
pub(crate) const fn padded3(value: usize) -> u32 {
    let value = value as u32;
    (value & 0x7f) | (value & 0x3f80) << 1 | (value & 0x1f_c000) << 2 | 0x8080
}

/// A varint padded to four bytes, as a little-endian word.
#[inline]
pub(crate) const fn padded4(value: usize) -> u32 {
    let value = value as u32;
    (value & 0x7f)
        | (value & 0x3f80) << 1
        | (value & 0x1f_c000) << 2
        | (value & 0xfe0_0000) << 3
        | 0x80_8080
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, value);
        bytes
    }

    #[test]
    fn len_is_what_push_writes() {
        for bit in 0..64 {
            for value in [1u64 << bit, (1u64 << bit) - 1, (1u64 << bit) | 1] {
                assert_eq!(len(value), plain(value).len(), "{value}");
                let mut out = [0; MAX_VARINT];
                let end = write(&mut out, 0, value);
                assert_eq!(out[..end], plain(value));
            }
        }
        assert_eq!(len(u64::MAX), MAX_VARINT);
    }

    fn unpad(bytes: &[u8]) -> usize {
        let last = bytes.len() - 1;
        for (i, byte) in bytes.iter().enumerate() {
            assert_eq!(byte & 0x80 != 0, i != last);
        }
        bytes
            .iter()
            .enumerate()
            .map(|(i, byte)| usize::from(byte & 0x7f) << (7 * i))
            .sum()
    }

    #[test]
    fn padded_forms_hold_their_value() {
        for value in [0, 1, 127, 128, 16_383, 16_384, MAX_PADDED3] {
            assert_eq!(unpad(&padded3(value).to_le_bytes()[..3]), value);
            assert_eq!(unpad(&padded4(value).to_le_bytes()), value);
        }
        assert_eq!(unpad(&padded4(MAX_PADDED4).to_le_bytes()), MAX_PADDED4);
    }
}
