use crate::hue::Hue;
use crate::style::Style;
use crate::text::columns;
use std::fmt::Write;

/// What a piece of a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Faint,
    /// Red, and only where a sign says the same.
    Error,
    ErrorText,
    Service(Hue),
    FaintService(Hue),
    /// Ground and figure exchanged, for bars that begin inside a column.
    Reversed(Hue),
}

/// One line of the drawing, piece by piece.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    style: &'a Style,
    text: String,
    columns: usize,
}

impl<'a> Line<'a> {
    pub(crate) fn new(style: &'a Style) -> Self {
        Line {
            style,
            text: String::new(),
            columns: 0,
        }
    }

    pub(crate) fn style(&self) -> &'a Style {
        self.style
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Adds a text that is already escaped and short enough.
    pub(crate) fn push(&mut self, paint: Paint, text: &str) {
        if text.is_empty() {
            return;
        }
        self.columns += columns(text);
        if !self.style.color || paint == Paint::Plain {
            self.text.push_str(text);
            return;
        }
        match paint {
            Paint::Plain => {}
            Paint::Bold => self.text.push_str("\x1b[1m"),
            Paint::Faint => self.text.push_str("\x1b[2m"),
            Paint::Error => self.text.push_str("\x1b[1;31m"),
            Paint::ErrorText => self.text.push_str("\x1b[31m"),
            Paint::Service(hue) => self.push_hue("", hue),
            Paint::FaintService(hue) => self.push_hue("2;", hue),
            Paint::Reversed(hue) => self.push_hue("7;", hue),
        }
        self.text.push_str(text);
        self.text.push_str("\x1b[0m");
    }

    fn push_hue(&mut self, before: &str, hue: Hue) {
        let [red, green, blue] = hue.rgb;
        let _ = if self.style.truecolor {
            write!(self.text, "\x1b[{before}38;2;{red};{green};{blue}m")
        } else {
            write!(self.text, "\x1b[{before}38;5;{}m", hue.indexed)
        };
    }

    /// Fills up with spaces to `column`.
    pub(crate) fn pad_to(&mut self, column: usize) {
        while self.columns < column {
            self.text.push(' ');
            self.columns += 1;
        }
    }

    /// Ends the line into `drawing`.
    pub(crate) fn end(self, drawing: &mut String) {
        drawing.push_str(self.text.trim_end_matches(' '));
        drawing.push('\n');
    }
}
