use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::propagation::{
    B3, BaggagePropagator, Extracted, HeaderSink, HeaderSource, Injected, Jaeger, Propagator,
    SeedHeaders, TraceContext, XRay,
};
use crate::{Redact, SpanContext};

/// Several formats, one after the other: each is written, and of those that are found the last decides.
///
/// The default is `tracecontext,baggage`.
///
/// ```
/// use codomyrmex_core::{Propagator, Propagators};
///
/// let propagators: Propagators = "tracecontext, baggage, codomyrmex".parse()?;
/// assert!(propagators.fields().contains(&"X-Trace-Id"));
/// assert_eq!("none".parse::<Propagators>()?.fields(), [""; 0]);
/// assert!("w3c".parse::<Propagators>().is_err());
/// # Ok::<(), codomyrmex_core::ParsePropagatorsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Propagators {
    each: Vec<Arc<dyn Propagator>>,
    fields: Vec<&'static str>,
}

impl Propagators {
    /// No format: nothing is written and nothing is read.
    pub const fn none() -> Propagators {
        Propagators {
            each: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// These, and this one after them.
    #[must_use]
    pub fn with(mut self, propagator: impl Propagator + 'static) -> Propagators {
        for field in propagator.fields() {
            if !self.fields.contains(field) {
                self.fields.push(field);
            }
        }
        self.each.push(Arc::new(propagator));
        self
    }

    /// Reads a list of names as `OTEL_PROPAGATORS` has them, in any case: `tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger`,
    /// `xray`, `none`, and `codomyrmex` for [`SeedHeaders`]. A name that comes twice counts once.
    ///
    /// # Errors
    ///
    /// Another name.
    pub fn parse(text: &str) -> Result<Propagators, ParsePropagatorsError> {
        Propagators::parse_with(text, Redact::standard())
    }

    /// As [`parse`](Propagators::parse), with other rules for what in the baggage is a secret.
    ///
    /// # Errors
    ///
    /// Another name.
    pub fn parse_with(text: &str, redact: &Redact) -> Result<Propagators, ParsePropagatorsError> {
        let mut propagators = Propagators::none();
        let mut seen: Vec<String> = Vec::new();
        for word in text.split(',').map(|word| word.trim().to_ascii_lowercase()) {
            if seen.contains(&word) {
                continue;
            }
            propagators = match word.as_str() {
                "" | "none" => propagators,
                "tracecontext" => propagators.with(TraceContext),
                "baggage" => propagators.with(BaggagePropagator::with_redact(redact.clone())),
                "b3" => propagators.with(B3::Single),
                "b3multi" => propagators.with(B3::Multi),
                "jaeger" => propagators.with(Jaeger::with_redact(redact.clone())),
                "xray" => propagators.with(XRay),
                "codomyrmex" => propagators.with(SeedHeaders),
                _ => return Err(ParsePropagatorsError { word }),
            };
            seen.push(word);
        }
        Ok(propagators)
    }

    /// The context that the source carries, `None` where it has no valid ids. Baggage without a trace is read by
    /// [`extract`](Propagator::extract) only.
    pub fn extract_from(&self, source: &(impl HeaderSource + ?Sized)) -> Option<SpanContext> {
        let mut context = SpanContext::INVALID;
        self.extract(&mut context, &Unsized(source));
        context.is_valid().then_some(context)
    }
}

impl Default for Propagators {
    fn default() -> Self {
        Propagators::none()
            .with(TraceContext)
            .with(BaggagePropagator::new())
    }
}

impl FromStr for Propagators {
    type Err = ParsePropagatorsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Propagators::parse(text)
    }
}

impl Propagator for Propagators {
    fn fields(&self) -> &[&'static str] {
        &self.fields
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        self.each.iter().fold(Injected::default(), |sum, each| {
            let injected = each.inject(context, sink);
            Injected {
                baggage_dropped: sum.baggage_dropped + injected.baggage_dropped,
                baggage_redacted: sum.baggage_redacted + injected.baggage_redacted,
            }
        })
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        self.each.iter().fold(Extracted::NOTHING, |sum, each| {
            let extracted = each.extract(context, source);
            Extracted {
                found: sum.found | extracted.found,
                baggage_dropped: sum.baggage_dropped + extracted.baggage_dropped,
            }
        })
    }
}

/// Stands for a source of unknown size, which cannot be one of unknown type as well.
pub(super) struct Unsized<'a, S: ?Sized>(pub(super) &'a S);

impl<S: HeaderSource + ?Sized> HeaderSource for Unsized<'_, S> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.0.each(name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        self.0.each_beginning(prefix, visit);
    }
}

/// A name that is no propagator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePropagatorsError {
    word: String,
}

impl fmt::Display for ParsePropagatorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no propagator {:?}, only tracecontext, baggage, b3, b3multi, jaeger, xray, codomyrmex and none",
            self.word
        )
    }
}

impl std::error::Error for ParsePropagatorsError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn names_are_read_in_any_case_and_once() {
        let fields = |text: &str| Propagators::parse(text).map(|found| found.fields().to_vec());
        let default = vec!["traceparent", "tracestate", "baggage"];
        assert_eq!(
            fields("TraceContext,baggage , tracecontext,"),
            Ok(default.clone())
        );
        assert_eq!(Propagators::default().fields(), default);
        assert_eq!(fields("none"), Ok(vec![]));
        assert_eq!(fields(""), Ok(vec![]));
        let error = fields("baggage,b4").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("there is no propagator \"b4\", only")
        );
    }

    #[test]
    fn each_is_read_and_written() {
        let propagators = Propagators::default();
        let headers = [("traceparent", PARENT), ("baggage", "user=ann,=")];
        let mut context = SpanContext::INVALID;
        let extracted = propagators.extract(&mut context, &headers);
        assert_eq!((extracted.found, extracted.baggage_dropped), (true, 1));
        assert_eq!(context.baggage.get("user"), Some("ann"));
        let mut out: Vec<(String, String)> = Vec::new();
        propagators.inject(&context, &mut out);
        assert_eq!(propagators.extract_from(&out), Some(context.clone()));
        // Without a trace there is still baggage.
        let mut untraced = SpanContext::INVALID;
        assert!(propagators.extract(&mut untraced, &[headers[1]]).found);
        assert_eq!(untraced.baggage, context.baggage);
        assert_eq!(propagators.extract_from(&headers[1..]), None);
    }
}
