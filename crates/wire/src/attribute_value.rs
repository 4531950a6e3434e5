use std::borrow::Cow;
use std::fmt;

use crate::value::Value;

/// An attribute value on its way into bytes: borrowed, cheap to copy.
///
/// It is made with `into()` from text, numbers, truth values, slices, `&Value` and `format_args!`.
///
/// ```
/// use codomyrmex_wire::AttributeValue;
/// assert!(matches!(AttributeValue::from(3_u8), AttributeValue::Int(3)));
/// assert!(matches!(AttributeValue::from("ann"), AttributeValue::Str("ann")));
/// // Too large for OTLP's integers: it will be the text of its digits.
/// assert_eq!(AttributeValue::from(u64::MAX).to_value().as_str(), Some("18446744073709551615"));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum AttributeValue<'a> {
    /// Text.
    Str(&'a str),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An array of text.
    Strs(&'a [&'a str]),
    /// An array of integers.
    Ints(&'a [i64]),
    /// An array of numbers.
    Doubles(&'a [f64]),
    /// An array of truth values.
    Bools(&'a [bool]),
    /// An integer that `i64` may not hold; then it is written as text.
    Wide {
        /// Whether it is below zero.
        negative: bool,
        /// Its absolute value, low word first.
        magnitude: [u64; 2],
    },
    /// Text that is formatted straight into the buffer.
    Display(fmt::Arguments<'a>),
    /// A value of any shape.
    Value(&'a Value),
    /// No value.
    Empty,
}

impl AttributeValue<'_> {
    /// An owned copy.
    pub fn to_value(&self) -> Value {
        match *self {
            AttributeValue::Str(v) => Value::from(v),
            AttributeValue::Bool(v) => Value::Bool(v),
            AttributeValue::Int(v) => Value::Int(v),
            AttributeValue::Double(v) => Value::Double(v),
            AttributeValue::Bytes(v) => Value::from(v),
            AttributeValue::Strs(v) => Value::from(v.to_vec()),
            AttributeValue::Ints(v) => Value::from(v.to_vec()),
            AttributeValue::Doubles(v) => Value::from(v.to_vec()),
            AttributeValue::Bools(v) => Value::from(v.to_vec()),
            AttributeValue::Wide {
                negative,
                magnitude,
            } => match narrow(negative, magnitude) {
                Some(v) => Value::Int(v),
                None => Value::Str(format!("{}{}", sign(negative), join(magnitude))),
            },
            AttributeValue::Display(v) => Value::Str(v.to_string()),
            AttributeValue::Value(v) => v.clone(),
            AttributeValue::Empty => Value::Empty,
        }
    }
}

/// The wide integer as an `i64`, where it fits.
pub(crate) fn narrow(negative: bool, magnitude: [u64; 2]) -> Option<i64> {
    let wide = i128::try_from(join(magnitude)).ok()?;
    i64::try_from(if negative { -wide } else { wide }).ok()
}

pub(crate) fn join(magnitude: [u64; 2]) -> u128 {
    u128::from(magnitude[1]) << 64 | u128::from(magnitude[0])
}

pub(crate) fn sign(negative: bool) -> &'static str {
    if negative { "-" } else { "" }
}

#[inline]
fn wide<'a>(negative: bool, magnitude: u128) -> AttributeValue<'a> {
    let magnitude = [magnitude as u64, (magnitude >> 64) as u64];
    AttributeValue::Wide {
        negative,
        magnitude,
    }
}

macro_rules! from {
    ($($source:ty, $name:ident => $value:expr;)*) => {$(
        impl<'a> From<$source> for AttributeValue<'a> {
            #[inline]
            fn from($name: $source) -> Self {
                $value
            }
        }
    )*};
}

from! {
    &'a str, v => AttributeValue::Str(v);
    &'a String, v => AttributeValue::Str(v);
    &'a Cow<'a, str>, v => AttributeValue::Str(v);
    &'a Box<str>, v => AttributeValue::Str(v);
    &'a std::sync::Arc<str>, v => AttributeValue::Str(v);
    bool, v => AttributeValue::Bool(v);
    i8, v => AttributeValue::Int(v.into());
    i16, v => AttributeValue::Int(v.into());
    i32, v => AttributeValue::Int(v.into());
    i64, v => AttributeValue::Int(v);
    u8, v => AttributeValue::Int(v.into());
    u16, v => AttributeValue::Int(v.into());
    u32, v => AttributeValue::Int(v.into());
    isize, v => AttributeValue::Int(v as i64);
    usize, v => AttributeValue::from(v as u64);
    u64, v => match i64::try_from(v) {
        Ok(v) => AttributeValue::Int(v),
        Err(_) => wide(false, v.into()),
    };
    i128, v => match i64::try_from(v) {
        Ok(narrow) => AttributeValue::Int(narrow),
        Err(_) => wide(v < 0, v.unsigned_abs()),
    };
    u128, v => match i64::try_from(v) {
        Ok(v) => AttributeValue::Int(v),
        Err(_) => wide(false, v),
    };
    f32, v => AttributeValue::Double(v.into());
    f64, v => AttributeValue::Double(v);
    &'a [u8], v => AttributeValue::Bytes(v);
    &'a Vec<u8>, v => AttributeValue::Bytes(v);
    &'a [&'a str], v => AttributeValue::Strs(v);
    &'a Vec<&'a str>, v => AttributeValue::Strs(v);
    &'a [i64], v => AttributeValue::Ints(v);
    &'a Vec<i64>, v => AttributeValue::Ints(v);
    &'a [f64], v => AttributeValue::Doubles(v);
    &'a Vec<f64>, v => AttributeValue::Doubles(v);
    &'a [bool], v => AttributeValue::Bools(v);
    &'a Vec<bool>, v => AttributeValue::Bools(v);
    &'a Value, v => AttributeValue::Value(v);
    fmt::Arguments<'a>, v => AttributeValue::Display(v);
}

macro_rules! from_array {
    ($($item:ty, $variant:ident;)*) => {$(
        impl<'a, const N: usize> From<&'a [$item; N]> for AttributeValue<'a> {
            #[inline]
            fn from(v: &'a [$item; N]) -> Self {
                AttributeValue::$variant(v)
            }
        }
    )*};
}

from_array! {
    u8, Bytes;
    &'a str, Strs;
    i64, Ints;
    f64, Doubles;
    bool, Bools;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_i64_become_their_digits() {
        let text = |value: AttributeValue<'_>| match value.to_value() {
            Value::Str(text) => text,
            other => panic!("{other:?} is no text"),
        };
        assert_eq!(text(u64::MAX.into()), u64::MAX.to_string());
        assert_eq!(text(u128::MAX.into()), u128::MAX.to_string());
        assert_eq!(text(i128::MIN.into()), i128::MIN.to_string());
        assert_eq!(
            AttributeValue::from(i128::from(i64::MIN)).to_value(),
            Value::Int(i64::MIN)
        );
        let written_out = AttributeValue::Wide {
            negative: true,
            magnitude: [1 << 63, 0],
        };
        assert_eq!(written_out.to_value(), Value::Int(i64::MIN));
        let written_out = AttributeValue::Wide {
            negative: false,
            magnitude: [1 << 63, 0],
        };
        assert_eq!(text(written_out), (1_u64 << 63).to_string());
    }
}
