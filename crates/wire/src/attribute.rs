use std::ops::Range;

use crate::any_value::{cut, push_key_value};
use crate::attribute_value::AttributeValue;
use crate::block::{has_room, push_block};
use crate::short::{copy, equal};
use crate::varint;

/// Where an attribute stands. The number is the field's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `Span.attributes`, field 9.
    Span = 0x4a,
    /// `Span.Event.attributes`, field 3.
    Event = 0x1a,
    /// `Span.Link.attributes`, field 4.
    Link = 0x22,
    /// `Resource.attributes`, field 1.
    Resource = 0x0a,
}

impl Field {
    /// `InstrumentationScope.attributes` has the number that those of an event have.
    pub(crate) const SCOPE: Field = Field::Event;
}

/// The longest key, and the longest text, that goes the short way.
pub(crate) const SHORT: usize = 32;

/// Appends one attribute as field `field`; true if something of the value was cut.
///
/// `limit` is the most characters of a text, the most bytes of a byte string, here and inside arrays and
/// maps; `usize::MAX` is none. Equal keys are not looked for: see [`find_attribute`].
///
/// ```
/// use codomyrmex_wire::{push_attribute, Field};
/// let mut body = Vec::new();
/// assert!(!push_attribute(&mut body, Field::Span, "user", "ann".into(), usize::MAX));
/// assert!(push_attribute(&mut body, Field::Span, "query", "select *".into(), 6));
/// ```
#[inline(always)]
pub fn push_attribute(
    buf: &mut Vec<u8>,
    field: Field,
    key: &str,
    value: AttributeValue<'_>,
    limit: usize,
) -> bool {
    match value {
        AttributeValue::Str(text) => push_str(buf, field as u8, key, text, limit),
        AttributeValue::Int(value) => push_int(buf, field as u8, key, value),
        AttributeValue::Bool(value) => push_bool(buf, field as u8, key, value),
        AttributeValue::Double(value) => push_double(buf, field as u8, key, value),
        value => push_key_value(buf, field as u8, key, value, limit),
    }
}

/// The start of a short attribute: `tag length 0a key-length`, for `behind_key` bytes behind the key.
#[inline(always)]
fn front(tag: u8, key: &str, behind_key: usize) -> u32 {
    // The key's length counts in both lengths.
    let lengths = ((behind_key as u32 + 2) << 8) + key.len() as u32 * 0x0100_0100;
    lengths | u32::from(tag) | 0x0a_0000
}

/// Appends the start and key of a short attribute, then what `write` puts at the given index of the block; it gives the
/// index where the attribute ends.
#[inline(always)]
fn push_front<const N: usize>(
    buf: &mut Vec<u8>,
    front: u32,
    key: &str,
    write: impl FnOnce(&mut [u8; N], usize) -> usize,
) {
    push_block::<N>(buf, |block| {
        let key = key.as_bytes();
        block[..4].copy_from_slice(&front.to_le_bytes());
        let at = 4 + key.len();
        copy::<SHORT>(&mut block[4..at], key);
        write(block, at)
    });
}

/// Room for a short key and four bytes behind it.
const SMALL: usize = 4 + SHORT + 4;
/// Room for a short key and five bytes behind it.
const MEDIUM: usize = SMALL + 1;

#[inline]
fn push_int(buf: &mut Vec<u8>, tag: u8, key: &str, value: i64) -> bool {
    if key.len() > SHORT || !has_room::<MEDIUM>(buf) {
        return push_wide_int(buf, tag, key, value);
    }
    match value {
        0..0x80 => push_small(buf, tag, key, 0x18, value as u8),
        0x80..0x4000 => push_medium_int(buf, tag, key, value as u16),
        _ => return push_wide_int(buf, tag, key, value),
    }
    false
}

#[inline(never)]
fn push_wide_int(buf: &mut Vec<u8>, tag: u8, key: &str, value: i64) -> bool {
    const ROOM: usize = 4 + SHORT + 3 + varint::MAX_VARINT;
    if key.len() > SHORT {
        return push_key_value(buf, tag, key, AttributeValue::Int(value), usize::MAX);
    }
    let value = value as u64;
    let length = 1 + varint::len(value);
    push_front::<ROOM>(buf, front(tag, key, 2 + length), key, |block, at| {
        block[at..at + 3].copy_from_slice(&[0x12, length as u8, 0x18]);
        varint::write(block, at + 3, value)
    });
    false
}

/// A value of two varint bytes behind a short key.
#[inline(always)]
fn push_medium_int(buf: &mut Vec<u8>, tag: u8, key: &str, value: u16) {
    push_front::<MEDIUM>(buf, front(tag, key, 5), key, |block, at| {
        let [low, high] = (value & 0x7f | 0x80 | (value & 0x3f80) << 1).to_le_bytes();
        block[at..at + 5].copy_from_slice(&[0x12, 3, 0x18, low, high]);
        at + 5
    });
}

#[inline]
fn push_bool(buf: &mut Vec<u8>, tag: u8, key: &str, value: bool) -> bool {
    if key.len() > SHORT || !has_room::<SMALL>(buf) {
        return push_any_bool(buf, tag, key, value);
    }
    push_small(buf, tag, key, 0x10, u8::from(value));
    false
}

#[cold]
#[inline(never)]
fn push_any_bool(buf: &mut Vec<u8>, tag: u8, key: &str, value: bool) -> bool {
    if key.len() > SHORT {
        return push_key_value(buf, tag, key, AttributeValue::Bool(value), usize::MAX);
    }
    push_small(buf, tag, key, 0x10, u8::from(value));
    false
}

/// A value of one byte behind a short key.
#[inline(always)]
fn push_small(buf: &mut Vec<u8>, tag: u8, key: &str, kind: u8, value: u8) {
    push_front::<SMALL>(buf, front(tag, key, 4), key, |block, at| {
        block[at..at + 4].copy_from_slice(&[0x12, 2, kind, value]);
        at + 4
    });
}

#[inline]
fn push_double(buf: &mut Vec<u8>, tag: u8, key: &str, value: f64) -> bool {
    if key.len() > SHORT || !has_room::<DOUBLE>(buf) {
        return push_any_double(buf, tag, key, value);
    }
    push_short_double(buf, tag, key, value);
    false
}

#[cold]
#[inline(never)]
fn push_any_double(buf: &mut Vec<u8>, tag: u8, key: &str, value: f64) -> bool {
    if key.len() > SHORT {
        return push_key_value(buf, tag, key, AttributeValue::Double(value), usize::MAX);
    }
    push_short_double(buf, tag, key, value);
    false
}

/// Room for a short key and a number behind it.
const DOUBLE: usize = 4 + SHORT + 12;

#[inline(always)]
fn push_short_double(buf: &mut Vec<u8>, tag: u8, key: &str, value: f64) {
    push_front::<DOUBLE>(buf, front(tag, key, 11), key, |block, at| {
        block[at..at + 4].copy_from_slice(&[0x12, 9, 0x21, 0]);
        block[at + 3..at + 11].copy_from_slice(&value.to_le_bytes());
        at + 11
    });
}

/// Room for a short key and a short text behind it.
const TEXT: usize = 4 + SHORT + 4 + SHORT;

#[inline]
fn push_str(buf: &mut Vec<u8>, tag: u8, key: &str, text: &str, limit: usize) -> bool {
    if key.len() > SHORT || text.len() > SHORT || text.len() > limit || !has_room::<TEXT>(buf) {
        return push_any_str(buf, tag, key, text, limit);
    }
    push_short_str(buf, tag, key, text);
    false
}

#[inline(never)]
fn push_any_str(buf: &mut Vec<u8>, tag: u8, key: &str, text: &str, limit: usize) -> bool {
    let (kept, was_cut) = cut(text, limit);
    let behind_key = 4 + kept.len();
    if key.len() > SHORT || 2 + SHORT + behind_key > 127 {
        push_key_value(buf, tag, key, AttributeValue::Str(kept), usize::MAX);
    } else if kept.len() <= SHORT {
        push_short_str(buf, tag, key, kept);
    } else {
        push_front::<SMALL>(buf, front(tag, key, behind_key), key, |block, at| {
            block[at..at + 4].copy_from_slice(&text_front(kept).to_le_bytes());
            at + 4
        });
        buf.extend_from_slice(kept.as_bytes());
    }
    was_cut
}

/// `12 value-length 0a text-length` of a short text.
#[inline(always)]
fn text_front(text: &str) -> u32 {
    0x0a_0212 + text.len() as u32 * 0x0100_0100
}

#[inline(always)]
fn push_short_str(buf: &mut Vec<u8>, tag: u8, key: &str, text: &str) {
    push_front::<TEXT>(buf, front(tag, key, 4 + text.len()), key, |block, at| {
        block[at..at + 4].copy_from_slice(&text_front(text).to_le_bytes());
        let end = at + 4 + text.len();
        copy::<SHORT>(&mut block[at + 4..end], text.as_bytes());
        end
    });
}

/// The place of the span attribute with this key in a body, tag and length included; the first if there are several.
///
/// A caller for whom the last value of an equal key wins removes that range before it appends the new value.
///
/// `body` is what the functions of this crate wrote; in other bytes nothing, or anything, may be found.
#[inline]
pub fn find_attribute(body: &[u8], key: &str) -> Option<Range<usize>> {
    let key = key.as_bytes();
    if key.len() > SHORT {
        return find_from(body, 0, key);
    }
    // `4a length 0a key-length`, where both lengths have one byte.
    let wanted = 0x0a_004a | (key.len() as u32) << 24;
    let mut at = 0;
    while let Some(start) = body.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let start = u32::from_le_bytes(*start);
        if start & 0x8000 != 0 {
            return find_from(body, at, key);
        }
        let end = at + 2 + (start >> 8 & 0x7f) as usize;
        if start & 0xffff_00ff == wanted
            && let Some(found) = body.get(at + 4..at + 4 + key.len())
            && equal(found, key)
        {
            return (end <= body.len()).then_some(at..end);
        }
        at = end;
    }
    None
}

/// How many attributes stand in a body, or in a part of it that begins and ends with a field.
pub fn count_attributes(body: &[u8]) -> u32 {
    let mut count = 0;
    let mut at = 0;
    while let (Some(tag), Some((length, start))) = (body.get(at), read_length(body, at + 1)) {
        count += u32::from(*tag == Field::Span as u8);
        at = start.saturating_add(length);
    }
    count
}

/// As [`find_attribute`], from the field at `at` on, whatever the lengths.
#[inline(never)]
fn find_from(body: &[u8], mut at: usize, key: &[u8]) -> Option<Range<usize>> {
    loop {
        let tag = *body.get(at)?;
        let (length, start) = read_length(body, at + 1)?;
        let end = start.checked_add(length)?;
        let field = body.get(start..end)?;
        if tag == Field::Span as u8 && starts_with_key(field, key) {
            return Some(at..end);
        }
        at = end;
    }
}

/// Whether this `KeyValue`, which has its key in front, has that key.
fn starts_with_key(field: &[u8], key: &[u8]) -> bool {
    let Some((length, start)) = read_length(field, 1) else {
        return false;
    };
    field.first() == Some(&0x0a)
        && length == key.len()
        && field.get(start..).is_some_and(|rest| rest.starts_with(key))
}

/// A length, padded or not, and the index behind it.
fn read_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut length = 0;
    for (i, byte) in bytes.get(at..)?.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            return Some((usize::try_from(length).ok()?, at + i + 1));
        }
    }
    None
}
