use std::borrow::Cow;
use std::fmt;

use crate::error::{DecodeError, DecodeReason};
use crate::fields::{Field, Fields, MAX_LEVELS, Messages, Payload};
use crate::text;
use crate::value::Value;

/// An attribute value in encoded bytes, read in place.
///
/// Its `Display` is the plain text of a string, and resembles JSON for everything else. Where an encoder gave a
/// value in several pieces, the last one that says what it is counts.
#[derive(Clone, Debug, Default)]
pub enum ValueView<'a> {
    /// No value, or one of a type unknown here.
    #[default]
    Empty,
    /// Text; owned only where bad UTF-8 had to be replaced.
    Str(Cow<'a, str>),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Values of any types.
    Array(Values<'a>),
    /// Values by key.
    Map(Attributes<'a>),
}

impl<'a> ValueView<'a> {
    /// Takes over what an `AnyValue` says that has been checked.
    fn read(&mut self, bytes: &'a [u8]) {
        for field in Fields::new(bytes).flatten() {
            *self = match (field.number, field.payload) {
                (1, Payload::Bytes(text)) => ValueView::Str(String::from_utf8_lossy(text)),
                (2, Payload::Varint(value)) => ValueView::Bool(value != 0),
                (3, Payload::Varint(value)) => ValueView::Int(value as i64),
                (4, Payload::Fixed64(bits)) => ValueView::Double(f64::from_bits(bits)),
                (5, Payload::Bytes(list)) => {
                    ValueView::Array(Values(Fields::new(list).messages(1)))
                }
                (6, Payload::Bytes(list)) => ValueView::Map(Attributes::new(list, 1)),
                (7, Payload::Bytes(bytes)) => ValueView::Bytes(bytes),
                _ => continue,
            };
        }
    }

    /// Goes through an `AnyValue` and all that is in it.
    fn check(bytes: &'a [u8], base: usize, levels: usize) -> Result<(), DecodeError> {
        if levels == 0 {
            return Err(DecodeError {
                offset: base,
                reason: DecodeReason::Depth,
            });
        }
        for field in Fields::at(bytes, base) {
            let Field {
                number,
                payload: Payload::Bytes(list),
                offset,
            } = field?
            else {
                continue;
            };
            if number != 5 && number != 6 {
                continue;
            }
            for item in Fields::at(list, offset) {
                match item? {
                    Field {
                        number: 1,
                        payload: Payload::Bytes(item),
                        offset,
                    } if number == 5 => {
                        ValueView::check(item, offset, levels - 1)?;
                    }
                    Field {
                        number: 1,
                        payload: Payload::Bytes(item),
                        offset,
                    } => {
                        check_key_value(item, offset, levels - 1)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// An owned copy.
    pub fn to_value(&self) -> Value {
        match self {
            ValueView::Empty => Value::Empty,
            ValueView::Str(text) => Value::from(text.as_ref()),
            ValueView::Bool(value) => Value::Bool(*value),
            ValueView::Int(value) => Value::Int(*value),
            ValueView::Double(value) => Value::Double(*value),
            ValueView::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            ValueView::Array(values) => {
                Value::Array(values.clone().map(|value| value.to_value()).collect())
            }
            ValueView::Map(pairs) => Value::Map(
                pairs
                    .clone()
                    .map(|(key, value)| (key.into_owned(), value.to_value()))
                    .collect(),
            ),
        }
    }

    /// The text of a [`ValueView::Str`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            ValueView::Str(text) => Some(text),
            _ => None,
        }
    }

    fn write_nested(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            ValueView::Empty => out.write_str("null"),
            ValueView::Str(value) => text::write_string(out, value),
            ValueView::Bool(value) => write!(out, "{value}"),
            ValueView::Int(value) => write!(out, "{value}"),
            ValueView::Double(value) => write!(out, "{value:?}"),
            ValueView::Bytes(bytes) => text::write_base64(out, bytes),
            ValueView::Array(values) => {
                text::write_list(out, values.clone(), |out, value| value.write_nested(out))
            }
            ValueView::Map(pairs) => text::write_map(out, pairs.clone(), |out, (key, value)| {
                text::write_string(out, &key)?;
                out.write_str(": ")?;
                value.write_nested(out)
            }),
        }
    }
}

impl fmt::Display for ValueView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueView::Str(text) => f.pad(text),
            other => other.write_nested(f),
        }
    }
}

/// The values of an array.
#[derive(Clone, Debug)]
pub struct Values<'a>(Messages<'a>);

impl<'a> Iterator for Values<'a> {
    type Item = ValueView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut value = ValueView::Empty;
        value.read(self.0.next()?);
        Some(value)
    }
}

/// Keys and values, in the order in which they stand.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(Messages<'a>);

impl<'a> Attributes<'a> {
    /// The `KeyValue`s in the fields of this number.
    pub(crate) fn new(bytes: &'a [u8], number: u32) -> Self {
        Attributes(Fields::new(bytes).messages(number))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Cow<'a, str>, ValueView<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut key: &[u8] = &[];
        let mut value = ValueView::Empty;
        for field in Fields::new(self.0.next()?).flatten() {
            match (field.number, field.payload) {
                (1, Payload::Bytes(text)) => key = text,
                (2, Payload::Bytes(bytes)) => value.read(bytes),
                _ => {}
            }
        }
        Some((String::from_utf8_lossy(key), value))
    }
}

/// Goes through the `KeyValue` of an attribute.
pub(crate) fn check_attribute(bytes: &[u8], base: usize) -> Result<(), DecodeError> {
    check_key_value(bytes, base, MAX_LEVELS)
}

fn check_key_value(bytes: &[u8], base: usize, levels: usize) -> Result<(), DecodeError> {
    for field in Fields::at(bytes, base) {
        if let Field {
            number: 2,
            payload: Payload::Bytes(value),
            offset,
        } = field?
        {
            ValueView::check(value, offset, levels)?;
        }
    }
    Ok(())
}
