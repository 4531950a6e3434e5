use crate::varint;

/// Bytes kept free for a length that is known later.
const ROOM: usize = 3;

/// Keeps room for the length of a message that begins here; gives its place for [`close`].
#[inline]
pub(crate) fn open(buf: &mut Vec<u8>) -> usize {
    buf.extend_from_slice(&[0; ROOM]);
    buf.len() - ROOM
}

/// Writes the length of the message that was opened at `at` and ends here.
#[inline]
pub(crate) fn close(buf: &mut Vec<u8>, at: usize) {
    let Some(length) = buf.len().checked_sub(at + ROOM) else {
        return;
    };
    if length <= varint::MAX_PADDED3 {
        if let Some(place) = buf.get_mut(at..at + ROOM) {
            let [a, b, c, _] = varint::padded3(length).to_le_bytes();
            place.copy_from_slice(&[a, b, c]);
        }
    } else {
        close_long(buf, at, length);
    }
}

#[cold]
fn close_long(buf: &mut Vec<u8>, at: usize, length: usize) {
    let mut bytes = Vec::with_capacity(varint::MAX_VARINT);
    varint::push(&mut bytes, length as u64);
    buf.splice(at..at + ROOM, bytes);
}
