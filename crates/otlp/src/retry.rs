//! Which failures are tried again, and when.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::failure::Retry;

/// The longest wait that the exporter chooses by itself.
const LONGEST: Duration = Duration::from_secs(5);

/// What an HTTP status other than success means for the same request (OTLP/HTTP: retryable response codes).
pub(crate) fn http(status: u16, retry_after: Option<Duration>) -> Retry {
    match status {
        429 | 502 | 503 | 504 => Retry::After(retry_after),
        _ => Retry::Never,
    }
}

/// What a gRPC code other than OK means for the same request (OTLP/gRPC: failures).
#[cfg(feature = "grpc")]
pub(crate) fn grpc(code: tonic::Code, retry_info: Option<Duration>) -> Retry {
    use tonic::Code;
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Retry::After(retry_info),
        Code::ResourceExhausted if retry_info.is_some() => Retry::After(retry_info),
        _ => Retry::Never,
    }
}

/// What an answer's header `Retry-After` asks for.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, SystemTime::now())
}

/// The value of the header `Retry-After`: seconds, or a date (RFC 9110). None where it is neither.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Waits that double each time, with a random half: clients that failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    random: RandomState,
    turn: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration) -> Self {
        Self {
            next: first.min(LONGEST),
            random: RandomState::new(),
            turn: 0,
        }
    }

    /// The next wait; never less than what the receiver asked for.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        self.turn += 1;
        let share = self.random.hash_one(self.turn) as u32;
        let random = (whole / 2).mul_f64(f64::from(share) / f64::from(u32::MAX));
        (whole / 2 + random).max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_statuses_are_tried_again() {
        let again: Vec<u16> = (100..600)
            .filter(|status| http(*status, None) != Retry::Never)
            .collect();
        assert_eq!(again, [429, 502, 503, 504]);
        let asked = Some(Duration::from_secs(3));
        assert_eq!(http(503, asked), Retry::After(asked));
    }

    #[cfg(feature = "grpc")]
    #[test]
    fn the_codes_of_the_specification_are_tried_again() {
        let again = |info| -> Vec<i32> {
            (0..=16)
                .filter(|code| grpc((*code).into(), info) != Retry::Never)
                .collect()
        };
        assert_eq!(again(None), [1, 4, 10, 11, 14, 15]);
        assert_eq!(again(Some(Duration::ZERO)), [1, 4, 8, 10, 11, 14, 15]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let seconds = |value| retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun Nov  6 08:50:37 1994"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        for nonsense in [
            "",
            "soon",
            "-1",
            "1.5",
            "+3",
            "Sun, 99 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn waits_double_up_to_a_limit_and_half_of_each_is_random() {
        let mut backoff = Backoff::new(Duration::from_millis(800));
        for whole in [800, 1600, 3200, 5000, 5000] {
            let wait = backoff.wait(None).as_millis();
            assert!((whole / 2..=whole).contains(&wait), "{wait} of {whole}");
        }
        let waits: std::collections::BTreeSet<Duration> = (0..20)
            .map(|_| Backoff::new(Duration::from_secs(1)).wait(None))
            .collect();
        assert!(waits.len() > 1);
        let asked = Duration::from_secs(60);
        assert_eq!(backoff.wait(Some(asked)), asked);
    }
}
