use crate::glyphs::Glyphs;
use crate::hue::Hue;
use crate::line::{Line, Paint};

const LEFT: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/// The trace's time laid out over a number of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    pub(crate) start_ns: u64,
    /// At least 1.
    pub(crate) length_ns: u64,
    pub(crate) columns: usize,
}

impl Timeline {
    /// Where a time stands, in eighths of a column.
    fn eighth(&self, ns: u64) -> usize {
        let offset = u128::from(ns.saturating_sub(self.start_ns));
        let eighths = self.columns as u128 * 8;
        let length = u128::from(self.length_ns);
        ((offset * eighths + length / 2) / length).min(eighths) as usize
    }

    /// Begin and end of a bar in eighths of a column, never empty.
    fn eighths(&self, start_ns: u64, end_ns: u64) -> (usize, usize) {
        let begin = self.eighth(start_ns).min(self.columns * 8 - 1);
        (begin, self.eighth(end_ns).max(begin + 1))
    }

    /// Draws one span's bar; where its children ran (`children`, by start) it is fainter, so that the time
    /// spent in the span itself stands out.
    pub(crate) fn bar(
        &self,
        line: &mut Line<'_>,
        times: (u64, u64),
        children: impl Iterator<Item = (u64, u64)>,
        hue: Option<Hue>,
        look: Look,
    ) {
        let (begin, end) = self.eighths(times.0, times.1);
        let covered = self.covered(children);
        line.pad_to(line.columns() + begin / 8);
        // Neighbours of one paint go out as one piece.
        let mut piece = (Paint::Plain, String::new());
        for (column, covered) in covered
            .iter()
            .enumerate()
            .take(end.div_ceil(8))
            .skip(begin / 8)
        {
            let from = begin.saturating_sub(column * 8);
            let to = (end - column * 8).min(8);
            let waits = covered * 2 > to - from;
            let (glyph, reversed) = look.part(from, to, waits);
            let paint = match (hue, reversed, waits) {
                (None, _, _) => Paint::Plain,
                (Some(hue), false, false) => Paint::Service(hue),
                (Some(hue), true, false) => Paint::Reversed(hue),
                (Some(hue), _, true) => Paint::FaintService(hue),
            };
            if paint != piece.0 {
                line.push(piece.0, &piece.1);
                piece = (paint, String::new());
            }
            piece.1.push_str(glyph);
        }
        line.push(piece.0, &piece.1);
    }

    /// For each column, how many of its eighths these times cover together.
    fn covered(&self, times: impl Iterator<Item = (u64, u64)>) -> Vec<usize> {
        let mut columns = vec![0; self.columns];
        let mut reached = 0;
        for (start_ns, end_ns) in times {
            let begin = self.eighth(start_ns).max(reached);
            let end = self.eighth(end_ns);
            for eighth in begin..end {
                columns[eighth / 8] += 1;
            }
            reached = reached.max(end);
        }
        columns
    }

    /// Draws many spans as one skyline: how many of them ran in each column, against the most.
    pub(crate) fn skyline(
        &self,
        line: &mut Line<'_>,
        times: impl Iterator<Item = (u64, u64)>,
        hue: Option<Hue>,
        glyphs: &Glyphs,
    ) {
        let busy = self.busy(times);
        let most = busy.iter().copied().max().unwrap_or(0).max(1);
        let idle = busy.iter().take_while(|&&ns| ns == 0).count();
        let end = busy
            .iter()
            .rposition(|&ns| ns > 0)
            .map_or(idle, |last| last + 1);
        let height = |&ns: &u128| match (ns * 8).div_ceil(most) {
            0 => " ",
            height => glyphs.heights[height as usize - 1],
        };
        let skyline: String = busy[idle..end].iter().map(height).collect();
        line.pad_to(line.columns() + idle);
        line.push(hue.map_or(Paint::Plain, Paint::Service), &skyline);
    }

    /// For each column, the nanoseconds that these times spent in it together.
    fn busy(&self, times: impl Iterator<Item = (u64, u64)>) -> Vec<u128> {
        let length = u128::from(self.length_ns);
        let count = self.columns as u128;
        // A time's column times `length`, so that columns have whole numbers for edges.
        let scaled = |ns: u64| u128::from(ns.saturating_sub(self.start_ns)).min(length) * count;
        let mut busy = vec![0; self.columns];
        let mut passing = vec![0_i64; self.columns + 1];
        for (start_ns, end_ns) in times {
            let begin = scaled(start_ns).min(length * count - 1);
            let end = scaled(end_ns).max(begin + 1);
            let (first, last) = ((begin / length) as usize, ((end - 1) / length) as usize);
            if first == last {
                busy[first] += end - begin;
                continue;
            }
            busy[first] += (first as u128 + 1) * length - begin;
            busy[last] += end - last as u128 * length;
            passing[first + 1] += 1;
            passing[last] -= 1;
        }
        let mut running = 0;
        for (busy, passing) in busy.iter_mut().zip(passing) {
            running += passing;
            *busy += u128::from(running.unsigned_abs()) * length;
        }
        busy
    }
}

/// What bars can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Ascii,
    /// Both ends to an eighth of a column: with figure and ground exchanged for the left one.
    Colored,
    /// The left end to the nearest of the three blocks that hang on the right of a column.
    Plain,
}

impl Look {
    /// The glyph that fills a column's eighths `from..to`, and whether it is to be reversed.
    fn part(self, from: usize, to: usize, waits: bool) -> (&'static str, bool) {
        let filled = to - from;
        // A bar that touches neither edge is moved to the nearer one.
        let hangs_right = from > 0 && from + to > 8;
        let glyph = match (self, hangs_right) {
            (Look::Ascii, _) => match (filled, waits) {
                (0..=3, _) => "|",
                (_, true) => "-",
                (_, false) => "#",
            },
            (Look::Plain, _) if waits && filled > 4 => "░",
            (_, false) => LEFT[filled],
            // Terminals disagree about what is faint when faint text is reversed.
            (Look::Colored, true) if !waits => return (LEFT[8 - filled], true),
            (_, true) => match filled {
                0..=2 => "▕",
                3..=6 => "▐",
                _ => "█",
            },
        };
        (glyph, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::UNICODE;
    use crate::hue::HUES;
    use crate::style::Style;

    const TIMELINE: Timeline = Timeline {
        start_ns: 1_000,
        length_ns: 80,
        columns: 10,
    };

    fn drawn(times: (u64, u64), children: &[(u64, u64)], hue: Option<Hue>, look: Look) -> String {
        let style = Style {
            color: hue.is_some(),
            ..Style::default()
        };
        let mut line = Line::new(&style);
        TIMELINE.bar(&mut line, times, children.iter().copied(), hue, look);
        let mut drawing = String::new();
        line.end(&mut drawing);
        drawing.trim_end_matches('\n').to_owned()
    }

    #[test]
    fn bars_end_to_an_eighth() {
        for (times, bar) in [
            ((1_000, 1_080), "██████████"),
            ((1_000, 1_001), "▏"),
            ((1_000, 1_013), "█▋"),
            ((1_016, 1_035), "  ██▍"),
            ((1_020, 1_036), "  ▐█▌"),
            ((1_023, 1_032), "  ▕█"),
            ((1_040, 1_040), "     ▏"),
            ((1_080, 1_080), "         ▕"),
            ((1_040, 0), "     ▏"),
            ((1_072, u64::MAX), "         █"),
        ] {
            assert_eq!(drawn(times, &[], None, Look::Plain), bar, "{times:?}");
        }
    }

    #[test]
    fn colored_bars_begin_to_an_eighth() {
        let hue = HUES[0];
        assert_eq!(
            drawn((1_003, 1_016), &[], Some(hue), Look::Colored),
            "\u{1b}[7;38;5;38m▍\u{1b}[0m\u{1b}[38;5;38m█\u{1b}[0m"
        );
    }

    #[test]
    fn time_in_children_is_fainter() {
        let children = [(1_008, 1_040), (1_016, 1_024), (1_064, 1_072)];
        let times = (1_000, 1_080);
        assert_eq!(drawn(times, &children, None, Look::Plain), "█░░░░███░█");
        assert_eq!(drawn(times, &children, None, Look::Ascii), "#----###-#");
    }

    fn skyline(times: &[(u64, u64)]) -> String {
        let style = Style::default();
        let mut line = Line::new(&style);
        TIMELINE.skyline(&mut line, times.iter().copied(), None, &UNICODE);
        let mut drawing = String::new();
        line.end(&mut drawing);
        drawing.trim_end_matches('\n').to_owned()
    }

    #[test]
    fn a_skyline_is_as_high_as_it_is_busy() {
        assert_eq!(skyline(&[(1_008, 1_024)]), " ██");
        let four = [
            (1_000, 1_080),
            (1_000, 1_040),
            (1_008, 1_024),
            (1_012, 1_020),
        ];
        assert_eq!(skyline(&four), "▅██▅▅▃▃▃▃▃");
        assert_eq!(skyline(&[(1_000, 1_008), (1_040, 1_048)]), "█    █");
        assert_eq!(skyline(&[(1_080, 1_080)]), "         █");
        assert_eq!(skyline(&[]), "");
    }
}
