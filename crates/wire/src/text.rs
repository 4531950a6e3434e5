use std::fmt::{Result, Write};

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes a JSON string. Beside what JSON demands, control and line-breaking characters are escaped too.
pub(crate) fn write_string(out: &mut dyn Write, text: &str) -> Result {
    out.write_char('"')?;
    let mut from = 0;
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.write_str(&text[from..at])?;
        if escape.is_empty() {
            write!(out, "\\u{:04x}", u32::from(character))?;
        } else {
            out.write_str(escape)?;
        }
        from = at + character.len_utf8();
    }
    out.write_str(&text[from..])?;
    out.write_char('"')
}

/// Writes a JSON string of lower-case hexadecimal digits.
pub(crate) fn write_hex(out: &mut dyn Write, bytes: &[u8]) -> Result {
    out.write_char('"')?;
    for byte in bytes {
        out.write_char(char::from(HEX[usize::from(byte >> 4)]))?;
        out.write_char(char::from(HEX[usize::from(byte & 15)]))?;
    }
    out.write_char('"')
}

/// Writes a JSON string of padded base64 in the standard alphabet.
pub(crate) fn write_base64(out: &mut dyn Write, bytes: &[u8]) -> Result {
    out.write_char('"')?;
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for i in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * i) & 63) as usize];
            out.write_char(if i <= chunk.len() {
                char::from(digit)
            } else {
                '='
            })?;
        }
    }
    out.write_char('"')
}

/// Writes items between brackets.
pub(crate) fn write_list<T>(
    out: &mut dyn Write,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut dyn Write, T) -> Result,
) -> Result {
    out.write_char('[')?;
    write_items(out, items, write)?;
    out.write_char(']')
}

/// Writes members between braces.
pub(crate) fn write_map<T>(
    out: &mut dyn Write,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut dyn Write, T) -> Result,
) -> Result {
    out.write_char('{')?;
    write_items(out, items, write)?;
    out.write_char('}')
}

fn write_items<T>(
    out: &mut dyn Write,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut dyn Write, T) -> Result,
) -> Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.write_str(", ")?;
        }
        write(out, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut dyn Write) -> Result) -> String {
        let mut out = String::new();
        write(&mut out).unwrap();
        out
    }

    #[test]
    fn strings_are_escaped() {
        let text = "a\"b\\c\n\r\t\u{1}\u{7f}\u{85}\u{2028}é…";
        let expected = "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\\u0085\\u2028é…\"";
        assert_eq!(written(|out| write_string(out, text)), expected);
        assert_eq!(written(|out| write_string(out, "")), "\"\"");
    }

    #[test]
    fn base64_by_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(
                written(|out| write_base64(out, plain.as_bytes())),
                format!("\"{encoded}\"")
            );
        }
        assert_eq!(written(|out| write_base64(out, &[0xfb, 0xff])), "\"+/8=\"");
    }

    #[test]
    fn hex_is_lower_case() {
        assert_eq!(
            written(|out| write_hex(out, &[0, 0xab, 0xff])),
            "\"00abff\""
        );
    }
}
