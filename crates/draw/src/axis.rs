use crate::bar::Timeline;
use crate::duration::UNITS;
use crate::glyphs::Glyphs;
use crate::header::plain_units;
use crate::line::{Line, Paint};
use crate::text::columns;

/// Draws round times over the bars, up to column `end` at most.
pub(crate) fn axis(line: &mut Line<'_>, timeline: &Timeline, end: usize, glyphs: &Glyphs) {
    let left = line.columns();
    let length = u128::from(timeline.length_ns);
    for tick in ticks(length, timeline.columns) {
        let column = left + (tick * timeline.columns as u128 / length) as usize;
        let label = label(tick);
        if column >= line.columns() && column + columns(glyphs.tick) + columns(&label) <= end {
            line.pad_to(column);
            line.push(Paint::Faint, glyphs.tick);
            line.push(Paint::Faint, &plain_units(label, line.style()));
        }
    }
}

/// The round times below `length` in the smallest steps that leave room for their labels.
fn ticks(length: u128, across: usize) -> Vec<u128> {
    for step in steps() {
        let ticks = length.div_ceil(step);
        if ticks > across as u128 / 3 {
            continue;
        }
        let times: Vec<u128> = (0..ticks).map(|tick| tick * step).collect();
        let between = (step * across as u128 / length) as usize;
        // A tick before a label, and a space behind it.
        if times
            .iter()
            .all(|&tick| columns(&label(tick)) + 2 <= between)
        {
            return times;
        }
    }
    vec![0]
}

/// Round times, from small to large.
fn steps() -> impl Iterator<Item = u128> {
    let second = UNITS[2].0;
    let clock = [
        60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
    ];
    let fine = decades(1).take_while(move |&step| step < 60 * second);
    let coarse = decades(UNITS[5].0)
        .skip(1)
        .take_while(|&step| step < 365 * UNITS[5].0);
    fine.chain(clock.map(|seconds| seconds * second))
        .chain(coarse)
        .chain(decades(UNITS[6].0))
}

/// 1, 2, 5, 10, 20, 50 … times `unit`.
fn decades(unit: u128) -> impl Iterator<Item = u128> {
    (0..12).flat_map(move |power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power) * unit))
}

/// A round time in the largest unit that shows it exactly with two decimals at most.
fn label(ns: u128) -> String {
    if ns == 0 {
        return "0".to_owned();
    }
    let exact = UNITS
        .iter()
        .rev()
        .find(|&&(unit, _)| ns >= unit && (ns * 100).is_multiple_of(unit));
    let Some(&(unit, name)) = exact else {
        return format!("{ns} ns");
    };
    let (whole, hundredths) = (ns / unit, ns * 100 / unit % 100);
    let mut number = format!("{whole}.{hundredths:02}");
    number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
    format!("{number} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow() {
        let steps: Vec<u128> = steps().collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        assert!(steps.iter().any(|&step| step > u128::from(u64::MAX)));
    }

    #[test]
    fn ticks_leave_room_for_their_labels() {
        let ms = 1_000_000;
        let tenths = [0, 100, 200, 300, 400].map(|tick| tick * ms);
        assert_eq!(ticks(412 * ms, 28), [0, 200 * ms, 400 * ms]);
        assert_eq!(ticks(412 * ms, 33), tenths);
        assert_eq!(ticks(1, 30), [0]);
        assert_eq!(ticks(u128::from(u64::MAX), 4), [0]);
        for length in [1, 7, 999, 61_000_000_000, u128::from(u64::MAX)] {
            for across in 8..120 {
                let ticks = ticks(length, across);
                assert!(ticks.windows(2).all(|pair| {
                    let between = (pair[1] - pair[0]) * across as u128 / length;
                    between as usize > columns(&label(pair[0])) + 1
                }));
            }
        }
    }

    #[test]
    fn labels_are_exact() {
        let ms = 1_000_000;
        for (ns, text) in [
            (0, "0"),
            (500, "500 ns"),
            (250 * ms, "250 ms"),
            (1_000 * ms, "1 s"),
            (1_200 * ms, "1.2 s"),
            (90_000 * ms, "1.5 min"),
            (70_000 * ms, "70 s"),
            (7_200_000 * ms, "2 h"),
            (730 * 86_400_000 * ms, "2 y"),
        ] {
            assert_eq!(label(ns), text);
        }
    }
}
