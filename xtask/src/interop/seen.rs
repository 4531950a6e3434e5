//! A span as a backend shows it, in one form for all of them.

use std::collections::BTreeMap;
use std::fmt;

/// One span.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty for a root.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// internal, server, client, producer or consumer.
    pub(crate) kind: String,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) service: String,
    pub(crate) resource: Attributes,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    /// unset, ok or error.
    pub(crate) status: String,
    pub(crate) message: String,
}

pub(crate) type Attributes = BTreeMap<String, Value>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) time_ns: u64,
    pub(crate) attributes: Attributes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) trace_state: String,
    pub(crate) attributes: Attributes,
}

/// An attribute's value with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Empty,
    Text(String),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Attributes),
}

/// As the Zipkin exporter's specification writes values: texts as they are, arrays and maps as JSON, bytes in Base64.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Bytes(bytes) => f.write_str(&base64(bytes)),
            other => other.json().fmt(f),
        }
    }
}

impl Value {
    /// The value as JSON; bytes in Base64, as OTLP/JSON has them.
    pub(crate) fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Empty => Json::Null,
            Value::Text(text) => Json::from(text.as_str()),
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Double(value) => Json::from(*value),
            Value::Bytes(bytes) => Json::from(base64(bytes)),
            Value::Array(values) => values.iter().map(Value::json).collect(),
            Value::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.clone(), value.json()))
                .collect(),
        }
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let joined = three
            .iter()
            .fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte))
            << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = (joined >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= three.len() {
                DIGITS[value].into()
            } else {
                '='
            });
        }
    }
    text
}

/// Bytes from Base64, with or without padding.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let mut joined = 0_u32;
        for digit in four {
            let value = DIGITS.iter().position(|known| known == digit)?;
            joined = joined << 6 | u32::try_from(value).ok()?;
        }
        joined <<= 6 * (4 - four.len());
        let whole = joined.to_be_bytes();
        bytes.extend_from_slice(whole.get(1..four.len())?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_there_and_back() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\x00\xff\x7f\x80", "AP9/gA=="),
        ] {
            assert_eq!(base64(bytes), text);
            assert_eq!(from_base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(from_base64("a?bc"), None);
    }
}
