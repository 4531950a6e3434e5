//! What standard output is: how wide, and whether it has colours.

use std::io::{IsTerminal, stdout};

use codomyrmex_draw::Style;

use crate::cli::Color;

/// Columns where nothing says how many there are.
const WIDTH: usize = 80;

/// How to draw on standard output.
pub(crate) fn style(color: Color, width: Option<usize>) -> Style {
    let on_terminal = stdout().is_terminal();
    let terminal = terminal_size::terminal_size().filter(|_| on_terminal);
    let terminal = terminal.map(|(width, _)| usize::from(width.0));
    choose(color, width, on_terminal, terminal, |name| {
        std::env::var(name).ok()
    })
}

fn choose(
    color: Color,
    width: Option<usize>,
    on_terminal: bool,
    terminal: Option<usize>,
    variable: impl Fn(&str) -> Option<String>,
) -> Style {
    let columns = variable("COLUMNS").and_then(|columns| columns.trim().parse().ok());
    let width = width
        .or(columns)
        .or(terminal)
        .filter(|&width| width > 0)
        .unwrap_or(WIDTH);
    let style = Style::for_terminal(width, variable);
    Style {
        color: match color {
            Color::Auto => style.color && on_terminal,
            Color::Always => true,
            Color::Never => false,
        },
        ..style
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        }
    }

    #[test]
    fn an_option_wins_over_columns_and_columns_over_the_terminal() {
        let width =
            |option, terminal, columns| choose(Color::Auto, option, true, terminal, columns).width;
        assert_eq!(width(Some(50), Some(60), with(&[("COLUMNS", "70")])), 50);
        assert_eq!(width(None, Some(60), with(&[("COLUMNS", "70")])), 70);
        assert_eq!(width(None, Some(60), with(&[("COLUMNS", "wide")])), 60);
        assert_eq!(width(None, Some(60), with(&[])), 60);
        assert_eq!(width(None, None, with(&[])), WIDTH);
        assert_eq!(width(None, Some(0), with(&[])), WIDTH);
    }

    #[test]
    fn colours_are_for_terminals() {
        let colours = |color, on_terminal, variables| {
            choose(color, None, on_terminal, None, with(variables)).color
        };
        let term: &[_] = &[("TERM", "xterm")];
        let plain: &[_] = &[("TERM", "xterm"), ("NO_COLOR", "1")];
        assert!(colours(Color::Auto, true, term));
        assert!(!colours(Color::Auto, false, term));
        assert!(!colours(Color::Auto, true, plain));
        assert!(!colours(Color::Never, true, term));
        assert!(colours(Color::Always, false, plain));
    }
}
