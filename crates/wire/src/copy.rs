/// Copies `src` to `dst`, which is as long.
///
/// Up to 32 bytes go as two overlapping words: the call of `memcpy` costs more than the copy.
#[inline(always)]
pub(crate) fn copy(dst: &mut [u8], src: &[u8]) {
    if src.len() > 32 {
        dst.copy_from_slice(src);
    } else if src.len() >= 16 {
        both_ends::<16>(dst, src);
    } else if src.len() >= 8 {
        both_ends::<8>(dst, src);
    } else if src.len() >= 4 {
        both_ends::<4>(dst, src);
    } else if src.len() >= 2 {
        both_ends::<2>(dst, src);
    } else {
        both_ends::<1>(dst, src);
    }
}

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

#[cfg(test)]
mod tests {
    #[test]
    fn every_length_is_copied() {
        let source: Vec<u8> = (1..=100).collect();
        for length in 0..=source.len() {
            let mut target = vec![0; length];
            super::copy(&mut target, &source[..length]);
            assert_eq!(target, &source[..length]);
        }
    }
}
