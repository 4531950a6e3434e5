use std::fmt;

use crate::text;

/// An owned attribute value: OTLP's `AnyValue` as a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(String),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values, of any types.
    Array(Vec<Value>),
    /// Values by key, in their order.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The text of a [`Value::Str`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($source:ty, $name:ident => $value:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($name: $source) -> Self {
                $value
            }
        }
    )*};
}

from! {
    String, v => Value::Str(v);
    &str, v => Value::Str(v.to_owned());
    &String, v => Value::Str(v.clone());
    std::borrow::Cow<'_, str>, v => Value::Str(v.into_owned());
    bool, v => Value::Bool(v);
    i8, v => Value::Int(v.into());
    i16, v => Value::Int(v.into());
    i32, v => Value::Int(v.into());
    i64, v => Value::Int(v);
    u8, v => Value::Int(v.into());
    u16, v => Value::Int(v.into());
    u32, v => Value::Int(v.into());
    isize, v => integer(v);
    usize, v => integer(v);
    u64, v => integer(v);
    i128, v => integer(v);
    u128, v => integer(v);
    f32, v => Value::Double(v.into());
    f64, v => Value::Double(v);
    Vec<u8>, v => Value::Bytes(v);
    &[u8], v => Value::Bytes(v.to_vec());
    Vec<Value>, v => Value::Array(v);
    Vec<(String, Value)>, v => Value::Map(v);
    Vec<String>, v => array(v);
    Vec<&str>, v => array(v);
    Vec<i64>, v => array(v);
    Vec<f64>, v => array(v);
    Vec<bool>, v => array(v);
}

fn integer<T: TryInto<i64> + Copy + fmt::Display>(value: T) -> Value {
    match value.try_into() {
        Ok(value) => Value::Int(value),
        Err(_) => Value::Str(value.to_string()),
    }
}

fn array<T: Into<Value>>(values: Vec<T>) -> Value {
    Value::Array(values.into_iter().map(Into::into).collect())
}

/// The plain text of a string, and what resembles JSON for everything else.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(text) => f.pad(text),
            other => other.write_nested(f),
        }
    }
}

impl Value {
    fn write_nested(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            Value::Empty => out.write_str("null"),
            Value::Str(value) => text::write_string(out, value),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Int(value) => write!(out, "{value}"),
            Value::Double(value) => write!(out, "{value:?}"),
            Value::Bytes(bytes) => text::write_base64(out, bytes),
            Value::Array(values) => {
                text::write_list(out, values, |out, value| value.write_nested(out))
            }
            Value::Map(pairs) => text::write_map(out, pairs, |out, (key, value)| {
                text::write_string(out, key)?;
                out.write_str(": ")?;
                value.write_nested(out)
            }),
        }
    }
}
