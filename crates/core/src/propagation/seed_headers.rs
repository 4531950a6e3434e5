use std::borrow::Cow;

use crate::percent;
use crate::propagation::traceparent::TraceParent;
use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::text_id::TextIds;
use crate::{SpanContext, SpanId};

/// The longest text id that a header carries, encoded, in bytes; instead of a longer one its hash is sent.
pub(super) const LONGEST_TEXT_ID: usize = 1024;

/// `X-Trace-Id`, `X-Span-Id`, `X-Parent-Span-Id` (empty for a root) and `X-Sampled` (`true` or `false`).
///
/// Beside a `traceparent` of the same span that was read before them they restore the texts whose hashes it carries, and the
/// parent's id. Without one, or for another span, they decide.
///
/// ```
/// use codomyrmex_core::{Propagators, SeedHeaders};
///
/// let propagators = Propagators::none().with(SeedHeaders);
/// let headers = [("X-Trace-Id", "trace123"), ("X-Span-Id", "span456"), ("X-Sampled", "false")];
/// let context = propagators.extract_from(&headers).unwrap();
/// assert_eq!(context.trace_id_text(), "trace123");
/// assert!(!context.sampled);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedHeaders;

const TRACE_ID: &str = "X-Trace-Id";
const SPAN_ID: &str = "X-Span-Id";
const PARENT_SPAN_ID: &str = "X-Parent-Span-Id";
const SAMPLED: &str = "X-Sampled";

impl Propagator for SeedHeaders {
    fn fields(&self) -> &[&'static str] {
        &[TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        if context.is_valid() {
            write(context, sink);
        }
        Injected::default()
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let is_contexts = |parent: &TraceParent| {
            context.is_remote
                && parent.trace_id == context.trace_id
                && parent.span_id == context.span_id
        };
        if traceparent(source).as_ref().is_some_and(is_contexts) {
            restore(context, source);
            return Extracted::IDS;
        }
        let Some(mut found) = alone(source) else {
            return Extracted::NOTHING;
        };
        std::mem::swap(&mut found.baggage, &mut context.baggage);
        *context = found;
        Extracted::IDS
    }
}

/// Writes the headers, also those of a context whose ids are not valid. Allocates only for a text id that must be encoded.
pub(super) fn write(context: &SpanContext, sink: &mut dyn HeaderSink) {
    let digits = &mut [0; 32];
    let trace = header_text(context.text_trace_id(), context.trace_id.write_hex(digits));
    sink.set(TRACE_ID, &trace);
    let digits = &mut [0; 16];
    let span = header_text(context.text_span_id(), context.span_id.write_hex(digits));
    sink.set(SPAN_ID, &span);
    match context.parent_span_id {
        Some(id) => {
            let digits = &mut [0; 16];
            let parent = header_text(context.text_parent_span_id(), id.write_hex(digits));
            sink.set(PARENT_SPAN_ID, &parent);
        }
        None => sink.set(PARENT_SPAN_ID, ""),
    }
    sink.set(SAMPLED, if context.sampled { "true" } else { "false" });
}

/// A text id as a header carries it: visible ASCII, all else and the percent sign encoded.
fn header_text<'a>(text: Option<&'a str>, hex: &'a str) -> Cow<'a, str> {
    let Some(text) = text else {
        return Cow::Borrowed(hex);
    };
    if text.len() <= LONGEST_TEXT_ID && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::new();
    if text.len() <= LONGEST_TEXT_ID {
        percent::encode(text, &mut encoded, is_plain);
    }
    if encoded.is_empty() || encoded.len() > LONGEST_TEXT_ID {
        return Cow::Borrowed(hex);
    }
    Cow::Owned(encoded)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

/// The text that [`header_text`] would write as this; what it would not write stands for itself, for not everybody encodes.
fn text_of(header: &str) -> Cow<'_, str> {
    let decoded = percent::decode(header);
    let mut encoded = String::new();
    if let Cow::Owned(text) = &decoded {
        percent::encode(text, &mut encoded, is_plain);
    }
    if encoded == header {
        decoded
    } else {
        Cow::Borrowed(header)
    }
}

/// The one `traceparent`; several different ones are as good as none.
pub(super) fn traceparent(source: &dyn HeaderSource) -> Option<TraceParent> {
    let mut found: Option<Option<TraceParent>> = None;
    source.each("traceparent", &mut |value| {
        let parent = TraceParent::parse(value);
        found = match found {
            Some(other) if other != parent => Some(None),
            _ => Some(parent),
        };
    });
    found.flatten()
}

/// Restores what a `traceparent` could not carry of the context that it was read into.
fn restore(context: &mut SpanContext, source: &dyn HeaderSource) {
    let (trace_id, span_id) = (context.trace_id, context.span_id);
    let mut texts = TextIds::default();
    let mut same_trace = false;
    let mut same_span = false;
    source.each("x-trace-id", &mut |value| {
        let digits = &mut [0; 32];
        same_trace |= restores(value, trace_id.write_hex(digits), |text| {
            texts.trace_id_if(text, trace_id)
        });
    });
    source.each("x-span-id", &mut |value| {
        let digits = &mut [0; 16];
        same_span |= restores(value, span_id.write_hex(digits), |text| {
            texts.span_id_if(text, span_id)
        });
    });
    // Somebody who does not know the `X-…` headers may have passed on those of an earlier span.
    if same_trace && same_span {
        source.each("x-parent-span-id", &mut |value| {
            let value = trimmed(value);
            if is_acceptable(value) {
                let id = texts.set_parent_span_id(&percent::decode(value));
                context.parent_span_id = id.valid();
            }
        });
    }
    context.set_text_ids(texts.shared());
}

/// Whether the header's value is these digits or, decoded or (from one who does not encode) as it stands, is accepted.
fn restores(value: &str, digits: &str, mut accept: impl FnMut(&str) -> bool) -> bool {
    let value = trimmed(value);
    value == digits
        || is_acceptable(value)
            && (accept(&percent::decode(value)) || value.contains('%') && accept(value))
}

/// The context that these headers carry without a `traceparent`.
fn alone(source: &dyn HeaderSource) -> Option<SpanContext> {
    let trace = only_value(source, "x-trace-id")?;
    let span = only_value(source, "x-span-id")?;
    let parent = only_value(source, "x-parent-span-id");
    let parent = parent.as_deref().map(text_of);
    let mut context = SpanContext::from_text(&text_of(&trace), &text_of(&span), parent.as_deref());
    context.parent_span_id = context.parent_span_id.and_then(SpanId::valid);
    context.is_remote = true;
    source.each("x-sampled", &mut |value| {
        let value = trimmed(value);
        context.sampled = !(value.eq_ignore_ascii_case("false") || value == "0");
    });
    context.is_valid().then_some(context)
}

/// The header's value, `None` where it is missing, malformed, or there are several different ones.
fn only_value(source: &dyn HeaderSource, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut good = true;
    source.each(name, &mut |value| {
        let value = trimmed(value);
        good &= is_acceptable(value) && found.as_ref().is_none_or(|known| known == value);
        if good && found.is_none() {
            found = Some(value.to_owned());
        }
    });
    found.filter(|_| good)
}

fn is_acceptable(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_TEXT_ID && !percent::has_control(text)
}

fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Propagators, TraceContext};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn there_and_back(propagators: &Propagators, context: &SpanContext) -> Option<SpanContext> {
        let mut headers = Vec::new();
        propagators.inject(context, &mut headers);
        propagators.extract_from(&headers)
    }

    #[test]
    fn contexts_go_there_and_back_alone_and_beside_others_in_any_order() {
        for propagators in [
            Propagators::none().with(SeedHeaders),
            Propagators::none().with(TraceContext).with(SeedHeaders),
            Propagators::none().with(SeedHeaders).with(SeedHeaders),
        ] {
            for (trace, span, parent) in [
                (TRACE, SPAN, None),
                (TRACE, SPAN, Some("00000000000000ab")),
                ("trace123", "span456", Some("p")),
                ("Zoë\r\nX-Evil: 1", "50%41", Some("%")),
            ] {
                let mut context = SpanContext::from_text(trace, span, parent);
                context.sampled = false;
                assert_eq!(there_and_back(&propagators, &context), Some(context));
            }
        }
    }

    #[test]
    fn what_nobody_encoded_stands_for_itself() {
        for text in ["50%41", "50%", "%zz", "Zoë"] {
            assert_eq!(text_of(text), text);
        }
        assert_eq!(text_of("50%25"), "50%");
    }

    #[test]
    fn a_failed_extract_keeps_the_context() {
        let mut old = SpanContext::from_text("trace", "span", None);
        old.baggage.insert("user", "ann");
        let mut context = old.clone();
        for headers in [&[("X-Trace-Id", TRACE)][..], &[("X-Span-Id", SPAN)], &[]] {
            assert!(!SeedHeaders.extract(&mut context, &headers.to_vec()).found);
            assert_eq!(context, old);
        }
        let headers = [("X-Trace-Id", TRACE), ("X-Span-Id", SPAN)];
        assert!(SeedHeaders.extract(&mut context, &headers).found);
        let mut expected = SpanContext::from_text(TRACE, SPAN, None);
        expected.baggage = old.baggage;
        assert_eq!(context, expected);
        assert!(context.is_remote);
    }
}
