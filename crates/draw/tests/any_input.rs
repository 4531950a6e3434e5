//! Whatever the input: no panic, no line too wide, nothing that acts on the terminal.

use codomyrmex_draw::{DrawnSpan, Style, escape, shape, tree};
use proptest::prelude::*;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z /.=\"]{0,12}",
        2 => any::<String>(),
        1 => "[日本語한글ｆ]{1,30}",
        1 => "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}]{1,9}",
        1 => "[#0-9*❤☎👩💻🏽🇩🇪\u{200d}\u{fe0e}\u{fe0f}\u{20e3}\u{301}\u{338}<=>لاក្ក]{1,20}",
        1 => Just("\u{301}".repeat(1_000)),
        1 => Just("huge ".repeat(1_000)),
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        0..2_000_u64,
        any::<u64>()
    ]
}

fn span() -> impl Strategy<Value = DrawnSpan> {
    let name = prop_oneof![Just("same".to_owned()), text()];
    let service = prop_oneof![
        Just(String::new()),
        Just("a".to_owned()),
        Just("b".to_owned()),
        text()
    ];
    let kind = prop::sample::select(vec!["", "internal", "server", "a\nkind 日本"]);
    (
        (name, service, kind, time(), time()),
        prop::option::weighted(0.2, text()),
        prop::collection::vec((text(), text()), 0..4),
        prop::collection::vec(text(), 0..3),
        prop::option::weighted(0.8, 0..26_usize),
        any::<bool>(),
    )
        .prop_map(
            |((name, service, kind, start_ns, end_ns), error, attributes, notes, parent, lost)| {
                DrawnSpan {
                    name,
                    service,
                    kind,
                    start_ns,
                    end_ns,
                    error,
                    attributes,
                    notes,
                    parent,
                    missing_parent: lost && parent.is_none(),
                }
            },
        )
}

fn spans() -> impl Strategy<Value = Vec<DrawnSpan>> {
    // Parents reach beyond the slice now and then.
    prop::collection::vec(span(), 0..24)
}

fn style() -> impl Strategy<Value = Style> {
    (
        prop_oneof![Just(0), Just(40), Just(80), 30..260_usize],
        any::<[bool; 7]>(),
    )
        .prop_map(|(width, flags)| Style {
            width,
            color: flags[0],
            truecolor: flags[1],
            bars: flags[2],
            durations: flags[3],
            attributes: flags[4],
            fold: flags[5],
            ascii: flags[6],
        })
}

/// The line without its colours; fails on any other control character.
fn bare(line: &str) -> String {
    let mut bare = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("\x1b[") {
        let end = start + rest[start..].find('m').expect("a colour ends");
        let codes = &rest[start + 2..end];
        assert!(
            codes.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{line:?}"
        );
        bare.push_str(&rest[..start]);
        rest = &rest[end + 1..];
    }
    bare.push_str(rest);
    assert_eq!(escape(&bare), bare, "something acts on the terminal");
    bare
}

fn check(spans: &[DrawnSpan], style: &Style) {
    let drawing = tree(spans, style);
    assert!(drawing.ends_with('\n'));
    if !style.color {
        assert!(!drawing.contains('\x1b'));
    }
    let width = style.width.max(Style::MIN_WIDTH);
    for line in drawing.lines() {
        let line = bare(line);
        let apart: usize = line.chars().map(|c| c.width().unwrap_or(0)).sum();
        assert!(line.width() <= width && apart <= width, "{width}: {line:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_too_wide(spans in spans(), style in style()) {
        check(&spans, &style);
    }

    #[test]
    fn every_span_has_its_line_in_a_shape(spans in spans()) {
        let drawn = shape(&spans, &["k"]);
        prop_assert_eq!(drawn.lines().count(), spans.len());
        for line in drawn.lines() {
            bare(line);
        }
    }
}

fn chain(length: usize) -> Vec<DrawnSpan> {
    let link = |place: usize| DrawnSpan {
        name: "link".into(),
        start_ns: place as u64,
        end_ns: u64::MAX - place as u64,
        parent: place.checked_sub(1),
        ..DrawnSpan::default()
    };
    (0..length).map(link).collect()
}

#[test]
fn a_very_deep_trace() {
    let spans = chain(20_000);
    for width in [40, 80] {
        check(
            &spans,
            &Style {
                width,
                ..Style::default()
            },
        );
    }
    assert_eq!(shape(&spans, &[]).lines().count(), spans.len());
}

#[test]
fn a_very_broad_trace() {
    let mut spans = chain(20_000);
    for span in &mut spans[1..] {
        span.parent = Some(0);
    }
    check(&spans, &Style::default());
    let unfolded = Style {
        fold: false,
        ..Style::default()
    };
    check(&spans, &unfolded);
    assert!(tree(&spans, &Style::default()).lines().count() < 10);
    assert!(tree(&spans, &unfolded).lines().count() > spans.len());
}

#[test]
fn a_very_long_cycle() {
    let mut spans = chain(20_000);
    spans[0].parent = Some(19_999);
    check(&spans, &Style::default());
}

#[test]
fn many_services_and_many_attributes() {
    let mut spans = chain(300);
    for (place, span) in spans.iter_mut().enumerate() {
        span.service = format!("service-{place}");
        span.parent = None;
        span.attributes = vec![("key".into(), "value".into()); 10_000];
    }
    for width in [40, 80, 200] {
        let style = Style {
            width,
            ..Style::default()
        };
        check(&spans, &style);
        let drawing = tree(&spans, &style);
        assert!(drawing.contains("more"), "{}", &drawing[..500]);
    }
}

#[test]
fn nothing_to_draw() {
    assert_eq!(tree(&[], &Style::default()), "no spans\n");
    assert_eq!(shape(&[], &[]), "");
}
