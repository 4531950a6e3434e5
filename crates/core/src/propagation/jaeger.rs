use std::borrow::Cow;

use crate::percent;
use crate::propagation::b3::only;
use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::redact::REDACTED;
use crate::{Baggage, Redact, SpanContext, SpanId, TraceId};

/// Jaeger's own format: `uber-trace-id`, and a header `uberctx-…` for each member of the baggage.
///
/// Leading zeros of ids may be left out. The debug flag counts as sampled. Baggage is added to what the context has; keys
/// that are no header's name stay behind, as do members over the limits of [`Baggage`].
///
/// Source: <https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format>.
///
/// ```
/// use codomyrmex_core::{Jaeger, Propagators};
///
/// let headers = [("uber-trace-id", "a3ce929d0e0e4736:f067aa0ba902b7:0:1"), ("uberctx-user", "ann%20lee")];
/// let context = Propagators::none().with(Jaeger::new()).extract_from(&headers).unwrap();
/// assert_eq!(context.span_id.to_string(), "00f067aa0ba902b7");
/// assert_eq!(context.baggage.get("user"), Some("ann lee"));
/// ```
#[derive(Clone, Debug)]
pub struct Jaeger {
    redact: Cow<'static, Redact>,
}

const TRACE: &str = "uber-trace-id";
const BAGGAGE: &str = "uberctx-";
const SAMPLED: u8 = 1;
const DEBUG: u8 = 2;

impl Jaeger {
    /// With the rules for secrets that are the default.
    pub fn new() -> Jaeger {
        Jaeger {
            redact: Cow::Borrowed(Redact::standard()),
        }
    }

    /// With other rules for what is a secret.
    pub fn with_redact(redact: Redact) -> Jaeger {
        Jaeger {
            redact: Cow::Owned(redact),
        }
    }
}

impl Default for Jaeger {
    fn default() -> Self {
        Jaeger::new()
    }
}

impl Propagator for Jaeger {
    fn fields(&self) -> &[&'static str] {
        &[TRACE]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        let mut injected = Injected::default();
        if context.is_valid() {
            let flags = u8::from(context.sampled);
            sink.set(
                TRACE,
                &format!("{}:{}:0:{flags}", context.trace_id, context.span_id),
            );
        }
        let mut bytes = 0;
        for (at, (key, value)) in context.baggage.iter().enumerate() {
            let secret = self.redact.is_secret(key);
            let mut encoded = String::new();
            let value = if secret { REDACTED } else { value };
            bytes += key.len() + value.len();
            if at < Baggage::MAX_MEMBERS && bytes <= Baggage::MAX_BYTES && is_name(key) {
                percent::encode(value, &mut encoded, |byte| {
                    byte.is_ascii_graphic() && byte != b'%'
                });
                sink.set(&format!("{BAGGAGE}{key}"), &encoded);
                injected.baggage_redacted += usize::from(secret);
            } else {
                injected.baggage_dropped += 1;
            }
        }
        injected
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let mut extracted = Extracted::NOTHING;
        if let Some((trace_id, span_id, sampled)) = only(source, TRACE, ids) {
            context.become_remote(trace_id, span_id, sampled);
            extracted.found = true;
        }
        let (mut members, mut bytes) = (0, 0);
        source.each_beginning(BAGGAGE, &mut |name, value| {
            let key = name.get(BAGGAGE.len()..).unwrap_or_default();
            members += 1;
            bytes += key.len() + value.len();
            let fits = members <= Baggage::MAX_MEMBERS && bytes <= Baggage::MAX_BYTES;
            if fits && is_name(key) && !percent::has_control(value) {
                context.baggage.insert(key, percent::decode(value));
                extracted.found = true;
            } else {
                extracted.baggage_dropped += 1;
            }
        });
        extracted
    }
}

fn ids(value: &str) -> Option<(TraceId, SpanId, bool)> {
    // Some encode the colons.
    let value = percent::decode(value.trim_matches([' ', '\t']));
    let mut parts = value.split(':');
    let trace_id = TraceId::from_hex(&padded::<32>(parts.next()?)?).ok()?;
    let span_id = SpanId::from_hex(&padded::<16>(parts.next()?)?).ok()?;
    // The parent's id is not used any more.
    parts.next()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let whole = parts.next().is_none() && trace_id.is_valid() && span_id.is_valid();
    whole.then_some((trace_id, span_id, flags & (SAMPLED | DEBUG) != 0))
}

/// Digits with zeros before them.
fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut digits = [b'0'; N];
    let start = N.checked_sub(text.len())?;
    digits[start..].copy_from_slice(text.as_bytes());
    (!text.is_empty()).then_some(digits)
}

/// Whether it can stand in a header's name (RFC 9110's `token`).
fn is_name(key: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !key.is_empty() && key.bytes().all(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Propagators;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN_ID: &str = "00f067aa0ba902b7";

    fn from(value: &str) -> Option<SpanContext> {
        Propagators::none()
            .with(Jaeger::new())
            .extract_from(&[("Uber-Trace-Id", value)])
    }

    #[test]
    fn ids_and_flags_are_read() {
        for (value, sampled) in [
            (format!("{TRACE_ID}:{SPAN_ID}:0:1"), true),
            (format!("{TRACE_ID}:{SPAN_ID}::1"), true),
            (
                format!("{TRACE_ID}:f067aa0ba902b7:05e3ac9a4f6e3b90:3"),
                true,
            ),
            (format!("{TRACE_ID}:{SPAN_ID}:0:00"), false),
            (format!("{TRACE_ID}%3A{SPAN_ID}%3a0%3A2"), true),
        ] {
            let mut expected = SpanContext::from_text(TRACE_ID, SPAN_ID, None);
            expected.sampled = sampled;
            assert_eq!(from(&value), Some(expected), "{value}");
        }
        for wrong in [
            "",
            "1:2:3",
            "1:2:3:4:5",
            "0:2:0:1",
            "1:0:0:1",
            "1:2:0:x",
            "1:2:0:100",
            ":2:0:1",
            "g:2:0:1",
            &format!("{TRACE_ID}0:2:0:1"),
            &format!("é{}:2:0:1", "0".repeat(31)),
        ] {
            assert_eq!(from(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn contexts_go_there_and_back_with_their_baggage() {
        let mut context = SpanContext::from_text(TRACE_ID, SPAN_ID, None);
        context.baggage.insert("user", "Zoë\r\nX-Evil: 1");
        let mut headers: Vec<(String, String)> = Vec::new();
        let propagators = Propagators::none().with(Jaeger::new());
        propagators.inject(&context, &mut headers);
        assert_eq!(headers[0].1, format!("{TRACE_ID}:{SPAN_ID}:0:1"));
        assert_eq!(headers[1].1, "Zo%C3%AB%0D%0AX-Evil:%201");
        assert_eq!(propagators.extract_from(&headers), Some(context.clone()));
        context.baggage.insert("a b", "no name");
        context.baggage.insert("password", "hunter2");
        let injected = propagators.inject(&context, &mut headers);
        assert_eq!(
            (injected.baggage_dropped, injected.baggage_redacted),
            (1, 1)
        );
        assert!(headers.contains(&("uberctx-password".to_owned(), REDACTED.to_owned())));
    }

    #[test]
    fn baggage_is_added_and_bounded() {
        let mut context = SpanContext::from_text("t", "s", None);
        context.baggage.insert("a", "old");
        context.baggage.insert("b", "old");
        let headers = [
            ("uberctx-a", "new"),
            ("uberctx-", "x"),
            ("uberctx-c", "\u{7}"),
        ];
        let extracted = Jaeger::new().extract(&mut context, &headers);
        assert_eq!((extracted.found, extracted.baggage_dropped), (true, 2));
        let members: Vec<_> = context.baggage.iter().collect();
        assert_eq!(members, [("a", "new"), ("b", "old")]);
        let many: Vec<_> = (0..100).map(|n| (format!("uberctx-k{n}"), "v")).collect();
        let mut context = SpanContext::INVALID;
        assert_eq!(
            Jaeger::new().extract(&mut context, &many).baggage_dropped,
            36
        );
    }
}
