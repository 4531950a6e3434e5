//! What a tree says, row by row.

use codomyrmex_draw::{DrawnSpan, Style, tree};

fn span(name: &str, parent: Option<usize>, start_ns: u64, end_ns: u64) -> DrawnSpan {
    DrawnSpan {
        name: name.into(),
        start_ns,
        end_ns,
        parent,
        ..DrawnSpan::default()
    }
}

/// The rows below the head, without bars.
fn rows(spans: &[DrawnSpan], style: &Style) -> String {
    let style = Style {
        bars: false,
        ..style.clone()
    };
    let drawing = tree(spans, &style);
    let (_, rows) = drawing
        .split_once("\n\n")
        .expect("a blank line below the head");
    rows.to_owned()
}

fn calls() -> Vec<DrawnSpan> {
    let mut spans = vec![span("root", None, 0, 900)];
    for number in 0..5 {
        spans.push(span(
            "call",
            Some(0),
            number * 100,
            number * 100 + 50 + number,
        ));
    }
    spans
}

#[test]
fn look_alikes_are_folded_and_the_slowest_is_shown() {
    assert_eq!(
        rows(&calls(), &Style::default()),
        "\
root             900 ns
╰─ call ×5     Σ 260 ns
   ╰┄ slowest     54 ns
"
    );
}

#[test]
fn folding_can_be_turned_off() {
    let style = Style {
        fold: false,
        ..Style::default()
    };
    assert_eq!(
        rows(&calls(), &style),
        "\
root     900 ns
├─ call   50 ns
├─ call   51 ns
├─ call   52 ns
├─ call   53 ns
╰─ call   54 ns
"
    );
}

#[test]
fn an_error_below_a_folded_row_shows_on_it() {
    let mut spans = calls();
    for parent in 1..5 {
        let mut inner = span("inner", Some(parent), 0, 1);
        inner.error = Some(String::new());
        spans.push(inner);
    }
    assert_eq!(
        rows(&spans, &Style::default()),
        "\
root                      900 ns
├─ ✗ call ×4  +4 below  Σ 206 ns
│  ╰┄ slowest              53 ns
│     ╰─ ✗ inner            1 ns
╰─ call                    54 ns
"
    );
}

#[test]
fn only_errors_are_red_and_each_has_its_sign() {
    let mut spans = calls();
    spans[2].error = Some("refused".into());
    let style = Style {
        color: true,
        ..Style::default()
    };
    for line in tree(&spans, &style).lines() {
        assert_eq!(line.contains("31m"), line.contains('✗'), "{line}");
    }
}

#[test]
fn a_service_is_named_where_it_changes() {
    let mut spans = vec![
        span("a", None, 0, 9),
        span("b", Some(0), 0, 9),
        span("c", Some(1), 0, 9),
        span("d", Some(2), 0, 9),
    ];
    for (span, service) in spans.iter_mut().zip(["shop", "shop", "pay", "pay"]) {
        span.service = service.into();
    }
    let drawing = tree(
        &spans,
        &Style {
            bars: false,
            ..Style::default()
        },
    );
    assert_eq!(
        drawing,
        "\
a · 9 ns · 4 spans · 2 services · no errors
shop · pay

shop › a       9 ns
╰─ b           9 ns
   ╰─ pay › c  9 ns
      ╰─ d     9 ns
"
    );
}

#[test]
fn orphans_and_cycles_say_so() {
    let mut spans = vec![
        span("lost", None, 0, 5),
        span("hen", Some(2), 1, 4),
        span("egg", Some(1), 2, 3),
    ];
    spans[0].missing_parent = true;
    assert_eq!(
        tree(
            &spans,
            &Style {
                bars: false,
                durations: false,
                ..Style::default()
            }
        ),
        "\
lost · 3 spans · 1 orphan · 1 cycle · no errors

lost
   its parent is not in this trace
hen
│  its parent is one of the spans below it, or itself
╰─ egg
"
    );
}

#[test]
fn attributes_that_find_no_room_are_counted() {
    let mut spans = vec![span("root", None, 0, 5)];
    spans[0].attributes = (0..9)
        .map(|number| (format!("key{number}"), "a value of some length".to_owned()))
        .collect();
    let rows = rows(&spans, &Style::default());
    assert!(
        rows.lines().nth(1).is_some_and(|row| row.ends_with(" +7")),
        "{rows}"
    );
    let style = Style {
        attributes: false,
        ..Style::default()
    };
    assert!(!tree(&spans, &style).contains("key"));
}

#[test]
fn many_notes_are_counted() {
    let mut spans = vec![span("root", None, 0, 5)];
    spans[0].notes = (0..128).map(|number| format!("note {number}")).collect();
    let rows = rows(&spans, &Style::default());
    assert_eq!(rows.lines().count(), 10);
    assert!(rows.ends_with("• +120 more\n"), "{rows}");
}
