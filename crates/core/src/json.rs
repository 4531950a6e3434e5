//! Values as plain JSON, for people and for the console.

use std::fmt::Write;

use codomyrmex_wire::Value;

/// On one line.
pub(crate) fn line(value: &Value) -> String {
    let mut out = String::new();
    write(value, None, &mut out);
    out
}

/// Indented by two spaces a level.
pub(crate) fn indented(value: &Value) -> String {
    let mut out = String::new();
    write(value, Some(0), &mut out);
    out
}

fn write(value: &Value, indent: Option<usize>, out: &mut String) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Str(text) => write_text(text, out),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        // JSON has no other numbers than finite ones.
        Value::Double(value) if !value.is_finite() => write_text(&value.to_string(), out),
        Value::Double(value) => {
            let _ = write!(out, "{value:?}");
        }
        Value::Bytes(bytes) => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            write_text(&hex, out);
        }
        Value::Array(values) => write_all('[', ']', values.iter(), indent, out, write),
        Value::Map(pairs) => write_all(
            '{',
            '}',
            pairs.iter(),
            indent,
            out,
            |(key, value), indent, out| {
                write_text(key, out);
                out.push_str(": ");
                write(value, indent, out);
            },
        ),
    }
}

fn write_all<T>(
    open: char,
    close: char,
    items: impl ExactSizeIterator<Item = T>,
    indent: Option<usize>,
    out: &mut String,
    each: impl Fn(T, Option<usize>, &mut String),
) {
    out.push(open);
    let inner = indent.map(|indent| indent + 2);
    let count = items.len();
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        break_line(inner, out);
        each(item, inner, out);
    }
    if count > 0 {
        break_line(indent, out);
    }
    out.push(close);
}

fn break_line(indent: Option<usize>, out: &mut String) {
    if let Some(indent) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent));
    }
}

/// A JSON string; control and bidirectional characters are escaped, so that no terminal obeys them.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_bidirectional(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json_that_no_terminal_obeys() {
        let value = Value::Map(vec![
            ("a\"b".into(), Value::from("\u{1b}[31m\u{202e}x\n")),
            (
                "n".into(),
                Value::Array(vec![
                    Value::Int(-1),
                    Value::Double(0.5),
                    Value::Double(f64::NAN),
                    Value::Empty,
                ]),
            ),
            ("e".into(), Value::Map(vec![])),
        ]);
        assert_eq!(
            line(&value),
            r#"{"a\"b": "\u001b[31m\u202ex\n", "n": [-1, 0.5, "NaN", null], "e": {}}"#
        );
        assert_eq!(
            indented(&value),
            "{\n  \"a\\\"b\": \"\\u001b[31m\\u202ex\\n\",\n  \"n\": [\n    -1,\n    0.5,\n    \"NaN\",\n    null\n  ],\n  \"e\": {}\n}"
        );
    }
}
