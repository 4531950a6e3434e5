//! W3C Trace Context, level 2: the header `traceparent`.

use std::fmt;
use std::ops::Deref;

use crate::{SpanContext, SpanId, TraceId};

/// The bytes of `00-<trace id>-<parent id>-<flags>`.
pub(crate) const LENGTH: usize = 55;

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// The value of a `traceparent` header, in place: making one allocates nothing.
///
/// ```
/// use codomyrmex_core::{SpanContext, SpanId, TraceId};
///
/// let context = SpanContext::new(TraceId::from_bytes([0xab; 16]), SpanId::from_bytes([0xcd; 8]));
/// let value = context.traceparent().expect("the ids are valid");
/// assert_eq!(&*value, "00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01");
/// assert_eq!(SpanContext::from_traceparent(&value), Some(context));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(align(16))]
pub struct TraceParentText([u8; PADDED]);

/// With zeros behind the text: whole and aligned words are found to be UTF-8 in a quarter of the time.
const PADDED: usize = 64;

impl TraceParentText {
    /// The value's bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(&self.0[..LENGTH]);
        bytes
    }

    /// The value as text: 55 characters of visible ASCII.
    #[inline]
    pub fn as_str(&self) -> &str {
        let padded = std::str::from_utf8(&self.0).unwrap_or_default();
        padded.get(..LENGTH).unwrap_or_default()
    }
}

impl Deref for TraceParentText {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for TraceParentText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for TraceParentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for TraceParentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceParentText({self})")
    }
}

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) sampled: bool,
    pub(crate) random: bool,
}

impl TraceParent {
    /// Reads a header's value. Of versions after 00 the known part is read; `None` for all that the standard calls invalid.
    #[inline]
    pub(crate) fn parse(text: &str) -> Option<TraceParent> {
        match text.as_bytes().first_chunk::<LENGTH>() {
            Some(bytes) if text.len() == LENGTH && bytes.starts_with(b"00-") => known_part(bytes),
            _ => TraceParent::parse_otherwise(text),
        }
    }

    /// Spaces around, and versions to come.
    #[cold]
    fn parse_otherwise(text: &str) -> Option<TraceParent> {
        let bytes = text.trim_matches([' ', '\t']).as_bytes();
        let (head, rest) = bytes.split_first_chunk::<LENGTH>()?;
        let [high, low, dash, ..] = *head;
        let version = flag_byte([high, low])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|&next| next == b'-'),
        };
        if ends_well && dash == b'-' {
            known_part(head)
        } else {
            None
        }
    }

    /// The header's value; meaningless where an id is not valid.
    #[inline]
    pub(crate) fn write(self) -> TraceParentText {
        let mut out = [0; PADDED];
        out[..LENGTH].copy_from_slice(b"00-00000000000000000000000000000000-0000000000000000-00");
        let [a, b] = self.trace_id.to_words().map(hex::encode);
        let c = hex::encode(self.span_id.to_word());
        out[3..19].copy_from_slice(&a);
        out[19..35].copy_from_slice(&b);
        out[36..52].copy_from_slice(&c);
        out[54] += u8::from(self.sampled) * SAMPLED + u8::from(self.random) * RANDOM;
        TraceParentText(out)
    }
}

/// Reads everything behind the version and its dash.
#[inline]
fn known_part(bytes: &[u8; LENGTH]) -> Option<TraceParent> {
    let digits = |at: usize| bytes[at..].first_chunk::<16>().map(hex::decode);
    let (high, wrong_high) = digits(3)?;
    let (low, wrong_low) = digits(19)?;
    let (span, wrong_span) = digits(36)?;
    let trace_id = TraceId::from_words([high, low]);
    let span_id = SpanId::from_word(span);
    let dashes = (bytes[35] ^ b'-') | (bytes[52] ^ b'-');
    let wrong = wrong_high | wrong_low | wrong_span | u64::from(dashes);
    let flags = flag_byte([bytes[53], bytes[54]])?;
    (wrong == 0 && trace_id.is_valid() && span_id.is_valid()).then_some(TraceParent {
        trace_id,
        span_id,
        sampled: flags & SAMPLED != 0,
        random: flags & RANDOM != 0,
    })
}

/// Two lower-case digits.
#[inline]
fn flag_byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0xff,
    });
    (high | low <= 15).then_some(high << 4 | low)
}

/// Lower-case digits, eight to a word: no table, and no branch.
mod hex {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const NIBBLES: u64 = 0x0f0f_0f0f_0f0f_0f0f;

    /// The digits of a word's bytes in memory order.
    #[inline]
    pub(super) fn encode(word: u64) -> [u8; 16] {
        let word = u64::from_be(word);
        let mut out = [0; 16];
        out[..8].copy_from_slice(&letters(spread((word >> 32) as u32)).to_be_bytes());
        out[8..].copy_from_slice(&letters(spread(word as u32)).to_be_bytes());
        out
    }

    /// The word whose digits these are, and zero if they all are lower-case digits.
    #[inline]
    pub(super) fn decode(digits: &[u8; 16]) -> (u64, u64) {
        let [a, b, c, d, e, f, g, h, rest @ ..] = *digits;
        let (high, wrong_high) = half(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let (low, wrong_low) = half(u64::from_be_bytes(rest));
        ((high << 32 | low).to_be(), wrong_high | wrong_low)
    }

    #[inline]
    fn half(digits: u64) -> (u64, u64) {
        // Letters have bit 6, and their values begin at 10 where their low bits begin at 1.
        let nibbles = ((digits & NIBBLES) + (digits >> 6 & ONES) * 9) & NIBBLES;
        // Whatever is no lower-case digit is not what its value would be written as.
        let wrong = letters(nibbles) ^ digits;
        let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
        let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
        ((quads | quads >> 16) & 0xffff_ffff, wrong)
    }

    /// A nibble in each byte.
    #[inline]
    fn spread(half: u32) -> u64 {
        let mut word = u64::from(half);
        word = (word | word << 16) & 0x0000_ffff_0000_ffff;
        word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
        (word | word << 4) & NIBBLES
    }

    /// The step from '9' to 'a' is added where it is needed.
    #[inline]
    fn letters(nibbles: u64) -> u64 {
        let above_nine = (nibbles + 6 * ONES) >> 4 & ONES;
        nibbles + 0x30 * ONES + above_nine * 0x27
    }
}

impl SpanContext {
    /// The value of the header `traceparent`, `None` where an id is not valid.
    #[inline]
    pub fn traceparent(&self) -> Option<TraceParentText> {
        self.is_valid().then(|| {
            TraceParent {
                trace_id: self.trace_id,
                span_id: self.span_id,
                sampled: self.sampled,
                random: self.random_trace_id(),
            }
            .write()
        })
    }

    /// The remote context of a `traceparent`'s value, `None` for what W3C calls invalid: other lengths, upper-case digits,
    /// version ff, ids that are all zero. Of versions after 00 the part that version 00 knows is read.
    #[inline]
    pub fn from_traceparent(value: &str) -> Option<SpanContext> {
        let parent = TraceParent::parse(value)?;
        let mut context = SpanContext::new(parent.trace_id, parent.span_id);
        context.sampled = parent.sampled;
        context.set_random_trace_id(parent.random);
        context.is_remote = true;
        Some(context)
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
            assert_eq!(&*parent.write(), format!("00-{TRACE}-{SPAN}-{flags}"));
            assert_eq!(parse("00", TRACE, SPAN, flags), Some(parent));
        }
    }

    #[test]
    fn every_byte_in_every_place_is_read_as_the_slow_way_reads_it() {
        let right = format!("00-{TRACE}-{SPAN}-01");
        for at in 0..LENGTH {
            for byte in 0..=0x7f_u8 {
                let mut bytes = right.clone().into_bytes();
                bytes[at] = byte;
                let text = String::from_utf8(bytes).unwrap();
                let dash = [2, 35, 52].contains(&at);
                let lower_hex = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                // Of another version this is the whole, too.
                let valid = if dash { byte == b'-' } else { lower_hex };
                let found = TraceParent::parse(&text);
                assert_eq!(found.is_some(), valid, "{text:?}");
                if let Some(found) = found {
                    assert_eq!(found.trace_id.to_string(), text[3..35]);
                    assert_eq!(found.span_id.to_string(), text[36..52]);
                }
            }
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

    #[test]
    fn a_context_without_valid_ids_has_no_traceparent() {
        let mut context = SpanContext::from_text(TRACE, SPAN, None);
        assert!(context.traceparent().is_some());
        context.span_id = SpanId::INVALID;
        assert_eq!(context.traceparent(), None);
    }
}
