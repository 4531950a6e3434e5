use crate::glyphs::Glyphs;
use crate::hue::Hue;
use crate::line::{Line, Paint};
use crate::text::{columns, fit};

/// Between a name and what stands beside it.
const GAP: usize = 2;
/// A name gives way to its service's as long as it has these columns itself.
const SHORTEST_NAME: usize = 8;

/// The text of a row: the tree's lines, the name, and what stands beside it.
#[derive(Debug, Default)]
pub(crate) struct Label {
    pub(crate) stem: String,
    pub(crate) failed: bool,
    /// Empty where it is that of the parent.
    pub(crate) service: String,
    /// There is no room for the service before the name.
    pub(crate) service_below: bool,
    pub(crate) hue: Option<Hue>,
    pub(crate) name: String,
    pub(crate) name_paint: Option<Paint>,
    /// How many spans were folded.
    pub(crate) number: String,
    /// Left out first where there is little room.
    pub(crate) kind: String,
    pub(crate) attributes: Vec<String>,
    /// How many attributes the span has.
    pub(crate) attribute_count: usize,
    /// The attributes stand beside the name, not below it.
    pub(crate) beside: bool,
}

impl Label {
    /// Decides where the attributes stand if `most` columns are the limit, and tells how many it wants.
    pub(crate) fn settle(&mut self, most: usize) -> usize {
        let kind = match self.kind.is_empty() {
            true => 0,
            false => GAP + columns(&self.kind),
        };
        let name = columns(&self.name);
        self.service_below =
            !self.service.is_empty() && self.fixed() + name.min(SHORTEST_NAME) > most;
        let base = self.fixed() + name + kind;
        let attributes: usize = self.attributes.iter().map(|text| 1 + columns(text)).sum();
        self.beside = attributes > 0
            && self.attributes.len() == self.attribute_count
            && base + GAP - 1 + attributes <= most;
        match self.beside {
            true => base + GAP - 1 + attributes,
            false => base,
        }
    }

    /// Columns of what is never cut.
    fn fixed(&self) -> usize {
        let service = match self.service.is_empty() || self.service_below {
            true => 0,
            false => columns(&self.service) + 3,
        };
        columns(&self.stem) + 2 * usize::from(self.failed) + service + columns(&self.number)
    }

    /// Draws the label within `room` columns.
    pub(crate) fn draw(&self, line: &mut Line<'_>, room: usize, glyphs: &Glyphs) {
        let put = |line: &mut Line<'_>, paint, text: &str| {
            let left = room.saturating_sub(line.columns());
            line.push(paint, &fit(text, left, glyphs.cut));
        };
        put(line, Paint::Faint, &self.stem);
        if self.failed {
            put(line, Paint::Error, glyphs.error);
        }
        if !self.service.is_empty() && !self.service_below {
            put(
                line,
                self.hue.map_or(Paint::Plain, Paint::Service),
                &self.service,
            );
            put(line, Paint::Faint, glyphs.boundary);
        }
        let paint = match self.failed {
            true => Paint::Error,
            false => self.name_paint.unwrap_or(Paint::Plain),
        };
        let left = room.saturating_sub(self.fixed());
        line.push(paint, &fit(&self.name, left, glyphs.cut));
        put(line, Paint::Bold, &self.number);
        if !self.kind.is_empty() && line.columns() + GAP + columns(&self.kind) <= room {
            line.pad_to(line.columns() + GAP);
            line.push(Paint::Faint, &self.kind);
        }
        if self.beside {
            line.pad_to(line.columns() + GAP);
            self.draw_attributes(line, room, glyphs);
        }
    }

    /// Draws as many attributes as fit up to column `end`, and counts the others.
    pub(crate) fn draw_attributes(&self, line: &mut Line<'_>, end: usize, glyphs: &Glyphs) {
        let mut shown = String::new();
        for (place, text) in self.attributes.iter().enumerate() {
            let left = self.attribute_count - place;
            let more = format!("+{left}");
            let room = end.saturating_sub(line.columns() + columns(&shown));
            // After all but the last, a count of those left out must still fit.
            let rest = match left {
                1 => 0,
                _ => 1 + columns(&more),
            };
            let gap = usize::from(place > 0);
            if gap + columns(text) + rest <= room {
                shown.push_str(&" "[..gap]);
                shown.push_str(text);
                continue;
            }
            if place == 0 {
                shown.push_str(&fit(text, room.saturating_sub(rest), glyphs.cut));
                if left > 1 {
                    shown.push_str(&format!(" +{}", left - 1));
                }
            } else {
                shown.push(' ');
                shown.push_str(&more);
            }
            break;
        }
        line.push(Paint::Faint, &shown);
    }
}
