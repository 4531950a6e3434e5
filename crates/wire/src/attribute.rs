use std::ops::Range;

use crate::any_value::{cut, push_key_value};
use crate::attribute_value::AttributeValue;
use crate::copy::copy;
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
const SHORT: usize = 32;

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
        value => push_other(buf, field as u8, key, value, limit),
    }
}

#[inline(never)]
fn push_other(
    buf: &mut Vec<u8>,
    tag: u8,
    key: &str,
    value: AttributeValue<'_>,
    limit: usize,
) -> bool {
    push_key_value(buf, tag, key, value, limit)
}

/// Appends `N` bytes at once, lets `write` fill them in and say how many count, and gives back the rest.
///
/// One check of the capacity and a few wide stores cost less than an append for each part.
#[inline(always)]
fn push_block<const N: usize>(buf: &mut Vec<u8>, write: impl FnOnce(&mut [u8; N]) -> usize) {
    let start = buf.len();
    buf.extend_from_slice(&[0; N]);
    if let Some(block) = buf.last_chunk_mut::<N>() {
        let used = write(block);
        buf.truncate(start + used);
    }
}

/// Writes `tag length 0a key-length key 12 value-length type` for a value of `value` bytes with its type;
/// gives the index behind the type.
#[inline(always)]
fn write_front<const N: usize>(
    block: &mut [u8; N],
    tag: u8,
    key: &str,
    value: usize,
    kind: u8,
) -> usize {
    let key = key.as_bytes();
    let total = 4 + key.len() + value;
    block[..4].copy_from_slice(&[tag, total as u8, 0x0a, key.len() as u8]);
    let at = 4 + key.len();
    copy(&mut block[4..at], key);
    block[at..at + 3].copy_from_slice(&[0x12, value as u8, kind]);
    at + 3
}

#[inline]
fn push_int(buf: &mut Vec<u8>, tag: u8, key: &str, value: i64) -> bool {
    if key.len() > SHORT {
        return push_other(buf, tag, key, AttributeValue::Int(value), usize::MAX);
    }
    let value = value as u64;
    push_block::<64>(buf, |block| {
        let at = write_front(block, tag, key, 1 + varint::len(value), 0x18);
        varint::write(block, at, value)
    });
    false
}

#[inline]
fn push_bool(buf: &mut Vec<u8>, tag: u8, key: &str, value: bool) -> bool {
    if key.len() > SHORT {
        return push_other(buf, tag, key, AttributeValue::Bool(value), usize::MAX);
    }
    push_block::<48>(buf, |block| {
        let at = write_front(block, tag, key, 2, 0x10);
        block[at] = u8::from(value);
        at + 1
    });
    false
}

#[inline]
fn push_double(buf: &mut Vec<u8>, tag: u8, key: &str, value: f64) -> bool {
    if key.len() > SHORT {
        return push_other(buf, tag, key, AttributeValue::Double(value), usize::MAX);
    }
    push_block::<48>(buf, |block| {
        let at = write_front(block, tag, key, 9, 0x21);
        block[at..at + 8].copy_from_slice(&value.to_le_bytes());
        at + 8
    });
    false
}

#[inline]
fn push_str(buf: &mut Vec<u8>, tag: u8, key: &str, text: &str, limit: usize) -> bool {
    let (kept, was_cut) = cut(text, limit);
    if key.len() > SHORT || kept.len() > 127 - 6 - SHORT {
        return push_other(buf, tag, key, AttributeValue::Str(text), limit);
    }
    let kept = kept.as_bytes();
    if kept.len() <= SHORT {
        push_block::<72>(buf, |block| {
            let at = write_front(block, tag, key, 2 + kept.len(), 0x0a);
            block[at] = kept.len() as u8;
            let end = at + 1 + kept.len();
            copy(&mut block[at + 1..end], kept);
            end
        });
    } else {
        push_block::<40>(buf, |block| {
            let at = write_front(block, tag, key, 2 + kept.len(), 0x0a);
            block[at] = kept.len() as u8;
            at + 1
        });
        buf.extend_from_slice(kept);
    }
    was_cut
}

/// The place of the span attribute with this key in a body, tag and length included; the first if there are several.
///
/// A caller for whom the last value of an equal key wins removes that range before it appends the new value.
#[inline]
pub fn find_attribute(body: &[u8], key: &str) -> Option<Range<usize>> {
    let key = key.as_bytes();
    let mut at = 0;
    while at < body.len() {
        let tag = *body.get(at)?;
        // Everything in a body is a field of bytes with a number below 16.
        if tag & 7 != 2 || tag >= 0x80 {
            return None;
        }
        let (length, start) = read_length(body, at + 1)?;
        let end = start.checked_add(length)?;
        let field = body.get(start..end)?;
        if tag == Field::Span as u8 && starts_with_key(field, key) {
            return Some(at..end);
        }
        at = end;
    }
    None
}

/// Whether this `KeyValue`, which our own encoder wrote with the key in front, has that key.
#[inline(always)]
fn starts_with_key(field: &[u8], key: &[u8]) -> bool {
    if field.first() != Some(&0x0a) {
        return false;
    }
    match read_length(field, 1) {
        Some((length, start)) => {
            length == key.len() && field.get(start..).is_some_and(|rest| rest.starts_with(key))
        }
        None => false,
    }
}

#[inline(always)]
fn read_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        Some((usize::from(first), at + 1))
    } else {
        read_long_length(bytes, at)
    }
}

fn read_long_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut length = 0_usize;
    for i in 0..5 {
        let byte = *bytes.get(at + i)?;
        length |= usize::from(byte & 0x7f).checked_shl(7 * i as u32)?;
        if byte < 0x80 {
            return Some((length, at + i + 1));
        }
    }
    None
}
