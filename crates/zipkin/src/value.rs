//! Attribute values as texts and as JSON (OpenTelemetry: "AnyValue representation for non-OTLP protocols").

use codomyrmex_wire::ValueView;
use codomyrmex_wire::json::{write_bytes, write_text};

use crate::object::{Object, write_array};

/// The value as a tag: a text as it is, nothing as an empty text, everything else as JSON, but without quotes around it.
pub(crate) fn text(value: &ValueView<'_>) -> String {
    match value {
        ValueView::Str(text) => text.clone().into_owned(),
        ValueView::Empty => String::new(),
        ValueView::Bytes(_) => unquoted(value),
        ValueView::Double(number) if !number.is_finite() => unquoted(value),
        other => {
            let mut text = String::new();
            write_json(other, &mut text);
            text
        }
    }
}

fn unquoted(value: &ValueView<'_>) -> String {
    let mut text = String::new();
    write_json(value, &mut text);
    text.trim_matches('"').to_owned()
}

/// The value as JSON: nothing as null, bytes as base64, numbers that JSON does not know as texts.
pub(crate) fn write_json(value: &ValueView<'_>, out: &mut String) {
    match value {
        ValueView::Empty => out.push_str("null"),
        ValueView::Str(text) => write_text(text, out),
        ValueView::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        ValueView::Int(value) => out.push_str(&value.to_string()),
        ValueView::Double(value) if value.is_nan() => out.push_str("\"NaN\""),
        ValueView::Double(value) if value.is_infinite() => out.push_str(if *value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        }),
        ValueView::Double(value) => out.push_str(&format!("{value:?}")),
        ValueView::Bytes(bytes) => write_bytes(bytes, out),
        ValueView::Array(values) => {
            write_array(values.clone(), out, |value, out| write_json(&value, out));
        }
        ValueView::Map(pairs) => {
            let mut object = Object::begin(out);
            for (key, value) in pairs.clone() {
                write_json(&value, object.member(&key));
            }
            object.end();
        }
    }
}
