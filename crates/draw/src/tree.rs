use crate::DrawnSpan;
use crate::attribute::abridged;
use crate::axis::axis;
use crate::bar::{Look, Timeline};
use crate::duration::{count, wide_duration};
use crate::fold::Entry;
use crate::forest::{Forest, Root};
use crate::glyphs::{ASCII, Glyphs, UNICODE};
use crate::header::{headline, legend, plain_units};
use crate::hue::{Hue, by_service};
use crate::label::Label;
use crate::line::{Line, Paint};
use crate::rows::{Row, rows};
use crate::shape::NO_NAME;
use crate::style::Style;
use crate::text::{columns, fit, wrap};
use std::collections::HashMap;

/// Columns between the labels, the bars and the durations.
const GAP: usize = 2;
const WIDEST_BARS: usize = 100;
const ERROR_LINES: usize = 3;
/// Notes of one span before the rest is only counted.
const NOTES: usize = 8;

/// Draws spans as trees on one timeline, for people to read.
///
/// A headline and a legend of the services, then a row for each span: its name, its attributes, a
/// bar where it stands in time, fainter while its children ran, and how long it took; then its error
/// and notes. Siblings stand by start, then name.
///
/// Three or more siblings of one name, service and kind are folded into a row with their number, a
/// skyline of how many ran when, and the sum of their times; the slowest of them is drawn below.
/// Those with an error in or below them are kept apart from the others.
///
/// Spans whose parent is missing, and cycles of parents, are drawn at the top and say so. No line
/// is wider than [`Style::width`]; every line ends in a newline.
///
/// ```
/// use codomyrmex_draw::{DrawnSpan, Style, tree};
///
/// let spans = [
///     DrawnSpan { name: "checkout".into(), end_ns: 1_240_000_000, ..DrawnSpan::default() },
///     DrawnSpan {
///         name: "charge".into(),
///         start_ns: 310_000_000,
///         end_ns: 930_000_000,
///         parent: Some(0),
///         ..DrawnSpan::default()
///     },
/// ];
/// let style = Style { width: 60, bars: false, ..Style::default() };
/// assert_eq!(tree(&spans, &style), "\
/// checkout · 1.24 s · 2 spans · no errors
///
/// checkout   1.24 s
/// ╰─ charge  620 ms
/// ");
/// ```
pub fn tree(spans: &[DrawnSpan], style: &Style) -> String {
    if spans.is_empty() {
        return "no spans\n".to_owned();
    }
    let style = Style {
        width: style.width.clamp(Style::MIN_WIDTH, Style::MAX_WIDTH),
        ..style.clone()
    };
    Drawing::new(spans, &style).draw()
}

struct Drawing<'a> {
    spans: &'a [DrawnSpan],
    style: &'a Style,
    glyphs: &'static Glyphs,
    forest: Forest,
    /// In the order in which they first stand in the drawing.
    services: Vec<&'a str>,
    hues: HashMap<&'a str, Hue>,
    start_ns: u64,
    length_ns: u64,
}

/// Where the columns of the drawing stand.
struct Layout {
    label: usize,
    bars: usize,
    duration: usize,
}

impl<'a> Drawing<'a> {
    fn new(spans: &'a [DrawnSpan], style: &'a Style) -> Self {
        let forest = Forest::of(spans);
        let mut services: Vec<&str> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for span in forest.parents_first() {
            let service = spans[span].service.as_str();
            if !service.is_empty() && known.insert(service) {
                services.push(service);
            }
        }
        let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
        let end_ns = spans
            .iter()
            .map(|span| span.end_ns.max(span.start_ns))
            .max();
        Drawing {
            spans,
            style,
            glyphs: if style.ascii { &ASCII } else { &UNICODE },
            hues: by_service(&services),
            forest,
            services,
            start_ns,
            length_ns: end_ns.unwrap_or(0) - start_ns,
        }
    }

    fn draw(&self) -> String {
        let levels = self.style.width / 9;
        let rows = rows(
            self.spans,
            &self.forest,
            self.style.fold,
            levels,
            self.glyphs,
        );
        let durations: Vec<String> = rows.iter().map(|row| self.duration(row)).collect();
        let mut labels: Vec<Label> = rows.iter().map(|row| self.label(row)).collect();
        let layout = self.layout(&mut labels, &durations);
        let timeline = Timeline {
            start_ns: self.start_ns,
            length_ns: self.length_ns.max(1),
            columns: layout.bars,
        };
        let mut drawing = String::new();
        self.head(&mut drawing, &layout, &timeline);
        for ((row, label), duration) in rows.iter().zip(&labels).zip(&durations) {
            let mut line = Line::new(self.style);
            label.draw(&mut line, layout.label, self.glyphs);
            self.bar(&mut line, row, &layout, &timeline);
            if self.style.durations {
                line.pad_to(layout.end() - columns(duration));
                line.push(Paint::Plain, duration);
            }
            line.end(&mut drawing);
            self.details(&mut drawing, row, label);
        }
        drawing
    }

    fn head(&self, drawing: &mut String, layout: &Layout, timeline: &Timeline) {
        headline(
            drawing,
            self.spans,
            &self.forest,
            self.services.len(),
            u128::from(self.length_ns),
            self.style,
            self.glyphs,
        );
        let mut line = legend(drawing, &self.services, &self.hues, self.style, self.glyphs);
        if layout.bars > 0 && self.style.durations {
            if line.columns() > layout.label {
                std::mem::replace(&mut line, Line::new(self.style)).end(drawing);
            }
            line.pad_to(layout.label + GAP);
            axis(&mut line, timeline, layout.end(), self.glyphs);
        } else if line.columns() > 0 {
            std::mem::replace(&mut line, Line::new(self.style)).end(drawing);
        }
        line.end(drawing);
    }

    fn label(&self, row: &Row) -> Label {
        let span = &self.spans[row.span()];
        let mut label = Label {
            stem: row.stem.clone(),
            failed: row.failed,
            ..Label::default()
        };
        match &row.entry {
            Entry::Slowest(_) => {
                label.name = "slowest".to_owned();
                label.name_paint = Some(Paint::Faint);
            }
            Entry::One(_) | Entry::Many(_) => {
                label.name = fit(&span.name, self.style.width, self.glyphs.cut);
                if !matches!(span.kind, "" | "internal") {
                    label.kind = fit(span.kind, self.style.width, self.glyphs.cut);
                }
                if row.root == Some(Root::True) && row.spans().len() == 1 {
                    label.name_paint = Some(Paint::Bold);
                }
                if span.name.is_empty() {
                    label.name = NO_NAME.to_owned();
                    label.name_paint = Some(Paint::Faint);
                }
                if self.crosses(row) {
                    label.service = fit(&span.service, self.style.width / 4, self.glyphs.cut);
                    label.hue = self.hue(row);
                }
            }
        }
        if let Entry::Many(group) = &row.entry {
            label.number = format!(" {}{}", self.glyphs.times, count(group.len()));
            if row.below > 0 {
                label.kind = format!("+{} below", count(row.below));
            }
        } else if self.style.attributes {
            label.attribute_count = span.attributes.len();
            label.attributes = abridged(&span.attributes, self.style, self.glyphs.cut);
        }
        label
    }

    /// The row's service is another than that of the row above it.
    fn crosses(&self, row: &Row) -> bool {
        let span = &self.spans[row.span()];
        let above = match row.root {
            None => span
                .parent
                .map(|parent| self.spans[parent].service.as_str()),
            Some(_) => None,
        };
        self.services.len() > 1 && above != Some(span.service.as_str())
    }

    fn hue(&self, row: &Row) -> Option<Hue> {
        self.hues
            .get(self.spans[row.span()].service.as_str())
            .copied()
    }

    fn duration(&self, row: &Row) -> String {
        let shown = match &row.entry {
            Entry::One(span) | Entry::Slowest(span) => {
                let span = &self.spans[*span];
                let took = wide_duration(u128::from(span.start_ns.abs_diff(span.end_ns)));
                match span.end_ns < span.start_ns {
                    true => format!("-{took}"),
                    false => took,
                }
            }
            Entry::Many(group) => {
                let took = |&span: &usize| {
                    let span = &self.spans[span];
                    u128::from(span.end_ns.saturating_sub(span.start_ns))
                };
                let sum = group.iter().map(took).sum();
                format!("{}{}", self.glyphs.sum, wide_duration(sum))
            }
        };
        plain_units(shown, self.style)
    }

    fn layout(&self, labels: &mut [Label], durations: &[String]) -> Layout {
        let widest = durations.iter().map(|text| columns(text)).max();
        let duration = match self.style.durations {
            true => widest.unwrap_or(0),
            false => 0,
        };
        let mut room = self.style.width;
        if self.style.durations {
            room -= duration + GAP;
        }
        let most = match (self.style.bars, room) {
            (false, _) => room,
            (true, 0..40) => room - GAP - 8,
            (true, 40..60) => room - GAP - 14,
            (true, _) => (room - GAP) * 3 / 5,
        };
        let need = labels.iter_mut().map(|label| label.settle(most)).max();
        let label = need.unwrap_or(0).min(most);
        let bars = match self.style.bars {
            true => (room - GAP - label).min(WIDEST_BARS),
            false => 0,
        };
        Layout {
            label,
            bars,
            duration,
        }
    }

    fn bar(&self, line: &mut Line<'_>, row: &Row, layout: &Layout, timeline: &Timeline) {
        if layout.bars == 0 {
            return;
        }
        line.pad_to(layout.label + GAP);
        let times = |&span: &usize| (self.spans[span].start_ns, self.spans[span].end_ns);
        let hue = self.hue(row).filter(|_| self.style.color);
        let look = match (self.style.ascii, hue) {
            (true, _) => Look::Ascii,
            (false, Some(_)) => Look::Colored,
            (false, None) => Look::Plain,
        };
        match &row.entry {
            Entry::One(span) | Entry::Slowest(span) => {
                let children = self.forest.children[*span].iter().map(times);
                timeline.bar(line, times(span), children, hue, look);
            }
            Entry::Many(group) => {
                timeline.skyline(line, group.iter().map(times), hue, self.glyphs);
            }
        }
    }

    /// What is told about a row on lines of their own: why it stands at the top, attributes that found no room
    /// beside it, its error, its notes.
    fn details(&self, drawing: &mut String, row: &Row, label: &Label) {
        let room = self.style.width - columns(&row.hang);
        let begin = || {
            let mut line = Line::new(self.style);
            line.push(Paint::Faint, &row.hang);
            line
        };
        let tell = |drawing: &mut String, sign: &str, paint: Paint, text: &str| {
            let mut line = begin();
            line.push(paint, sign);
            line.push(paint, text);
            line.end(drawing);
        };
        match row.root {
            Some(Root::Orphan) => {
                let what = match row.spans().len() {
                    1 => "its parent is not in this trace",
                    _ => "their parents are not in this trace",
                };
                tell(drawing, "", Paint::Faint, &fit(what, room, self.glyphs.cut));
            }
            Some(Root::Cycle) => {
                let what = "its parent is one of the spans below it, or itself";
                tell(drawing, "", Paint::Faint, &fit(what, room, self.glyphs.cut));
            }
            Some(Root::True) | None => {}
        }
        if label.service_below {
            let paint = label.hue.map_or(Paint::Plain, Paint::Service);
            tell(
                drawing,
                "",
                paint,
                &fit(&label.service, room, self.glyphs.cut),
            );
        }
        if let Entry::Many(_) = row.entry {
            return;
        }
        if !label.attributes.is_empty() && !label.beside {
            let mut line = begin();
            label.draw_attributes(&mut line, self.style.width, self.glyphs);
            line.end(drawing);
        }
        let span = &self.spans[row.span()];
        let sign = columns(self.glyphs.error);
        let message = span.error.as_deref().unwrap_or_default();
        let lines = wrap(message, room - sign, ERROR_LINES, self.glyphs.cut);
        for (place, text) in lines.iter().enumerate() {
            let sign = if place == 0 { self.glyphs.error } else { "  " };
            tell(drawing, sign, Paint::ErrorText, text);
        }
        for note in span.notes.iter().take(NOTES) {
            let text = fit(note, room - columns(self.glyphs.note), self.glyphs.cut);
            tell(drawing, self.glyphs.note, Paint::Faint, &text);
        }
        if span.notes.len() > NOTES {
            let more = format!("+{} more", count(span.notes.len() - NOTES));
            tell(drawing, self.glyphs.note, Paint::Faint, &more);
        }
    }
}

impl Layout {
    fn end(&self) -> usize {
        let bars = if self.bars > 0 { self.bars + GAP } else { 0 };
        self.label + bars + GAP + self.duration
    }
}
