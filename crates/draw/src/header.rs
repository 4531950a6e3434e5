use crate::DrawnSpan;
use crate::duration::{count, wide_duration};
use crate::forest::{Forest, Root};
use crate::glyphs::Glyphs;
use crate::hue::Hue;
use crate::line::{Line, Paint};
use crate::style::Style;
use crate::text::{columns, fit};
use std::collections::HashMap;

/// Lines of legend before the rest is only counted.
const LEGEND_LINES: usize = 4;

/// Draws what the whole trace comes to: its root, how long, how many.
pub(crate) fn headline(
    drawing: &mut String,
    spans: &[DrawnSpan],
    forest: &Forest,
    services: usize,
    length_ns: u128,
    style: &Style,
    glyphs: &Glyphs,
) {
    let errors = spans.iter().filter(|span| span.error.is_some()).count();
    let tops = |why| forest.roots.iter().filter(|root| root.1 == why).count();
    let mut facts = Vec::new();
    if style.durations {
        facts.push((Paint::Bold, plain_units(wide_duration(length_ns), style)));
    }
    facts.push((Paint::Plain, number(spans.len(), "span", "spans")));
    if services > 0 {
        facts.push((Paint::Plain, number(services, "service", "services")));
    }
    if tops(Root::True) > 1 {
        facts.push((Paint::Plain, number(tops(Root::True), "root", "roots")));
    }
    if tops(Root::Orphan) > 0 {
        facts.push((
            Paint::Plain,
            number(tops(Root::Orphan), "orphan", "orphans"),
        ));
    }
    if tops(Root::Cycle) > 0 {
        facts.push((Paint::Plain, number(tops(Root::Cycle), "cycle", "cycles")));
    }
    match errors {
        0 => facts.push((Paint::Plain, "no errors".to_owned())),
        _ => facts.push((
            Paint::Error,
            format!("{}{}", glyphs.error, number(errors, "error", "errors")),
        )),
    }

    let name = forest
        .roots
        .first()
        .map_or("", |&(root, _)| &spans[root].name);
    let told: usize = facts
        .iter()
        .map(|(_, fact)| columns(glyphs.dot) + columns(fact))
        .sum();
    let room = style.width.saturating_sub(told).max(style.width * 2 / 5);
    let mut line = Line::new(style);
    line.push(Paint::Bold, &fit(name, room, glyphs.cut));
    for (paint, fact) in &facts {
        if line.columns() + columns(glyphs.dot) + columns(fact) > style.width {
            std::mem::replace(&mut line, Line::new(style)).end(drawing);
        } else if line.columns() > 0 {
            line.push(Paint::Faint, glyphs.dot);
        }
        line.push(*paint, fact);
    }
    line.end(drawing);
}

/// Draws which colour is which service; the last line is left open, so that more can follow on it.
pub(crate) fn legend<'a>(
    drawing: &mut String,
    services: &[&str],
    hues: &HashMap<&str, Hue>,
    style: &'a Style,
    glyphs: &Glyphs,
) -> Line<'a> {
    let mut line = Line::new(style);
    let sign = if style.color { glyphs.service } else { "" };
    let between = if style.color { "  " } else { glyphs.dot };
    let mut lines = 1;
    for (place, service) in services.iter().enumerate() {
        let left = services.len() - place;
        // On the last line room stays for the count of those left out.
        let rest = match lines == LEGEND_LINES && left > 1 {
            true => columns(&more(left)) + columns(between),
            false => 0,
        };
        let shown = fit(service, style.width / 3, glyphs.cut);
        let takes = columns(sign) + columns(&shown);
        if line.columns() > 0 && line.columns() + columns(between) + takes + rest > style.width {
            if lines == LEGEND_LINES {
                line.push(Paint::Faint, between);
                line.push(Paint::Faint, &more(left));
                break;
            }
            std::mem::replace(&mut line, Line::new(style)).end(drawing);
            lines += 1;
        }
        if line.columns() > 0 {
            line.push(Paint::Faint, between);
        }
        let paint = hues
            .get(service)
            .map_or(Paint::Plain, |&hue| Paint::Service(hue));
        line.push(paint, sign);
        line.push(paint, &shown);
    }
    line
}

fn more(left: usize) -> String {
    format!("+{} more", count(left))
}

fn number(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Micro is written `u` where only ASCII is drawn.
pub(crate) fn plain_units(duration: String, style: &Style) -> String {
    match style.ascii {
        true => duration.replace('µ', "u"),
        false => duration,
    }
}
