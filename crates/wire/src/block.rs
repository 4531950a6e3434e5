/// Whether [`push_block`] of `N` bytes finds room. Asked before it, it makes growing somebody else's work: a function
/// without calls needs no stack.
#[inline(always)]
pub(crate) fn has_room<const N: usize>(buf: &Vec<u8>) -> bool {
    buf.capacity().wrapping_sub(buf.len()) >= N
}

/// Appends `N` bytes at once, lets `write` fill them in and say how many count, and takes back the rest.
///
/// One check of the capacity and a few wide stores cost less than an append for each part.
#[inline(always)]
pub(crate) fn push_block<const N: usize>(
    buf: &mut Vec<u8>,
    write: impl FnOnce(&mut [u8; N]) -> usize,
) {
    let start = buf.len();
    buf.extend_from_slice(&[0; N]);
    if let Some(block) = buf.last_chunk_mut::<N>() {
        let used = write(block);
        buf.truncate(start + used);
    }
}
