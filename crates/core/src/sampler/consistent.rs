//! Consistent probability sampling: every participant decides from the same randomness, and says with what probability.

use crate::{Sample, SamplingInput, SamplingResult, TraceId, TraceState};

/// The vendor key of OpenTelemetry in a trace state.
const VENDOR: &str = "ot";
/// The longest value of that key, characters (OpenTelemetry, TraceState handling).
const LONGEST: usize = 256;
/// One more than the largest randomness.
const RANGE: u64 = 1 << 56;

/// Records a share of all traces so that every span says how many it stands for (OpenTelemetry: *TraceState: Probability
/// Sampling*).
///
/// A trace is recorded where its randomness, the last 56 bits of its id or an explicit `rv` in its trace state, is not below
/// the rejection threshold. That goes along as `ot=th:…`, so that a backend can count back, and a collector can sample
/// further without being unfair to traces that were sampled before. Whatever the parent decided, this decides anew;
/// below [`Sampler::parent_based`](crate::Sampler::parent_based) a child does as its parent, threshold included.
///
/// ```
/// use std::sync::Arc;
/// use codomyrmex_core::{ConsistentProbability, InMemoryExporter, Sampler, Tracer};
///
/// let sampler = Sampler::parent_based(Sampler::custom(Arc::new(ConsistentProbability::new(1.0))));
/// let tracer = Tracer::builder("shop").sampler(sampler).exporter(InMemoryExporter::new()).build();
/// assert_eq!(tracer.span("checkout").context().trace_state.get("ot"), Some("th:0"));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ConsistentProbability {
    probability: f64,
    /// Randomness below this is not recorded.
    threshold: u64,
}

impl ConsistentProbability {
    /// Records this share of all traces. Outside of 2⁻⁵⁶ to 1 the nearer end counts, but 0 and NaN record none.
    pub fn new(probability: f64) -> Self {
        let probability = if probability > 0.0 {
            probability.clamp(1.0 / RANGE as f64, 1.0)
        } else {
            0.0
        };
        Self {
            probability,
            threshold: ((1.0 - probability) * RANGE as f64).round() as u64,
        }
    }

    fn takes(&self, randomness: u64) -> bool {
        self.probability > 0.0 && randomness >= self.threshold
    }
}

impl Sample for ConsistentProbability {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        let state = input.parent.map(|parent| &parent.trace_state);
        let own = state
            .and_then(|state| state.get(VENDOR))
            .unwrap_or_default();
        let randomness = member(own, "rv")
            .and_then(explicit_randomness)
            .unwrap_or_else(|| randomness_of(input.trace_id));
        let sampled = self.takes(randomness);
        let threshold = sampled.then(|| written(self.threshold));
        SamplingResult {
            trace_state: with_threshold(state, own, threshold.as_deref()),
            ..SamplingResult::from(sampled)
        }
    }

    fn description(&self) -> String {
        format!("ConsistentProbability{{{}}}", self.probability)
    }
}

/// The value of a member of OpenTelemetry's list.
fn member<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    list.split(';')
        .filter_map(|member| member.split_once(':'))
        .find(|(known, _)| *known == key)
        .map(|(_, value)| value)
}

/// `rv`: exactly 14 hexadecimal digits.
fn explicit_randomness(text: &str) -> Option<u64> {
    let well_formed = text.len() == 14
        && text
            .bytes()
            .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    well_formed
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

fn randomness_of(trace_id: TraceId) -> u64 {
    trace_id.low() & (RANGE - 1)
}

/// `th`: hexadecimal digits without the zeros at their end, at least one.
fn written(threshold: u64) -> String {
    let digits = format!("{threshold:014x}");
    match digits.trim_end_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

/// The trace state with another threshold, or none; `None` where nothing changes.
fn with_threshold(
    state: Option<&TraceState>,
    own: &str,
    threshold: Option<&str>,
) -> Option<TraceState> {
    if member(own, "th") == threshold {
        return None;
    }
    let mut list = threshold.map_or_else(String::new, |threshold| format!("th:{threshold}"));
    for kept in own.split(';').filter(|kept| !kept.is_empty()) {
        if kept.split_once(':').is_some_and(|(key, _)| key == "th") {
            continue;
        }
        if !list.is_empty() {
            list.push(';');
        }
        list.push_str(kept);
    }
    let mut state = state.cloned().unwrap_or_default();
    if list.is_empty() || list.len() > LONGEST || state.insert(VENDOR, &list).is_err() {
        state.remove(VENDOR);
    }
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpanContext, SpanId};

    fn id(low: u64) -> TraceId {
        let mut bytes = [7; 16];
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        TraceId::from_bytes(bytes)
    }

    fn sample(probability: f64, low: u64, state: &str) -> (bool, Option<String>) {
        let mut parent = SpanContext::new(id(low), SpanId::from_bytes([1; 8]));
        parent.trace_state = state.parse().unwrap();
        let mut input = SamplingInput::new("x", id(low));
        input.parent = Some(&parent);
        let result = ConsistentProbability::new(probability).sample(&input);
        let state = result.trace_state.as_ref().unwrap_or(&parent.trace_state);
        (result.is_sampled(), state.get("ot").map(str::to_owned))
    }

    #[test]
    fn the_threshold_is_what_the_specification_writes() {
        for (probability, threshold) in [
            (1.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (0.1, "e6666666666666"),
            (0.01, "fd70a3d70a3d71"),
        ] {
            let written = written(ConsistentProbability::new(probability).threshold);
            // The last digit of a fraction is a question of rounding.
            assert_eq!(
                written[..written.len().min(13)],
                threshold[..threshold.len().min(13)]
            );
        }
    }

    #[test]
    fn the_last_56_bits_decide() {
        let half = 1 << 55;
        assert_eq!(sample(0.5, half, ""), (true, Some("th:8".into())));
        assert_eq!(sample(0.5, half - 1, ""), (false, None));
        assert_eq!(
            sample(0.5, (0xff << 56) | (half - 1), ""),
            (false, None),
            "the first bits say nothing"
        );
    }

    #[test]
    fn explicit_randomness_wins_over_the_id() {
        let high = "ot=rv:ffffffffffffff;x:y,other=1";
        assert_eq!(
            sample(0.5, 0, high),
            (true, Some("th:8;rv:ffffffffffffff;x:y".into()))
        );
        for malformed in ["ot=rv:ffff", "ot=rv:FFFFFFFFFFFFFF", "ot=rv:+fffffffffffff"] {
            assert!(!sample(0.5, 0, malformed).0, "{malformed}");
        }
    }

    #[test]
    fn a_threshold_that_no_more_holds_goes() {
        assert_eq!(
            sample(0.5, 0, "ot=th:c;rv:00000000000000"),
            (false, Some("rv:00000000000000".into()))
        );
        assert_eq!(sample(0.5, 0, "ot=th:c"), (false, None));
        assert_eq!(
            sample(1.0, 0, "ot=th:c;a:b"),
            (true, Some("th:0;a:b".into()))
        );
    }

    #[test]
    fn nothing_is_taken_at_zero_and_everything_at_one() {
        for low in [0, 1, u64::MAX] {
            assert!(!sample(0.0, low, "").0 && !sample(f64::NAN, low, "").0);
            assert!(sample(1.0, low, "").0 && sample(7.0, low, "").0);
        }
    }

    #[test]
    fn what_a_lower_probability_takes_a_higher_one_takes_too() {
        for n in 0..20_000_u64 {
            let low = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert!(!sample(0.2, low, "").0 || sample(0.3, low, "").0);
        }
    }
}
