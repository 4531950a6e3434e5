/// A number of nanoseconds in the unit that suits it, to three significant digits.
///
/// Units are ns, µs, ms, s, min, h, d (24 h) and y (365 d); halves round up.
///
/// ```
/// use codomyrmex_draw::duration;
/// assert_eq!(duration(17), "17 ns");
/// assert_eq!(duration(1_234_567), "1.23 ms");
/// assert_eq!(duration(90_000_000_000), "1.50 min");
/// ```
pub fn duration(ns: u64) -> String {
    wide_duration(u128::from(ns))
}

const SECOND: u128 = 1_000_000_000;
pub(crate) const UNITS: [(u128, &str); 7] = [
    (1_000, "µs"),
    (1_000_000, "ms"),
    (SECOND, "s"),
    (60 * SECOND, "min"),
    (3_600 * SECOND, "h"),
    (86_400 * SECOND, "d"),
    (365 * 86_400 * SECOND, "y"),
];

/// [`duration`] of a sum that need not fit 64 bits.
pub(crate) fn wide_duration(ns: u128) -> String {
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    let mut shown = String::new();
    for (place, &(unit, name)) in UNITS.iter().enumerate() {
        let (number, size) = significant(ns, unit);
        shown = format!("{number} {name}");
        // 999.7 µs is shown as 1.00 ms: what rounding lifts to the next unit belongs there.
        if UNITS.get(place + 1).is_some_and(|&(next, _)| size < next) {
            break;
        }
    }
    shown
}

/// `ns` in `unit`s with three significant digits, and the nanoseconds that this text stands for.
fn significant(ns: u128, unit: u128) -> (String, u128) {
    let hundredths = (ns * 100 + unit / 2) / unit;
    if hundredths < 1_000 {
        let number = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        return (number, hundredths * unit / 100);
    }
    let tenths = (ns * 10 + unit / 2) / unit;
    if tenths < 1_000 {
        return (
            format!("{}.{}", tenths / 10, tenths % 10),
            tenths * unit / 10,
        );
    }
    let whole = (ns + unit / 2) / unit;
    (whole.to_string(), whole * unit)
}

/// A count with its thousands set apart: `1,042`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        let shown = [
            (0, "0 ns"),
            (1, "1 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (1_005, "1.01 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_949, "99.9 µs"),
            (99_951, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (12_345_678, "12.3 ms"),
            (123_456_789, "123 ms"),
            (3_100_000_000, "3.10 s"),
            (59_940_000_000, "59.9 s"),
            (59_960_000_000, "1.00 min"),
            (3_599_999_999_999, "1.00 h"),
            (86_400_000_000_000, "1.00 d"),
            (364 * 86_400_000_000_000, "364 d"),
            (365 * 86_400_000_000_000, "1.00 y"),
            (u64::MAX, "585 y"),
        ];
        for (ns, text) in shown {
            assert_eq!(duration(ns), text, "{ns}");
        }
    }

    #[test]
    fn sums_beyond_64_bits_stay_readable() {
        assert_eq!(wide_duration(u128::from(u64::MAX) * 10), "5849 y");
        assert_eq!(wide_duration(u128::from(u64::MAX) * 1_042), "609510 y");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_042, "1,042"),
            (10_000, "10,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
    }
}
