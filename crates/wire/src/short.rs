//! Short byte strings, copied and compared in place: a call of `memcpy` or `bcmp` costs more than its work.

/// Copies `src` to `dst`, which is as long; at most `INLINE` bytes (32, 64 or 128) go without a call.
#[inline(always)]
pub(crate) fn copy<const INLINE: usize>(dst: &mut [u8], src: &[u8]) {
    let length = src.len();
    if length >= 16 {
        if length <= 32 {
            both_ends::<16>(dst, src);
        } else if length > INLINE {
            dst.copy_from_slice(src);
        } else if length <= 64 {
            both_ends::<32>(dst, src);
        } else {
            both_ends::<64>(dst, src);
        }
    } else if length >= 8 {
        both_ends::<8>(dst, src);
    } else if length >= 4 {
        both_ends::<4>(dst, src);
    } else if length >= 2 {
        both_ends::<2>(dst, src);
    } else {
        both_ends::<1>(dst, src);
    }
}

/// Copies from `N` to `2 * N` bytes as two words that may overlap.
#[inline(always)]
fn both_ends<const N: usize>(dst: &mut [u8], src: &[u8]) {
    if let (Some(first), Some(last)) = (src.first_chunk::<N>(), src.last_chunk::<N>()) {
        if let Some(place) = dst.first_chunk_mut::<N>() {
            *place = *first;
        }
        if let Some(place) = dst.last_chunk_mut::<N>() {
            *place = *last;
        }
    }
}

/// Whether two byte strings of the same length, at most 32, are equal; false where they are longer.
#[inline(always)]
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    match left.len() {
        16..=32 => ends_equal::<16>(left, right),
        8..16 => ends_equal::<8>(left, right),
        4..8 => ends_equal::<4>(left, right),
        2..4 => ends_equal::<2>(left, right),
        1 => ends_equal::<1>(left, right),
        0 => true,
        _ => false,
    }
}

#[inline(always)]
fn ends_equal<const N: usize>(left: &[u8], right: &[u8]) -> bool {
    let (Some(a), Some(b)) = (left.first_chunk::<N>(), right.first_chunk::<N>()) else {
        return false;
    };
    let (Some(c), Some(d)) = (left.last_chunk::<N>(), right.last_chunk::<N>()) else {
        return false;
    };
    a == b && c == d
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies<const INLINE: usize>() {
        let source: Vec<u8> = (0..200).collect();
        for length in 0..=source.len() {
            let mut target = vec![0xff; length];
            copy::<INLINE>(&mut target, &source[..length]);
            assert_eq!(target, &source[..length]);
        }
    }

    #[test]
    fn every_length_is_copied() {
        copies::<32>();
        copies::<64>();
        copies::<128>();
    }

    #[test]
    fn every_difference_is_found() {
        let source: Vec<u8> = (0..32).collect();
        for length in 0..=source.len() {
            let left = &source[..length];
            let same = left.to_vec();
            assert!(equal(left, &same));
            for at in 0..length {
                let mut right = same.clone();
                right[at] ^= 0x80;
                assert!(!equal(left, &right), "{length} {at}");
            }
        }
        assert!(!equal(&[0; 33], &[0; 33]));
    }
}
