//! What a full buffer means for whoever finishes a span.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What becomes of a span that finishes while the buffers, or an exporter's queue, are full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// It is dropped, and counted as `queue_full`: recording never waits.
    #[default]
    Drop,
    /// The thread that finishes it waits for room, for at most so long; then it is dropped and counted. Never inside an
    /// exporter, and never with a lock of the SDK's. One exporter that makes way slowly then holds the others up as well; one
    /// that has taken nothing for so long is waited for no more.
    Wait(Duration),
}

impl WhenFull {
    /// How long to wait, if at all.
    pub(crate) fn patience(self) -> Option<Duration> {
        match self {
            Self::Drop => None,
            Self::Wait(patience) => Some(patience),
        }
    }
}

impl FromStr for WhenFull {
    type Err = ParseWhenFullError;

    /// `drop`, or `wait:` and milliseconds, in any case.
    ///
    /// ```
    /// use codomyrmex_core::WhenFull;
    /// use std::time::Duration;
    /// assert_eq!("drop".parse(), Ok(WhenFull::Drop));
    /// assert_eq!("wait:250".parse(), Ok(WhenFull::Wait(Duration::from_millis(250))));
    /// assert!("wait".parse::<WhenFull>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        if text == "drop" {
            return Ok(Self::Drop);
        }
        let milliseconds = text
            .strip_prefix("wait:")
            .and_then(|ms| ms.trim().parse().ok());
        let patience = milliseconds.map(Duration::from_millis);
        patience.map(Self::Wait).ok_or(ParseWhenFullError)
    }
}

/// The text is neither `drop` nor `wait:` and milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseWhenFullError;

impl fmt::Display for ParseWhenFullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is neither \"drop\" nor \"wait:\" and a number of milliseconds")
    }
}

impl std::error::Error for ParseWhenFullError {}
