//! So many traces a second, and no more.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::{Sample, SamplingInput, SamplingResult};

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// Records at most so many traces a second: a bucket that fills evenly and holds one second's worth, at least one trace.
///
/// Meant for roots, below [`Sampler::parent_based`](crate::Sampler::parent_based): on its own it would tear traces apart.
/// Called from any number of threads; it takes no lock.
///
/// ```
/// use std::sync::Arc;
/// use codomyrmex_core::{InMemoryExporter, RateLimit, Sampler, Tracer};
///
/// let sampler = Sampler::parent_based(Sampler::custom(Arc::new(RateLimit::new(1.0))));
/// let tracer = Tracer::builder("shop").sampler(sampler).exporter(InMemoryExporter::new()).build();
/// assert!(tracer.span("first").is_recording());
/// assert!(!tracer.span("second, at once").is_recording());
/// ```
#[derive(Debug)]
pub struct RateLimit {
    per_second: f64,
    /// Nanoseconds that one trace costs, and the most that can be saved up.
    cost: u64,
    most: u64,
    /// Since when, in nanoseconds of the clock, the bucket has been filling; 0 before the first trace.
    filling_since: AtomicU64,
}

impl RateLimit {
    /// At most so many traces a second. Less than one is allowed: 0.1 is one in ten seconds. 0, negative numbers and NaN
    /// record none.
    pub fn new(per_second: f64) -> Self {
        let per_second = if per_second > 0.0 { per_second } else { 0.0 };
        let cost = (SECOND / per_second).min(u64::MAX as f64 / 2.0) as u64;
        Self {
            per_second,
            cost: cost.max(1),
            most: cost.max(SECOND as u64),
            filling_since: AtomicU64::new(0),
        }
    }

    fn takes(&self, now: u64) -> bool {
        if self.per_second == 0.0 {
            return false;
        }
        let take = |since: u64| {
            let since = since.max(now.saturating_sub(self.most));
            (now.saturating_sub(since) >= self.cost).then(|| since + self.cost)
        };
        self.filling_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

impl Sample for RateLimit {
    fn sample(&self, _input: &SamplingInput<'_>) -> SamplingResult {
        self.takes(clock::unix_ns(clock::ticks())).into()
    }

    fn description(&self) -> String {
        format!("RateLimit{{{}}}", self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000_000_000;
    const MS: u64 = 1_000_000;

    fn taken(limit: &RateLimit, times: impl IntoIterator<Item = u64>) -> usize {
        times
            .into_iter()
            .filter(|ms| limit.takes(START + ms * MS))
            .count()
    }

    #[test]
    fn a_full_bucket_and_then_the_rate() {
        let limit = RateLimit::new(10.0);
        assert_eq!(taken(&limit, [0; 50]), 10);
        assert_eq!(taken(&limit, 1..=1000), 10);
        assert_eq!(taken(&limit, 1001..=3000), 20);
    }

    #[test]
    fn silence_saves_up_one_second_and_no_more() {
        let limit = RateLimit::new(10.0);
        assert_eq!(taken(&limit, [0; 50]), 10);
        assert_eq!(taken(&limit, [60_000; 50]), 10);
    }

    #[test]
    fn less_than_one_a_second() {
        let limit = RateLimit::new(0.1);
        assert_eq!(taken(&limit, [0, 1, 9_999]), 1);
        assert_eq!(taken(&limit, [10_000, 10_001, 19_999, 20_000]), 2);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let limit = RateLimit::new(1.0);
        assert_eq!(taken(&limit, [5_000, 0, 1_000, 5_999, 6_000]), 2);
    }

    #[test]
    fn nothing_at_all() {
        for none in [0.0, -1.0, f64::NAN] {
            assert_eq!(taken(&RateLimit::new(none), [0, 100_000]), 0);
        }
        assert_eq!(taken(&RateLimit::new(f64::INFINITY), [0; 100]), 100);
    }
}
