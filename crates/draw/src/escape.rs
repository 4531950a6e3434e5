use std::borrow::Cow;
use std::fmt::Write;

/// Makes characters visible that would act on a terminal or reorder the text around them: control
/// characters (C0, DEL, C1), line and paragraph separators, and Unicode's bidirectional controls
/// (UAX #9). Newline, carriage return and tab become `\n`, `\r`, `\t`, others `\u{202e}`.
///
/// It is made for eyes, not for parsing back: a backslash of the text's own stays as it is.
///
/// ```
/// use codomyrmex_draw::escape;
/// assert_eq!(escape("two\nlines"), "two\\nlines");
/// assert_eq!(escape("\u{1b}[31m"), "\\u{1b}[31m");
/// assert_eq!(escape("plain"), "plain");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(hidden) else {
        return Cow::Borrowed(text);
    };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for character in text[first..].chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            character if hidden(character) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_borrowed() {
        for text in ["", "plain", "naïve 日本語 👩‍💻", "back\\slash"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_acts_on_the_terminal_is_shown() {
        assert_eq!(escape("a\0b"), "a\\u{0}b");
        assert_eq!(escape("\r\n\t"), "\\r\\n\\t");
        assert_eq!(escape("x\u{7f}\u{9b}y"), "x\\u{7f}\\u{9b}y");
        assert_eq!(escape("\u{2028}\u{2029}"), "\\u{2028}\\u{2029}");
    }

    #[test]
    fn no_control_of_direction_survives() {
        let controls = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let shown = escape(controls);
        assert!(shown.is_ascii(), "{shown:?}");
        assert_eq!(shown.matches("\\u{").count(), controls.chars().count());
    }
}
