use std::borrow::Cow;

use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::{Baggage, BaggageDecoder, Redact, SpanContext};

/// W3C Baggage: the header `baggage`, of at most 64 members and 8,192 bytes.
///
/// The values of secret keys do not leave the process. Members that come in replace the context's baggage; a header without
/// a well-formed member leaves it as it is.
///
/// Source: <https://www.w3.org/TR/baggage/>.
///
/// ```
/// use codomyrmex_core::{BaggagePropagator, Propagator, SpanContext};
///
/// let mut context = SpanContext::INVALID;
/// let headers = [("baggage", "user=Zo%C3%AB;ttl=5"), ("baggage", "tier=gold")];
/// assert!(BaggagePropagator::new().extract(&mut context, &headers).found);
/// assert_eq!(context.baggage.get("user"), Some("Zoë"));
/// assert_eq!(context.baggage.metadata("user"), Some("ttl=5"));
/// ```
#[derive(Clone, Debug)]
pub struct BaggagePropagator {
    redact: Cow<'static, Redact>,
}

const BAGGAGE: &str = "baggage";

impl BaggagePropagator {
    /// With the rules for secrets that are the default.
    pub fn new() -> BaggagePropagator {
        BaggagePropagator {
            redact: Cow::Borrowed(Redact::standard()),
        }
    }

    /// With other rules for what is a secret.
    pub fn with_redact(redact: Redact) -> BaggagePropagator {
        BaggagePropagator {
            redact: Cow::Owned(redact),
        }
    }

    pub(super) fn inject_with(
        redact: &Redact,
        context: &SpanContext,
        sink: &mut dyn HeaderSink,
    ) -> Injected {
        if context.baggage.is_empty() {
            return Injected::default();
        }
        let encoded = context.baggage.encode_with(redact);
        if !encoded.header().is_empty() {
            sink.set(BAGGAGE, encoded.header());
        }
        Injected {
            baggage_dropped: encoded.dropped(),
            baggage_redacted: encoded.redacted(),
        }
    }
}

impl Default for BaggagePropagator {
    fn default() -> Self {
        BaggagePropagator::new()
    }
}

impl Propagator for BaggagePropagator {
    fn fields(&self) -> &[&'static str] {
        &[BAGGAGE]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        BaggagePropagator::inject_with(&self.redact, context, sink)
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let mut baggage = Baggage::new();
        let mut decoder = BaggageDecoder::new();
        source.each(BAGGAGE, &mut |value| {
            decoder.read(value, |member| baggage.insert_decoded(member));
        });
        let found = !baggage.is_empty();
        if found {
            context.baggage = baggage;
        }
        Extracted {
            found,
            baggage_dropped: decoder.dropped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> SpanContext {
        let mut context = SpanContext::INVALID;
        context.baggage = pairs.iter().copied().collect();
        context
    }

    #[test]
    fn baggage_travels_without_a_trace() {
        let mut headers = Vec::new();
        let injected = BaggagePropagator::new().inject(
            &context(&[("user", "ann"), ("password", "hunter2"), ("", "x")]),
            &mut headers,
        );
        let expected = "user=ann,password=[redacted]".to_owned();
        assert_eq!(headers, [("baggage".to_owned(), expected)]);
        assert_eq!(
            (injected.baggage_dropped, injected.baggage_redacted),
            (1, 1)
        );
        let open = BaggagePropagator::with_redact(Redact::off());
        open.inject(&context(&[("password", "hunter2")]), &mut headers);
        assert_eq!(headers[0].1, "password=hunter2");
    }

    #[test]
    fn nothing_is_written_for_nothing() {
        let mut headers = Vec::new();
        BaggagePropagator::new().inject(&context(&[]), &mut headers);
        BaggagePropagator::new().inject(&context(&[("", "x")]), &mut headers);
        assert_eq!(headers, []);
    }

    #[test]
    fn a_failed_extract_keeps_the_baggage() {
        let old = context(&[("user", "ann")]);
        for (headers, dropped) in [(vec![], 0), (vec![("baggage", "=,a")], 2)] {
            let mut context = old.clone();
            let extracted = BaggagePropagator::new().extract(&mut context, &headers);
            assert!(!extracted.found);
            assert_eq!(extracted.baggage_dropped, dropped);
            assert_eq!(context, old);
        }
        let mut replaced = old;
        let headers = [("Baggage", "a=1"), ("baggage", "b=2;m,a=3")];
        assert!(
            BaggagePropagator::new()
                .extract(&mut replaced, &headers)
                .found
        );
        assert_eq!(replaced.baggage.metadata("b"), Some("m"));
        assert_eq!(
            replaced.baggage.iter().collect::<Vec<_>>(),
            [("a", "3"), ("b", "2")]
        );
    }
}
