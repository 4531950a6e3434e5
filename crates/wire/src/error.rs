use std::fmt;

/// Bytes that are no protobuf message, or one that is nested too deeply to be read.
///
/// Unknown fields, odd ids and bad UTF-8 are no errors: see [`SpanView`](crate::SpanView).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Index of the field in the bytes that were given to be parsed.
    pub offset: usize,
    /// What is wrong there.
    pub reason: DecodeReason,
}

/// What is wrong with bytes that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end within a field.
    Truncated,
    /// A number has more than ten bytes or 64 bits.
    Varint,
    /// A field has the number zero, or a type that there is not.
    Tag,
    /// A group begins and does not end, or the other way round.
    Group,
    /// More than 100 levels.
    Depth,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            DecodeReason::Truncated => "the bytes end within a field",
            DecodeReason::Varint => "a number is too long",
            DecodeReason::Tag => "no field has this tag",
            DecodeReason::Group => "a group does not match",
            DecodeReason::Depth => "nested too deeply",
        };
        write!(f, "{reason} (at byte {})", self.offset)
    }
}

impl std::error::Error for DecodeError {}
