//! W3C Trace Context, level 2: the header `traceparent`.

use crate::{SpanId, TraceId};

/// The bytes of `00-<trace id>-<parent id>-<flags>`.
pub(crate) const LENGTH: usize = 55;

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) sampled: bool,
    pub(crate) random: bool,
}

impl TraceParent {
    /// Reads a header's value. Of versions after 00 the known part is read; `None` for all that the standard calls invalid.
    pub(crate) fn parse(text: &str) -> Option<TraceParent> {
        let bytes = text.trim_matches([' ', '\t']).as_bytes();
        let (head, rest) = bytes.split_at_checked(LENGTH)?;
        let version = flag_byte(head.get(..2)?)?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|&next| next == b'-'),
        };
        let dashes = [2, 35, 52]
            .iter()
            .all(|&index| head.get(index) == Some(&b'-'));
        let lower = !head.iter().any(u8::is_ascii_uppercase);
        if !(ends_well && dashes && lower) {
            return None;
        }
        let trace_id = TraceId::from_hex(head.get(3..35)?).ok()?;
        let span_id = SpanId::from_hex(head.get(36..52)?).ok()?;
        let flags = flag_byte(head.get(53..)?)?;
        (trace_id.is_valid() && span_id.is_valid()).then_some(TraceParent {
            trace_id,
            span_id,
            sampled: flags & SAMPLED != 0,
            random: flags & RANDOM != 0,
        })
    }

    /// The header's value, written into `out`.
    pub(crate) fn write(self, out: &mut [u8; LENGTH]) -> &str {
        const FLAGS: [&[u8; 2]; 4] = [b"00", b"01", b"02", b"03"];
        let flags = usize::from(self.sampled) | usize::from(self.random) << 1;
        *out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        out[3..35].copy_from_slice(self.trace_id.write_hex(&mut [0; 32]).as_bytes());
        out[36..52].copy_from_slice(self.span_id.write_hex(&mut [0; 16]).as_bytes());
        out[53..].copy_from_slice(FLAGS[flags]);
        std::str::from_utf8(out).unwrap_or_default()
    }
}

fn flag_byte(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low] => Some(crate::ids::hex_value(*high)? << 4 | crate::ids::hex_value(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn parse(version: &str, trace: &str, span: &str, end: &str) -> Option<TraceParent> {
        TraceParent::parse(&format!("{version}-{trace}-{span}-{end}"))
    }

    #[test]
    fn what_is_written_is_read() {
        for (sampled, random, flags) in [
            (false, false, "00"),
            (true, false, "01"),
            (false, true, "02"),
            (true, true, "03"),
        ] {
            let parent = TraceParent {
                trace_id: TRACE.parse().unwrap(),
                span_id: SPAN.parse().unwrap(),
                sampled,
                random,
            };
            let mut out = [0; LENGTH];
            assert_eq!(parent.write(&mut out), format!("00-{TRACE}-{SPAN}-{flags}"));
            assert_eq!(parse("00", TRACE, SPAN, flags), Some(parent));
        }
    }

    #[test]
    fn unknown_flags_are_ignored() {
        let parent = parse("00", TRACE, SPAN, "fd").unwrap();
        assert!(parent.sampled && !parent.random);
        assert!(!parse("00", TRACE, SPAN, "fe").unwrap().sampled);
    }

    #[test]
    fn later_versions_may_go_on_after_a_dash() {
        for end in ["01", "01-", "01-what.the-future-holds"] {
            assert!(parse("01", TRACE, SPAN, end).is_some(), "{end}");
            assert!(parse("fe", TRACE, SPAN, end).is_some(), "{end}");
            assert_eq!(parse("00", TRACE, SPAN, end).is_some(), end == "01");
        }
        assert_eq!(parse("01", TRACE, SPAN, "01.x"), None);
    }

    #[test]
    fn what_the_standard_calls_invalid_is_none() {
        let zero = "0".repeat(32);
        let upper = TRACE.to_uppercase();
        for (version, trace, span, flags) in [
            ("ff", TRACE, SPAN, "01"),
            ("0F", TRACE, SPAN, "01"),
            ("0", TRACE, SPAN, "01"),
            ("0g", TRACE, SPAN, "01"),
            ("00", &zero, SPAN, "01"),
            ("00", TRACE, &zero[..16], "01"),
            ("00", &upper, SPAN, "01"),
            ("00", &TRACE[1..], SPAN, "01"),
            ("00", TRACE, &SPAN[1..], "01"),
            ("00", TRACE, SPAN, "1"),
            ("00", TRACE, SPAN, "0A"),
            ("00", TRACE, SPAN, "0x"),
            ("00", TRACE, SPAN, "011"),
            ("00", TRACE, "00f067aa0ba902bé", "1"),
        ] {
            assert_eq!(
                parse(version, trace, span, flags),
                None,
                "{version}-{trace}-{span}-{flags}"
            );
        }
        for text in [
            "",
            "-",
            "00",
            &format!("00_{TRACE}_{SPAN}_01"),
            &"é".repeat(40),
        ] {
            assert_eq!(TraceParent::parse(text), None);
        }
    }

    #[test]
    fn spaces_around_are_allowed() {
        assert!(TraceParent::parse(&format!(" \t00-{TRACE}-{SPAN}-01 ")).is_some());
    }
}
