use std::fmt;
use std::str::FromStr;

/// How the work of a span ended.
///
/// ```
/// use codomyrmex_core::SpanStatus;
///
/// assert_eq!("ERROR".parse(), Ok(SpanStatus::Error));
/// assert_eq!(SpanStatus::Error.merge(SpanStatus::Unset), SpanStatus::Error);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// Said to have ended well; final.
    Ok,
    /// Ended in an error.
    Error,
}

impl SpanStatus {
    /// Every status, in OTLP's order.
    pub const ALL: [SpanStatus; 3] = [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error];

    /// The lower-case name: `"unset"`, `"ok"`, `"error"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SpanStatus::Unset => "unset",
            SpanStatus::Ok => "ok",
            SpanStatus::Error => "error",
        }
    }

    /// The number that OTLP's `Status.StatusCode` gives it (0 to 2).
    #[inline]
    pub const fn otlp(self) -> u8 {
        self as u8
    }

    /// The status of an OTLP number; unknown numbers are [`SpanStatus::Unset`].
    pub const fn from_otlp(number: u8) -> SpanStatus {
        match number {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        }
    }

    /// What stands after `next` is set over `self`, by OpenTelemetry's order: Ok is final, and Unset changes nothing.
    #[inline]
    #[must_use]
    pub const fn merge(self, next: SpanStatus) -> SpanStatus {
        match (self, next) {
            (SpanStatus::Ok, _) => SpanStatus::Ok,
            (current, SpanStatus::Unset) => current,
            (_, next) => next,
        }
    }
}

impl fmt::Display for SpanStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no [`SpanStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSpanStatus;

impl fmt::Display for UnknownSpanStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a span status: expected unset, ok or error")
    }
}

impl std::error::Error for UnknownSpanStatus {}

impl FromStr for SpanStatus {
    type Err = UnknownSpanStatus;

    /// Reads the name in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SpanStatus::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownSpanStatus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_there_and_back() {
        for (index, status) in SpanStatus::ALL.into_iter().enumerate() {
            assert_eq!(status.as_str().to_uppercase().parse(), Ok(status));
            assert_eq!(usize::from(status.otlp()), index);
            assert_eq!(SpanStatus::from_otlp(status.otlp()), status);
        }
        assert_eq!("fine".parse::<SpanStatus>(), Err(UnknownSpanStatus));
        assert_eq!(SpanStatus::from_otlp(3), SpanStatus::Unset);
    }

    #[test]
    fn ok_is_final_and_error_stands_over_unset() {
        use SpanStatus::{Error, Ok, Unset};
        for (current, next, stands) in [
            (Unset, Unset, Unset),
            (Unset, Ok, Ok),
            (Unset, Error, Error),
            (Ok, Unset, Ok),
            (Ok, Ok, Ok),
            (Ok, Error, Ok),
            (Error, Unset, Error),
            (Error, Ok, Ok),
            (Error, Error, Error),
        ] {
            assert_eq!(current.merge(next), stands, "{current} then {next}");
        }
    }
}
