use std::fmt::{self, Write};

use crate::attribute_value::{AttributeValue, join, narrow, sign};
use crate::length::{close, open};
use crate::value::Value;
use crate::varint;

/// Levels of arrays and maps that are written; what lies deeper becomes the string `…`.
pub const MAX_DEPTH: usize = 16;

const STRING: u8 = 0x0a;
const BOOL: u8 = 0x10;
const INT: u8 = 0x18;
const DOUBLE: u8 = 0x21;
const ARRAY: u8 = 0x2a;
const MAP: u8 = 0x32;
const BYTES: u8 = 0x3a;
/// `ArrayValue.values`, `KeyValueList.values` and `KeyValue.key`.
const FIRST: u8 = 0x0a;
/// `KeyValue.value`.
const SECOND: u8 = 0x12;

/// The longest front of `text` within `limit` characters, and whether anything is missing.
#[inline]
pub(crate) fn cut(text: &str, limit: usize) -> (&str, bool) {
    if text.len() <= limit {
        (text, false)
    } else {
        cut_long(text, limit)
    }
}

#[cold]
fn cut_long(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((end, _)) => (text.get(..end).unwrap_or(text), true),
        None => (text, false),
    }
}

/// Appends a field of bytes.
pub(crate) fn push_bytes(buf: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    buf.push(tag);
    varint::push(buf, bytes.len() as u64);
    buf.extend_from_slice(bytes);
}

/// Appends one `KeyValue` of any kind and size; true if something was cut.
#[inline(never)]
pub(crate) fn push_key_value(
    buf: &mut Vec<u8>,
    tag: u8,
    key: &str,
    value: AttributeValue<'_>,
    limit: usize,
) -> bool {
    // A `Display` of the caller's may panic: then nothing of the attribute stays.
    let mut whole = Whole {
        start: buf.len(),
        buf,
    };
    let buf = &mut *whole.buf;
    let outer = open_key_value(buf, tag, key);
    let inner = open(buf);
    let was_cut = push_any_value(buf, value, limit);
    close(buf, inner);
    close(buf, outer);
    whole.start = whole.buf.len();
    was_cut
}

struct Whole<'b> {
    start: usize,
    buf: &'b mut Vec<u8>,
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.start);
    }
}

/// Begins a `KeyValue` up to the tag of its value.
fn open_key_value(buf: &mut Vec<u8>, tag: u8, key: &str) -> usize {
    buf.push(tag);
    let place = open(buf);
    push_bytes(buf, FIRST, key.as_bytes());
    buf.push(SECOND);
    place
}

fn push_any_value(buf: &mut Vec<u8>, value: AttributeValue<'_>, limit: usize) -> bool {
    match value {
        AttributeValue::Empty => false,
        AttributeValue::Str(text) => push_string(buf, text, limit),
        AttributeValue::Bool(value) => push_bool(buf, value),
        AttributeValue::Int(value) => push_int(buf, value),
        AttributeValue::Double(value) => push_double(buf, value),
        AttributeValue::Bytes(bytes) => push_byte_string(buf, bytes, limit),
        AttributeValue::Strs(values) => {
            push_array(buf, values, |buf, text| push_string(buf, text, limit))
        }
        AttributeValue::Ints(values) => push_array(buf, values, |buf, value| push_int(buf, *value)),
        AttributeValue::Doubles(values) => {
            push_array(buf, values, |buf, value| push_double(buf, *value))
        }
        AttributeValue::Bools(values) => {
            push_array(buf, values, |buf, value| push_bool(buf, *value))
        }
        AttributeValue::Wide {
            negative,
            magnitude,
        } => match narrow(negative, magnitude) {
            Some(value) => push_int(buf, value),
            None => push_display(
                buf,
                format_args!("{}{}", sign(negative), join(magnitude)),
                limit,
            ),
        },
        AttributeValue::Display(text) => match text.as_str() {
            Some(text) => push_string(buf, text, limit),
            None => push_display(buf, text, limit),
        },
        AttributeValue::Value(value) => push_value(buf, value, limit, MAX_DEPTH),
    }
}

fn push_value(buf: &mut Vec<u8>, value: &Value, limit: usize, depth: usize) -> bool {
    match value {
        Value::Empty => false,
        Value::Str(text) => push_string(buf, text, limit),
        Value::Bool(value) => push_bool(buf, *value),
        Value::Int(value) => push_int(buf, *value),
        Value::Double(value) => push_double(buf, *value),
        Value::Bytes(bytes) => push_byte_string(buf, bytes, limit),
        Value::Array(_) | Value::Map(_) if depth == 0 => {
            push_string(buf, "…", usize::MAX);
            true
        }
        Value::Array(values) => push_array(buf, values, |buf, value| {
            push_value(buf, value, limit, depth - 1)
        }),
        Value::Map(pairs) => {
            let mut was_cut = false;
            buf.push(MAP);
            let list = open(buf);
            for (key, value) in pairs {
                let outer = open_key_value(buf, FIRST, key);
                let inner = open(buf);
                was_cut |= push_value(buf, value, limit, depth - 1);
                close(buf, inner);
                close(buf, outer);
            }
            close(buf, list);
            was_cut
        }
    }
}

fn push_array<T>(buf: &mut Vec<u8>, values: &[T], push: impl Fn(&mut Vec<u8>, &T) -> bool) -> bool {
    let mut was_cut = false;
    buf.push(ARRAY);
    let list = open(buf);
    for value in values {
        buf.push(FIRST);
        let item = open(buf);
        was_cut |= push(buf, value);
        close(buf, item);
    }
    close(buf, list);
    was_cut
}

fn push_string(buf: &mut Vec<u8>, text: &str, limit: usize) -> bool {
    let (text, was_cut) = cut(text, limit);
    push_bytes(buf, STRING, text.as_bytes());
    was_cut
}

fn push_byte_string(buf: &mut Vec<u8>, bytes: &[u8], limit: usize) -> bool {
    push_bytes(buf, BYTES, bytes.get(..limit).unwrap_or(bytes));
    bytes.len() > limit
}

fn push_bool(buf: &mut Vec<u8>, value: bool) -> bool {
    buf.extend_from_slice(&[BOOL, u8::from(value)]);
    false
}

fn push_int(buf: &mut Vec<u8>, value: i64) -> bool {
    buf.push(INT);
    varint::push(buf, value as u64);
    false
}

fn push_double(buf: &mut Vec<u8>, value: f64) -> bool {
    buf.push(DOUBLE);
    buf.extend_from_slice(&value.to_le_bytes());
    false
}

fn push_display(buf: &mut Vec<u8>, text: fmt::Arguments<'_>, limit: usize) -> bool {
    buf.push(STRING);
    let place = open(buf);
    let mut writer = Limited {
        buf,
        left: limit,
        cut: false,
    };
    // An error means that the limit is reached, or that a `Display` of the caller's gave up: what it wrote stays.
    let _ = writer.write_fmt(text);
    let was_cut = writer.cut;
    close(buf, place);
    was_cut
}

/// Takes text up to a number of characters and then ends the formatting.
struct Limited<'b> {
    buf: &'b mut Vec<u8>,
    left: usize,
    cut: bool,
}

impl Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (kept, was_cut) = cut(text, self.left);
        self.buf.extend_from_slice(kept.as_bytes());
        if was_cut {
            self.cut = true;
            self.left = 0;
            return Err(fmt::Error);
        }
        if self.left != usize::MAX {
            self.left -= kept.chars().count();
        }
        Ok(())
    }
}
