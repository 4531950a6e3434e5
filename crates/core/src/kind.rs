use std::fmt;
use std::str::FromStr;

/// What role a span plays in the call that it describes.
///
/// The names are OpenTelemetry's; the texts are lower case.
///
/// ```
/// use codomyrmex_core::SpanKind;
///
/// assert_eq!("Server".parse(), Ok(SpanKind::Server));
/// assert_eq!(SpanKind::Server.to_string(), "server");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Work inside one process.
    #[default]
    Internal,
    /// The answering side of a call.
    Server,
    /// The calling side of a call.
    Client,
    /// The sending side of a message.
    Producer,
    /// The receiving side of a message.
    Consumer,
}

impl SpanKind {
    /// Every kind, in OTLP's order.
    pub const ALL: [SpanKind; 5] = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];

    /// The lower-case name: `"internal"`, `"server"`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }

    /// The number that OTLP's `Span.SpanKind` gives it (1 to 5).
    #[inline]
    pub const fn otlp(self) -> u8 {
        self as u8 + 1
    }

    /// The kind of an OTLP number; 0 (unspecified) and unknown numbers are [`SpanKind::Internal`], as OTLP asks.
    pub const fn from_otlp(number: u8) -> SpanKind {
        match number {
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Internal,
        }
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no [`SpanKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSpanKind;

impl fmt::Display for UnknownSpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a span kind: expected internal, server, client, producer or consumer")
    }
}

impl std::error::Error for UnknownSpanKind {}

impl FromStr for SpanKind {
    type Err = UnknownSpanKind;

    /// Reads the name in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SpanKind::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownSpanKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_there_and_back() {
        for (index, kind) in SpanKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.as_str().to_uppercase().parse(), Ok(kind));
            assert_eq!(usize::from(kind.otlp()), index + 1);
            assert_eq!(SpanKind::from_otlp(kind.otlp()), kind);
        }
    }

    #[test]
    fn what_is_unknown_is_an_error_as_text_and_internal_as_number() {
        assert_eq!("".parse::<SpanKind>(), Err(UnknownSpanKind));
        assert_eq!("servers".parse::<SpanKind>(), Err(UnknownSpanKind));
        assert_eq!(SpanKind::from_otlp(0), SpanKind::Internal);
        assert_eq!(SpanKind::from_otlp(200), SpanKind::Internal);
    }
}
