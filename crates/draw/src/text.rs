use crate::escape::escape;
use unicode_width::UnicodeWidthChar;

/// A terminal may draw a character followed by this one two columns wide.
const EMOJI_PRESENTATION: char = '\u{fe0f}';

/// Columns that a text takes at most on a terminal. Joined emoji count as their parts, since many
/// terminals do not join them.
pub(crate) fn columns(text: &str) -> usize {
    let mut meter = Meter::default();
    text.chars().map(|character| meter.add(character)).sum()
}

#[derive(Default)]
struct Meter {
    narrow: bool,
}

impl Meter {
    fn add(&mut self, character: char) -> usize {
        if character == EMOJI_PRESENTATION && self.narrow {
            self.narrow = false;
            return 1;
        }
        let columns = character.width().unwrap_or(1);
        if columns > 0 {
            self.narrow = columns == 1;
        }
        columns
    }
}

/// The text escaped, and cut to `room` columns with `mark` (one column) where something is left out.
pub(crate) fn fit(text: &str, room: usize, mark: &str) -> String {
    // Marks without a width of their own could otherwise pile up without end.
    let head = match text.char_indices().nth(room * 8 + 8) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    let shown = escape(head);
    if head.len() == text.len() && columns(&shown) <= room {
        return shown.into_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut cut = prefix(&shown, room - 1)
        .trim_end_matches([' ', '\u{200d}'])
        .to_owned();
    cut.push_str(mark);
    cut
}

/// The longest beginning of the text that takes no more than `room` columns.
fn prefix(text: &str, room: usize) -> &str {
    let mut meter = Meter::default();
    let mut taken = 0;
    for (place, character) in text.char_indices() {
        taken += meter.add(character);
        if taken > room {
            return &text[..place];
        }
    }
    text
}

/// The text escaped and broken at spaces into at most `lines` lines of `room` columns.
pub(crate) fn wrap(text: &str, room: usize, lines: usize, mark: &str) -> Vec<String> {
    let whole = fit(text, room * lines, mark);
    let mut broken = Vec::new();
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        if columns(rest) <= room {
            broken.push(rest.to_owned());
            break;
        }
        if broken.len() + 1 == lines {
            // Breaking at spaces took more lines than there are columns for.
            broken.push(fit(rest, room, mark));
            break;
        }
        let line = prefix(rest, room);
        let end = match line.rfind(' ') {
            _ if rest[line.len()..].starts_with(' ') => line.len(),
            Some(space) if columns(&line[..space]) * 2 > room => space,
            _ if line.is_empty() => break,
            _ => line.len(),
        };
        broken.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(' ');
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("abc"), 3);
        assert_eq!(columns("日本"), 4);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(columns("❤\u{fe0f}"), 2);
        assert_eq!(columns("👩\u{200d}💻"), 4);
    }

    #[test]
    fn what_is_cut_is_marked_and_fits() {
        assert_eq!(fit("abcdef", 6, "…"), "abcdef");
        assert_eq!(fit("abcdef", 5, "…"), "abcd…");
        assert_eq!(fit("日本語", 5, "…"), "日本…");
        assert_eq!(fit("日本語", 4, "…"), "日…");
        assert_eq!(fit("ab cdef", 4, "…"), "ab…");
        assert_eq!(fit("a\nb", 8, "…"), "a\\nb");
        assert_eq!(fit("x", 0, "…"), "");
    }

    #[test]
    fn piled_up_marks_are_bounded() {
        let pile = format!("a{}", "\u{301}".repeat(100_000));
        let shown = fit(&pile, 10, "…");
        assert!(shown.chars().count() < 100);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn long_messages_break_at_spaces() {
        assert_eq!(
            wrap("the card was declined", 12, 3, "…"),
            ["the card was", "declined"]
        );
        assert_eq!(wrap("abcdefghij", 4, 3, "…"), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("abcdefghijklmn", 4, 3, "…"), ["abcd", "efgh", "ijk…"]);
        assert!(wrap("", 4, 3, "…").is_empty());
        for line in wrap("one three three three three", 6, 3, "…") {
            assert!(columns(&line) <= 6, "{line}");
        }
    }
}
