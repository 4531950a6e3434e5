//! Drawings held as files in `tests/golden`, as a terminal gets them.
//!
//! After a change that is meant to be seen, write them anew and look at the difference:
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test -p codomyrmex-draw --test golden
//! git diff crates/draw/tests/golden
//! ```
//!
//! Without the variable the test only compares. `cat` shows a file with its colours.

mod samples;

use codomyrmex_draw::{DrawnSpan, Style, shape, tree};
use std::path::PathBuf;

fn compare(name: &str, drawn: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, drawn).expect("the golden file can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (drawn, golden)) in drawn.lines().zip(golden.lines()).enumerate() {
        assert_eq!(drawn, golden, "{name}, line {}", number + 1);
    }
    assert_eq!(drawn, golden, "{name}: length or end");
}

fn compare_widths(name: &str, spans: &[DrawnSpan]) {
    for width in [80, 200] {
        for color in [false, true] {
            let style = Style {
                width,
                color,
                ..Style::default()
            };
            let look = if color { "color" } else { "plain" };
            compare(&format!("{name}-{width}-{look}"), &tree(spans, &style));
        }
    }
}

#[test]
fn a_trace_of_three_services() {
    compare_widths("index", &samples::index());
}

#[test]
fn a_trace_with_everything_that_can_be_wrong() {
    compare_widths("broken", &samples::broken());
}

#[test]
fn the_narrowest() {
    let style = Style {
        width: 40,
        ..Style::default()
    };
    compare("index-40-plain", &tree(&samples::index(), &style));
    compare("broken-40-plain", &tree(&samples::broken(), &style));
}

#[test]
fn without_what_can_be_left_out() {
    let bare = Style {
        bars: false,
        durations: false,
        attributes: false,
        ..Style::default()
    };
    compare("index-80-bare", &tree(&samples::index(), &bare));
    let ascii = Style {
        ascii: true,
        ..Style::default()
    };
    let drawn = tree(&samples::index(), &ascii);
    assert!(drawn.is_ascii(), "{drawn}");
    compare("index-80-ascii", &drawn);
    let truecolor = Style {
        color: true,
        truecolor: true,
        ..Style::default()
    };
    compare("index-80-truecolor", &tree(&samples::index(), &truecolor));
}

#[test]
fn shapes() {
    compare("broken-shape", &shape(&samples::broken(), &["user", "key"]));
}
