use std::fmt;
use std::str::FromStr;

/// The 16 bytes that all spans of one trace share.
///
/// Shown and read as 32 hexadecimal digits. All zero means "no trace" ([`TraceId::INVALID`]).
///
/// ```
/// use codomyrmex_core::TraceId;
///
/// let id: TraceId = "4BF92F3577B34DA6A3CE929D0E0E4736".parse()?;
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), codomyrmex_core::ParseIdError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TraceId([u8; 16]);

/// The 8 bytes that name one span within its trace.
///
/// Shown and read as 16 hexadecimal digits. All zero means "no span" ([`SpanId::INVALID`]).
///
/// ```
/// use codomyrmex_core::SpanId;
///
/// let id: SpanId = "00f067aa0ba902b7".parse()?;
/// assert_eq!(id.to_bytes()[1], 0xf0);
/// # Ok::<(), codomyrmex_core::ParseIdError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// All zero: no trace.
    pub const INVALID: TraceId = TraceId([0; 16]);

    /// The id of these bytes, in the order in which they go over the wire.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 16]) -> TraceId {
        TraceId(bytes)
    }

    /// The bytes in the order in which they go over the wire.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The bytes as two machine words in memory order: writing the words to memory gives the bytes.
    #[inline]
    pub const fn to_words(self) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        [
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ]
    }

    /// The id whose [`to_words`](TraceId::to_words) these are.
    #[inline]
    pub const fn from_words(words: [u64; 2]) -> TraceId {
        let [a, b, c, d, e, f, g, h] = words[0].to_ne_bytes();
        let [i, j, k, l, m, n, o, p] = words[1].to_ne_bytes();
        TraceId([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// The last eight bytes as a number, most significant byte first: what the ratio sampler decides by.
    #[inline]
    pub const fn low(self) -> u64 {
        u64::from_be(self.to_words()[1])
    }

    /// Whether it is not all zero.
    #[inline]
    pub const fn is_valid(self) -> bool {
        let [high, low] = self.to_words();
        high | low != 0
    }

    /// Writes the 32 lower-case digits into `out` and gives them back as text.
    #[inline]
    pub fn write_hex(self, out: &mut [u8; 32]) -> &str {
        for (pair, byte) in out.chunks_exact_mut(8).zip(self.0.chunks_exact(4)) {
            pair.copy_from_slice(&hex_digits([byte[0], byte[1], byte[2], byte[3]]));
        }
        std::str::from_utf8(out).unwrap_or_default()
    }

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Another length or another character. All zero is read; see [`TraceId::is_valid`].
    pub fn from_hex(text: &[u8]) -> Result<TraceId, ParseIdError> {
        decode_hex(text).map(TraceId)
    }
}

impl SpanId {
    /// All zero: no span.
    pub const INVALID: SpanId = SpanId([0; 8]);

    /// The id of these bytes, in the order in which they go over the wire.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 8]) -> SpanId {
        SpanId(bytes)
    }

    /// The bytes in the order in which they go over the wire.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// The bytes as a machine word in memory order: writing the word to memory gives the bytes.
    #[inline]
    pub const fn to_word(self) -> u64 {
        u64::from_ne_bytes(self.0)
    }

    /// The id whose [`to_word`](SpanId::to_word) this is.
    #[inline]
    pub const fn from_word(word: u64) -> SpanId {
        SpanId(word.to_ne_bytes())
    }

    /// Whether it is not all zero.
    #[inline]
    pub const fn is_valid(self) -> bool {
        self.to_word() != 0
    }

    /// `None` where it is all zero.
    #[inline]
    pub const fn valid(self) -> Option<SpanId> {
        if self.is_valid() { Some(self) } else { None }
    }

    /// Writes the 16 lower-case digits into `out` and gives them back as text.
    #[inline]
    pub fn write_hex(self, out: &mut [u8; 16]) -> &str {
        for (pair, byte) in out.chunks_exact_mut(8).zip(self.0.chunks_exact(4)) {
            pair.copy_from_slice(&hex_digits([byte[0], byte[1], byte[2], byte[3]]));
        }
        std::str::from_utf8(out).unwrap_or_default()
    }

    /// Reads 16 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Another length or another character. All zero is read; see [`SpanId::is_valid`].
    pub fn from_hex(text: &[u8]) -> Result<SpanId, ParseIdError> {
        decode_hex(text).map(SpanId)
    }
}

/// Eight digits at once: a nibble in each byte of a word, and the step from '9' to 'a' added where it is needed.
#[inline]
fn hex_digits(bytes: [u8; 4]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut word = u64::from(u32::from_be_bytes(bytes));
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (word + 6 * ONES) >> 4 & ONES;
    (word + 0x30 * ONES + letters * 0x27).to_be_bytes()
}

fn decode_hex<const N: usize>(text: &[u8]) -> Result<[u8; N], ParseIdError> {
    if text.len() != 2 * N {
        return Err(ParseIdError::Length {
            expected: 2 * N,
            found: text.len(),
        });
    }
    let mut bytes = [0; N];
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (
            HEX_VALUES[usize::from(pair[0])],
            HEX_VALUES[usize::from(pair[1])],
        );
        *byte = high << 4 | low;
        seen |= high | low;
    }
    if seen <= 15 {
        return Ok(bytes);
    }
    let index = text.iter().position(|&digit| hex_value(digit).is_none());
    Err(ParseIdError::Digit {
        index: index.unwrap_or_default(),
    })
}

/// By a byte: the digit's value, or 255.
const HEX_VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut digit = 0;
    while digit < 256 {
        if let Some(value) = hex_value(digit as u8) {
            values[digit] = value;
        }
        digit += 1;
    }
    values
};

pub(crate) const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Why a text is no [`TraceId`] or [`SpanId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseIdError {
    /// It has another number of bytes.
    Length {
        /// 32 for a trace id, 16 for a span id.
        expected: usize,
        /// The bytes that it has.
        found: usize,
    },
    /// It holds something that is no hexadecimal digit.
    Digit {
        /// Where, in bytes from the start.
        index: usize,
    },
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseIdError::Length { expected, found } => {
                write!(
                    f,
                    "expected {expected} hexadecimal digits, found {found} bytes"
                )
            }
            ParseIdError::Digit { index } => write!(f, "no hexadecimal digit at byte {index}"),
        }
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! hex_text {
    ($id:ident, $digits:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.write_hex(&mut [0; $digits]))
            }
        }

        impl fmt::LowerHex for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.write_hex(&mut [0; $digits]))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($id))
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            /// Reads hexadecimal digits in any case.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                $id::from_hex(text.as_bytes())
            }
        }
    };
}

hex_text!(TraceId, 32);
hex_text!(SpanId, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_shown_as_the_standard_library_shows_it() {
        for byte in 0..=255_u8 {
            let id = SpanId::from_bytes([byte, 0, 0xff, byte, 1, 2, byte, byte ^ 0x5a]);
            let expected: String = id.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(id.to_string(), expected);
            assert_eq!(expected.to_uppercase().parse(), Ok(id));
        }
    }

    #[test]
    fn words_are_the_bytes_in_memory_order() {
        let bytes: [u8; 16] = std::array::from_fn(|i| i as u8 + 1);
        let id = TraceId::from_bytes(bytes);
        let words = id.to_words();
        assert_eq!(words[0].to_ne_bytes(), bytes[..8]);
        assert_eq!(words[1].to_ne_bytes(), bytes[8..]);
        assert_eq!(TraceId::from_words(words), id);
        assert_eq!(id.low(), 0x090a_0b0c_0d0e_0f10);
        let span = SpanId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(SpanId::from_word(span.to_word()), span);
    }

    #[test]
    fn only_all_zero_is_invalid() {
        assert!(!TraceId::INVALID.is_valid());
        assert!(!SpanId::INVALID.is_valid());
        assert_eq!(SpanId::INVALID.valid(), None);
        for index in 0..16 {
            let mut bytes = [0; 16];
            bytes[index] = 1;
            assert!(TraceId::from_bytes(bytes).is_valid());
        }
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        assert_eq!(
            "abc".parse::<SpanId>(),
            Err(ParseIdError::Length {
                expected: 16,
                found: 3
            })
        );
        assert_eq!(
            "0123456789abcdeg".parse::<SpanId>(),
            Err(ParseIdError::Digit { index: 15 })
        );
        assert_eq!(
            "g123456789abcdef".parse::<SpanId>(),
            Err(ParseIdError::Digit { index: 0 })
        );
        // 16 bytes, but fewer characters.
        assert_eq!(
            "é123456789abcde".parse::<SpanId>(),
            Err(ParseIdError::Digit { index: 0 })
        );
    }

    #[test]
    fn debug_names_the_type() {
        assert_eq!(
            format!("{:?}", SpanId::from_word(0)),
            "SpanId(0000000000000000)"
        );
        assert_eq!(format!("{:>18}", SpanId::INVALID), "  0000000000000000");
    }
}
