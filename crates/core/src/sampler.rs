mod consistent;
mod rate_limit;

use std::fmt;
use std::sync::Arc;

pub use consistent::ConsistentProbability;
pub use rate_limit::RateLimit;

use codomyrmex_wire::Value;

use crate::redact::Shown;
use crate::{SpanContext, SpanKind, TraceId, TraceState};

/// Decides which traces are recorded, before anything else is paid for.
///
/// The built-in ones are decided from two numbers, without a look at name or attributes. The default is
/// parent-based over always-on: a child does as its parent, and every root is recorded.
///
/// ```
/// use codomyrmex_core::Sampler;
///
/// let sampler = Sampler::parent_based(Sampler::ratio(0.25));
/// assert_eq!(sampler.decide_fast(Some(true), 0), Some(true));
/// assert_eq!(sampler.decide_fast(None, u64::MAX), Some(false));
/// ```
#[derive(Clone)]
pub struct Sampler {
    parent_based: bool,
    root: Root,
}

#[derive(Clone)]
enum Root {
    Always,
    Never,
    Ratio { ratio: f64, threshold: u64 },
    Custom(Arc<dyn Sample>),
}

impl Sampler {
    /// Records every span.
    pub const fn always_on() -> Sampler {
        Sampler {
            parent_based: false,
            root: Root::Always,
        }
    }

    /// Records none.
    pub const fn always_off() -> Sampler {
        Sampler {
            parent_based: false,
            root: Root::Never,
        }
    }

    /// Records this share of all traces, between 0 and 1, chosen by trace id alone (OpenTelemetry's `TraceIdRatioBased`).
    ///
    /// What a lower ratio records, a higher one records too, here and in other services that choose by the last eight
    /// bytes. Outside of the range the nearer end counts; NaN counts as 0.
    pub fn ratio(ratio: f64) -> Sampler {
        let ratio = if ratio.is_nan() {
            0.0
        } else {
            ratio.clamp(0.0, 1.0)
        };
        Sampler {
            parent_based: false,
            root: Root::Ratio {
                ratio,
                threshold: (ratio * (1_u64 << 63) as f64) as u64,
            },
        }
    }

    /// A child does as its parent; `root` decides where there is no parent.
    ///
    /// For other choices by where the parent comes from see [`ParentBased`].
    #[must_use]
    pub fn parent_based(root: Sampler) -> Sampler {
        Sampler {
            parent_based: true,
            root: root.root,
        }
    }

    /// A sampler of one's own.
    pub fn custom(sampler: Arc<dyn Sample>) -> Sampler {
        Sampler {
            parent_based: false,
            root: Root::Custom(sampler),
        }
    }

    /// The sampler with one of the names that `OTEL_TRACES_SAMPLER` knows, in any case: `always_on`, `always_off`,
    /// `traceidratio`, or one of our own: `consistent_probability` ([`ConsistentProbability`]), `rate_limit`
    /// ([`RateLimit`]); each also with `parentbased_` in front. `argument` is the ratio, or the traces a second of
    /// `rate_limit`; 1 where it is missing or empty, and ignored where there is none.
    ///
    /// # Errors
    ///
    /// An unknown name, a ratio that is no number between 0 and 1, or a rate that is no number of at least 0.
    pub fn parse(name: &str, argument: Option<&str>) -> Result<Sampler, ParseSamplerError> {
        let name = name.trim().to_ascii_lowercase();
        let (parent_based, rule) = match name.strip_prefix("parentbased_") {
            Some(rule) => (true, rule),
            None => (false, name.as_str()),
        };
        let number = |most: f64, error| match argument.unwrap_or_default().trim() {
            "" => Ok(1.0),
            text => text
                .parse()
                .ok()
                .filter(|number| (0.0..=most).contains(number))
                .ok_or(error),
        };
        let sampler = match rule {
            "always_on" => Sampler::always_on(),
            "always_off" => Sampler::always_off(),
            "traceidratio" => Sampler::ratio(number(1.0, ParseSamplerError::Ratio)?),
            "consistent_probability" => {
                let probability = number(1.0, ParseSamplerError::Ratio)?;
                Sampler::custom(Arc::new(ConsistentProbability::new(probability)))
            }
            "rate_limit" => {
                let per_second = number(f64::MAX, ParseSamplerError::Rate)?;
                Sampler::custom(Arc::new(RateLimit::new(per_second)))
            }
            _ => return Err(ParseSamplerError::Name),
        };
        Ok(Sampler {
            parent_based,
            ..sampler
        })
    }

    /// Whether a span with a parent simply does as its parent.
    pub(crate) const fn follows_parent(&self) -> bool {
        self.parent_based
    }

    /// Whether every root is sampled.
    pub(crate) const fn keeps_roots(&self) -> bool {
        matches!(self.root, Root::Always)
    }

    /// The decision of a built-in sampler, `None` for one's own, which must see the whole input.
    ///
    /// `parent` says whether the parent is sampled; `trace_id_low` is [`TraceId::low`] of the new span's trace.
    #[inline]
    pub fn decide_fast(&self, parent: Option<bool>, trace_id_low: u64) -> Option<bool> {
        match parent {
            Some(sampled) if self.parent_based => Some(sampled),
            _ => match self.root {
                Root::Always => Some(true),
                Root::Never => Some(false),
                Root::Ratio { threshold, .. } => Some(trace_id_low >> 1 < threshold),
                Root::Custom(_) => None,
            },
        }
    }
}

impl Sample for Sampler {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        let parent = input.parent.map(|parent| parent.sampled);
        match (self.decide_fast(parent, input.trace_id.low()), &self.root) {
            (Some(sampled), _) => SamplingResult::from(sampled),
            (None, Root::Custom(sampler)) => sampler.sample(input),
            (None, _) => SamplingResult::drop(),
        }
    }

    fn description(&self) -> String {
        let root = match &self.root {
            Root::Always => "AlwaysOnSampler".to_owned(),
            Root::Never => "AlwaysOffSampler".to_owned(),
            Root::Ratio { ratio, .. } => format!("TraceIdRatioBased{{{ratio:.6}}}"),
            Root::Custom(sampler) => sampler.description(),
        };
        if self.parent_based {
            format!("ParentBased{{root:{root}}}")
        } else {
            root
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler::parent_based(Sampler::always_on())
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sampler({})", self.description())
    }
}

/// A sampler of the user's own, for [`Sampler::custom`].
///
/// It is called on the thread that starts the span, with no lock held, and may be called by several threads at once.
pub trait Sample: Send + Sync {
    /// Decides on one span that is about to start.
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult;

    /// Name and configuration, for people.
    fn description(&self) -> String;
}

/// What a sampler can see of a span that is about to start.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SamplingInput<'a> {
    /// The parent, `None` for a root.
    pub parent: Option<&'a SpanContext>,
    /// The trace of the new span: the parent's or a new one.
    pub trace_id: TraceId,
    /// The span's name.
    pub name: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
    /// The attributes given at the start.
    pub attributes: &'a [(String, Value)],
    /// The spans that it is linked to from the start.
    pub links: &'a [SpanContext],
}

impl<'a> SamplingInput<'a> {
    /// The input for an internal root span without attributes and links; the fields can be assigned.
    pub fn new(name: &'a str, trace_id: TraceId) -> SamplingInput<'a> {
        SamplingInput {
            parent: None,
            trace_id,
            name,
            kind: SpanKind::Internal,
            attributes: &[],
            links: &[],
        }
    }
}

/// What a sampler decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SamplingDecision {
    /// The span is not recorded, and its sampled flag is off.
    Drop,
    /// The span is recorded and exported, and its sampled flag is on.
    RecordAndSample,
}

/// A sampler's decision, and what it adds to the span.
#[derive(Clone, PartialEq)]
pub struct SamplingResult {
    /// Whether the span is recorded.
    pub decision: SamplingDecision,
    /// Attributes that the span gets beside its own.
    pub attributes: Vec<(String, Value)>,
    /// The span's trace state; `None`: the parent's.
    pub trace_state: Option<TraceState>,
}

impl SamplingResult {
    /// Not recorded.
    pub const fn drop() -> SamplingResult {
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: None,
        }
    }

    /// Recorded and exported.
    pub const fn record_and_sample() -> SamplingResult {
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: None,
        }
    }

    /// Whether the span is recorded and its sampled flag set.
    pub fn is_sampled(&self) -> bool {
        self.decision == SamplingDecision::RecordAndSample
    }
}

impl fmt::Debug for SamplingInput<'_> {
    /// Without attributes that are secrets by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplingInput")
            .field("parent", &self.parent)
            .field("trace_id", &self.trace_id)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("attributes", &Shown(self.attributes))
            .field("links", &self.links)
            .finish()
    }
}

impl fmt::Debug for SamplingResult {
    /// Without attributes that are secrets by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplingResult")
            .field("decision", &self.decision)
            .field("attributes", &Shown(&self.attributes))
            .field("trace_state", &self.trace_state)
            .finish()
    }
}

impl From<bool> for SamplingResult {
    fn from(sampled: bool) -> Self {
        if sampled {
            SamplingResult::record_and_sample()
        } else {
            SamplingResult::drop()
        }
    }
}

/// OpenTelemetry's parent-based sampler with a delegate for each kind of parent.
///
/// Where no delegate is given, a child does as its parent, and [`Sampler::parent_based`] does the same faster.
///
/// ```
/// use std::sync::Arc;
/// use codomyrmex_core::{ParentBased, Sampler};
///
/// // Callers from outside do not decide for us.
/// let sampler = ParentBased::new(Sampler::ratio(0.1))
///     .remote_parent_sampled(Sampler::ratio(0.1))
///     .remote_parent_not_sampled(Sampler::ratio(0.1));
/// let sampler = Sampler::custom(Arc::new(sampler));
/// assert_eq!(sampler.decide_fast(Some(true), 0), None);
/// ```
#[derive(Clone, Debug)]
pub struct ParentBased {
    root: Sampler,
    remote_sampled: Sampler,
    remote_not_sampled: Sampler,
    local_sampled: Sampler,
    local_not_sampled: Sampler,
}

impl ParentBased {
    /// `root` decides where there is no parent.
    pub const fn new(root: Sampler) -> ParentBased {
        ParentBased {
            root,
            remote_sampled: Sampler::always_on(),
            remote_not_sampled: Sampler::always_off(),
            local_sampled: Sampler::always_on(),
            local_not_sampled: Sampler::always_off(),
        }
    }

    /// Decides where the parent is sampled and came from another process.
    #[must_use]
    pub fn remote_parent_sampled(mut self, sampler: Sampler) -> ParentBased {
        self.remote_sampled = sampler;
        self
    }

    /// Decides where the parent is not sampled and came from another process.
    #[must_use]
    pub fn remote_parent_not_sampled(mut self, sampler: Sampler) -> ParentBased {
        self.remote_not_sampled = sampler;
        self
    }

    /// Decides where the parent is sampled and of this process.
    #[must_use]
    pub fn local_parent_sampled(mut self, sampler: Sampler) -> ParentBased {
        self.local_sampled = sampler;
        self
    }

    /// Decides where the parent is not sampled and of this process.
    #[must_use]
    pub fn local_parent_not_sampled(mut self, sampler: Sampler) -> ParentBased {
        self.local_not_sampled = sampler;
        self
    }
}

impl Sample for ParentBased {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        let delegate = match input
            .parent
            .map(|parent| (parent.is_remote, parent.sampled))
        {
            None => &self.root,
            Some((true, true)) => &self.remote_sampled,
            Some((true, false)) => &self.remote_not_sampled,
            Some((false, true)) => &self.local_sampled,
            Some((false, false)) => &self.local_not_sampled,
        };
        delegate.sample(input)
    }

    fn description(&self) -> String {
        format!(
            "ParentBased{{root:{},remoteParentSampled:{},remoteParentNotSampled:{},localParentSampled:{},localParentNotSampled:{}}}",
            self.root.description(),
            self.remote_sampled.description(),
            self.remote_not_sampled.description(),
            self.local_sampled.description(),
            self.local_not_sampled.description(),
        )
    }
}

/// Why a text names no [`Sampler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseSamplerError {
    /// There is no sampler of this name.
    Name,
    /// The argument is no number between 0 and 1.
    Ratio,
    /// The argument is no number of traces a second.
    Rate,
}

impl fmt::Display for ParseSamplerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseSamplerError::Name => {
                "unknown sampler: expected always_on, always_off, traceidratio, consistent_probability or rate_limit, \
                 or one of them with parentbased_ in front"
            }
            ParseSamplerError::Ratio => "the sampler's argument is no number between 0 and 1",
            ParseSamplerError::Rate => "the sampler's argument is no number of traces a second",
        })
    }
}

impl std::error::Error for ParseSamplerError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpanId;

    /// Spread over the whole range, the same in each run.
    fn many_ids() -> impl Iterator<Item = u64> {
        (0..20_000_u64).map(|n| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[test]
    fn a_ratio_takes_about_its_share() {
        for ratio in [0.0, 0.001, 0.1, 0.5, 0.9, 1.0] {
            let sampler = Sampler::ratio(ratio);
            let taken = many_ids()
                .filter(|&id| sampler.decide_fast(None, id) == Some(true))
                .count();
            assert!(
                (taken as f64 / 20_000.0 - ratio).abs() < 0.002,
                "{ratio}: {taken}"
            );
        }
    }

    #[test]
    fn a_higher_ratio_takes_all_that_a_lower_one_takes() {
        let (low, high) = (Sampler::ratio(0.2), Sampler::ratio(0.3));
        for id in many_ids() {
            if low.decide_fast(None, id) == Some(true) {
                assert_eq!(high.decide_fast(None, id), Some(true));
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_take_all_and_none() {
        for id in [0, 1, u64::MAX / 2, u64::MAX] {
            for all in [1.0, 7.0, f64::INFINITY] {
                assert_eq!(Sampler::ratio(all).decide_fast(None, id), Some(true));
            }
            for none in [0.0, -1.0, f64::NEG_INFINITY, f64::NAN] {
                assert_eq!(Sampler::ratio(none).decide_fast(None, id), Some(false));
            }
        }
    }

    #[test]
    fn the_ratio_ignores_the_parent_unless_it_is_parent_based() {
        let ratio = Sampler::ratio(0.5);
        assert_eq!(ratio.decide_fast(Some(true), u64::MAX), Some(false));
        let based = Sampler::parent_based(ratio);
        assert_eq!(based.decide_fast(Some(true), u64::MAX), Some(true));
        assert_eq!(based.decide_fast(Some(false), 0), Some(false));
        assert_eq!(based.decide_fast(None, 0), Some(true));
        assert_eq!(based.decide_fast(None, u64::MAX), Some(false));
    }

    #[test]
    fn names_are_parsed() {
        for (name, argument, description) in [
            ("always_on", None, "AlwaysOnSampler"),
            ("ALWAYS_OFF", Some("0.5"), "AlwaysOffSampler"),
            (
                "traceidratio",
                Some(" 0.25 "),
                "TraceIdRatioBased{0.250000}",
            ),
            ("traceidratio", None, "TraceIdRatioBased{1.000000}"),
            (
                "parentbased_always_on",
                None,
                "ParentBased{root:AlwaysOnSampler}",
            ),
            (
                "parentbased_always_off",
                None,
                "ParentBased{root:AlwaysOffSampler}",
            ),
            (
                "parentbased_traceidratio",
                Some("1e-4"),
                "ParentBased{root:TraceIdRatioBased{0.000100}}",
            ),
            (
                "parentbased_consistent_probability",
                Some("0.5"),
                "ParentBased{root:ConsistentProbability{0.5}}",
            ),
            (
                "parentbased_rate_limit",
                Some("100"),
                "ParentBased{root:RateLimit{100}}",
            ),
        ] {
            let sampler = Sampler::parse(name, argument).expect(name);
            assert_eq!(sampler.description(), description);
        }
        for name in [
            "",
            "always",
            "parentbased_",
            "parentbased_parentbased_always_on",
        ] {
            assert_eq!(
                Sampler::parse(name, None).unwrap_err(),
                ParseSamplerError::Name
            );
        }
        for rate in ["x", "-1", "NaN", "inf"] {
            assert_eq!(
                Sampler::parse("rate_limit", Some(rate)).unwrap_err(),
                ParseSamplerError::Rate
            );
        }
        for ratio in ["x", "1.5", "-0.1", "NaN", "inf"] {
            assert_eq!(
                Sampler::parse("traceidratio", Some(ratio)).unwrap_err(),
                ParseSamplerError::Ratio
            );
        }
    }

    struct ByName;

    impl Sample for ByName {
        fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
            SamplingResult {
                attributes: vec![("why".to_owned(), Value::Str("name".to_owned()))],
                ..SamplingResult::from(input.name == "wanted")
            }
        }

        fn description(&self) -> String {
            "ByName".to_owned()
        }
    }

    #[test]
    fn ones_own_sampler_sees_the_input_and_adds_attributes() {
        let sampler = Sampler::parent_based(Sampler::custom(Arc::new(ByName)));
        assert_eq!(sampler.decide_fast(None, 0), None);
        assert_eq!(sampler.decide_fast(Some(false), 0), Some(false));
        let id = TraceId::from_words([1, 1]);
        let result = sampler.sample(&SamplingInput::new("wanted", id));
        assert!(result.is_sampled());
        assert_eq!(result.attributes.len(), 1);
        assert!(
            !sampler
                .sample(&SamplingInput::new("other", id))
                .is_sampled()
        );
        assert_eq!(format!("{sampler:?}"), "Sampler(ParentBased{root:ByName})");
    }

    #[test]
    fn delegates_are_chosen_by_the_parent() {
        let sampler = ParentBased::new(Sampler::always_off())
            .remote_parent_sampled(Sampler::always_off())
            .remote_parent_not_sampled(Sampler::always_on());
        let id = TraceId::from_words([1, 1]);
        let mut parent = SpanContext::new(id, SpanId::from_word(1));
        for (is_remote, sampled, expected) in [
            (true, true, false),
            (true, false, true),
            (false, true, true),
            (false, false, false),
        ] {
            parent.is_remote = is_remote;
            parent.sampled = sampled;
            let mut input = SamplingInput::new("x", id);
            input.parent = Some(&parent);
            assert_eq!(sampler.sample(&input).is_sampled(), expected);
        }
        assert!(!sampler.sample(&SamplingInput::new("x", id)).is_sampled());
    }
}
