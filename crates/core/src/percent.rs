//! Percent-encoding (RFC 3986, section 2.1) of what goes into headers.

use std::borrow::Cow;

use crate::ids::hex_value;

/// Appends `text`, every byte for which `plain` does not hold as `%XX`. `plain` must not hold for `%` and bytes beyond ASCII.
pub(crate) fn encode(text: &str, out: &mut String, plain: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// Reads `%XX`; a percent sign without two digits stands for itself, and bytes that are no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match escape(rest) {
            Some((byte, after)) => {
                bytes.push(byte);
                after
            }
            None => {
                bytes.push(first);
                after
            }
        };
    }
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Reads `%XX`; `None` where a percent sign lacks its two digits, or the bytes are no UTF-8.
pub(crate) fn decode_strict(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = if first == b'%' {
            escape(rest)?
        } else {
            (first, after)
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Whether the text holds a control character.
pub(crate) fn has_control(text: &str) -> bool {
    // Plain ASCII is told by its bytes, which is quicker.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
}

fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    match bytes {
        [b'%', high, low, after @ ..] => Some((hex_value(*high)? << 4 | hex_value(*low)?, after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_goes_there_and_back() {
        for text in ["", "plain", "50%", "%41", "a,b;c=d\r\n", "Zoë ☃", "\0%%"] {
            let mut encoded = String::new();
            encode(text, &mut encoded, |byte| byte.is_ascii_alphanumeric());
            assert!(
                encoded
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'%')
            );
            assert_eq!(decode(&encoded), text);
            assert_eq!(decode_strict(&encoded).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(decode(" a "), " a ");
        assert_eq!(decode("100% %4 %zz %"), "100% %4 %zz %");
        assert_eq!(decode("%e2%98"), "\u{fffd}");
        assert_eq!(decode("%c3%28"), "\u{fffd}(");
        for text in ["100%", "%4", "%zz", "%e2%98"] {
            assert_eq!(decode_strict(text), None, "{text}");
        }
    }
}
