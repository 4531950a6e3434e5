/// How [`tree`](crate::tree) draws.
///
/// ```
/// use codomyrmex_draw::Style;
/// let style = Style { width: 120, color: true, ..Style::default() };
/// assert!(style.bars && style.fold && !style.truecolor);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; no line is wider. Taken as 40 if less, as 1,000 if more.
    pub width: usize,
    /// Colours and faint text by ANSI escape sequences.
    pub color: bool,
    /// With `color`: 24-bit colours. Otherwise the nearest of the 256 indexed ones.
    pub truecolor: bool,
    /// A bar for each span on the trace's timeline.
    pub bars: bool,
    /// The column of durations, the time axis, and the total in the header.
    pub durations: bool,
    /// Attributes, abridged to the width.
    pub attributes: bool,
    /// Three or more siblings that look alike become one row with the slowest of them below it.
    pub fold: bool,
    /// The drawing itself keeps to ASCII; the spans' texts stay as they are.
    pub ascii: bool,
}

impl Default for Style {
    /// 80 columns, everything shown, no colour.
    fn default() -> Self {
        Style {
            width: 80,
            color: false,
            truecolor: false,
            bars: true,
            durations: true,
            attributes: true,
            fold: true,
            ascii: false,
        }
    }
}

impl Style {
    /// The narrowest drawing there is.
    pub const MIN_WIDTH: usize = 40;
    /// The widest drawing there is.
    pub const MAX_WIDTH: usize = 1_000;

    /// What suits a terminal of `width` columns, judged by its environment: no colour where
    /// `NO_COLOR` is set and not empty (<https://no-color.org>) or `TERM` is `dumb` or missing, 24-bit
    /// colour where `COLORTERM` is `truecolor` or `24bit` or `TERM` ends in `-direct`, else 256 colours.
    ///
    /// Variables are looked up through `variable`: this crate reads no environment of its own.
    ///
    /// ```
    /// use codomyrmex_draw::Style;
    /// let style = Style::for_terminal(100, |name| match name {
    ///     "TERM" => Some("xterm-256color".to_owned()),
    ///     "COLORTERM" => Some("truecolor".to_owned()),
    ///     _ => None,
    /// });
    /// assert!(style.color && style.truecolor);
    /// ```
    pub fn for_terminal(width: usize, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM");
        let color = set("NO_COLOR").is_none() && term.as_deref().is_some_and(|term| term != "dumb");
        let truecolor = color
            && (set("COLORTERM").is_some_and(|value| {
                value.eq_ignore_ascii_case("truecolor") || value.eq_ignore_ascii_case("24bit")
            }) || term.is_some_and(|term| term.ends_with("-direct")));
        Style {
            width,
            color,
            truecolor,
            ..Style::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> (bool, bool) {
        let style = Style::for_terminal(80, |name| {
            let pair = pairs.iter().find(|pair| pair.0 == name)?;
            Some(pair.1.to_owned())
        });
        (style.color, style.truecolor)
    }

    #[test]
    fn the_terminal_decides_the_colours() {
        assert_eq!(of(&[]), (false, false));
        assert_eq!(of(&[("TERM", "dumb")]), (false, false));
        assert_eq!(of(&[("TERM", "xterm")]), (true, false));
        assert_eq!(of(&[("TERM", "xterm"), ("NO_COLOR", "")]), (true, false));
        assert_eq!(of(&[("TERM", "xterm"), ("NO_COLOR", "1")]), (false, false));
        assert_eq!(
            of(&[("TERM", "xterm"), ("COLORTERM", "24bit")]),
            (true, true)
        );
        assert_eq!(of(&[("TERM", "xterm-direct")]), (true, true));
        assert_eq!(
            of(&[
                ("TERM", "xterm"),
                ("NO_COLOR", "1"),
                ("COLORTERM", "truecolor")
            ]),
            (false, false)
        );
    }
}
