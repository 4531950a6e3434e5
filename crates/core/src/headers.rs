//! Contexts in headers: W3C's `traceparent`, `tracestate` and `baggage`, and the `X-…` headers that carry ids of any text.

use std::borrow::Cow;

use crate::percent;
use crate::text_id::TextIds;
use crate::traceparent::{LENGTH, TraceParent};
use crate::{
    Baggage, BaggageDecoder, BaggageMember, EncodedBaggage, HeaderSource, Redact, SpanContext,
    SpanId, TraceId, TraceState,
};

/// The longest text id that a header carries, encoded, in bytes; instead of a longer one its hash is sent.
const LONGEST_TEXT_ID: usize = 1024;
/// More than this in `tracestate` cannot be valid: 32 entries, each with a key and a value of 256 bytes.
const LONGEST_TRACE_STATE: usize = 32 * (256 + 256 + 8);

/// The names in the order in which [`SpanContext::to_headers`] gives them.
pub const HEADER_NAMES: [&str; 7] = [
    "X-Trace-Id",
    "X-Span-Id",
    "X-Parent-Span-Id",
    "X-Sampled",
    "baggage",
    "traceparent",
    "tracestate",
];

/// What goes into headers, borrowed from wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingContext<'a> {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span's parent.
    pub parent_span_id: Option<SpanId>,
    /// The trace id's own text; see [`TraceId::from_text`].
    pub text_trace_id: Option<&'a str>,
    /// The span id's own text.
    pub text_span_id: Option<&'a str>,
    /// The parent id's own text.
    pub text_parent_span_id: Option<&'a str>,
    /// Whether the span is recorded.
    pub sampled: bool,
    /// Whether the trace id is known to be random.
    pub random_trace_id: bool,
    /// What travels along for tracing systems.
    pub trace_state: &'a TraceState,
    /// What travels along for the application.
    pub baggage: &'a EncodedBaggage,
}

impl OutgoingContext<'_> {
    /// Hands each header's name and value to `set`, in the order of [`HEADER_NAMES`].
    ///
    /// The `X-…` headers always come; `baggage` and `tracestate` where they are not empty, `traceparent` where the ids are valid.
    /// Allocates only for a text id that must be encoded.
    pub fn inject(&self, set: &mut dyn FnMut(&str, &str)) {
        let [
            trace,
            span,
            parent,
            sampled,
            baggage,
            traceparent,
            tracestate,
        ] = HEADER_NAMES;
        set(
            trace,
            &header_text(self.text_trace_id, self.trace_id.write_hex(&mut [0; 32])),
        );
        set(
            span,
            &header_text(self.text_span_id, self.span_id.write_hex(&mut [0; 16])),
        );
        match self.parent_span_id {
            Some(id) => set(
                parent,
                &header_text(self.text_parent_span_id, id.write_hex(&mut [0; 16])),
            ),
            None => set(parent, ""),
        }
        set(sampled, if self.sampled { "true" } else { "false" });
        if !self.baggage.header().is_empty() {
            set(baggage, self.baggage.header());
        }
        if self.trace_id.is_valid() && self.span_id.is_valid() {
            let parent = TraceParent {
                trace_id: self.trace_id,
                span_id: self.span_id,
                sampled: self.sampled,
                random: self.random_trace_id,
            };
            set(traceparent, parent.write(&mut [0; LENGTH]));
            if !self.trace_state.is_empty() {
                set(tracestate, self.trace_state.as_str());
            }
        }
    }
}

/// A text id as a header carries it: visible ASCII, all else and the percent sign encoded.
fn header_text<'a>(text: Option<&'a str>, hex: &'a str) -> Cow<'a, str> {
    let Some(text) = text else {
        return Cow::Borrowed(hex);
    };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if text.len() <= LONGEST_TEXT_ID && text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::new();
    if text.len() <= LONGEST_TEXT_ID {
        percent::encode(text, &mut encoded, plain);
    }
    if encoded.is_empty() || encoded.len() > LONGEST_TEXT_ID {
        return Cow::Borrowed(hex);
    }
    Cow::Owned(encoded)
}

impl SpanContext {
    /// The headers that carry this context to another process: `X-Trace-Id`, `X-Span-Id`, `X-Parent-Span-Id` (empty for a root),
    /// `X-Sampled` (`true` or `false`), `traceparent`, and `baggage` and `tracestate` where they are not empty.
    ///
    /// Names and values hold visible ASCII and single spaces only, whatever the context holds. Baggage that is a secret by
    /// [`Redact::standard`] is replaced; see [`inject_with`](SpanContext::inject_with).
    pub fn to_headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::with_capacity(HEADER_NAMES.len());
        self.inject(&mut |name, value| headers.push((name.to_owned(), value.to_owned())));
        headers
    }

    /// As [`to_headers`](SpanContext::to_headers), handing each name and value to `set`.
    pub fn inject(&self, set: &mut dyn FnMut(&str, &str)) -> Injected {
        self.inject_with(Redact::standard(), set)
    }

    /// As [`inject`](SpanContext::inject), with other rules for what in the baggage is a secret.
    pub fn inject_with(&self, redact: &Redact, set: &mut dyn FnMut(&str, &str)) -> Injected {
        let baggage = self.baggage.encode_with(redact);
        OutgoingContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            text_trace_id: self.text_trace_id(),
            text_span_id: self.text_span_id(),
            text_parent_span_id: self.text_parent_span_id(),
            sampled: self.sampled,
            random_trace_id: self.random_trace_id(),
            trace_state: &self.trace_state,
            baggage: &baggage,
        }
        .inject(set);
        Injected {
            baggage_dropped: baggage.dropped(),
            baggage_redacted: baggage.redacted(),
        }
    }

    /// The context that these headers carry, `None` where ids are missing or malformed.
    ///
    /// A valid `traceparent` decides ids and sampling. The `X-…` headers count where there is none; beside one they restore
    /// the texts whose hashes it carries, and the parent's id.
    pub fn from_headers(headers: &(impl HeaderSource + ?Sized)) -> Option<SpanContext> {
        SpanContext::extract(headers).map(|(context, _)| context)
    }

    /// As [`from_headers`](SpanContext::from_headers), with the number of members of the baggage that were left out; see
    /// [`Baggage::decode`].
    pub fn extract(headers: &(impl HeaderSource + ?Sized)) -> Option<(SpanContext, usize)> {
        let mut baggage = Baggage::new();
        let (mut context, dropped) =
            SpanContext::extract_with(headers, &mut |member| baggage.insert_decoded(member))?;
        context.baggage = baggage;
        Some((context, dropped))
    }

    /// As [`extract`](SpanContext::extract), handing each member of the baggage to `take` instead of keeping them. A key may
    /// come twice; the last one counts.
    pub fn extract_with(
        headers: &(impl HeaderSource + ?Sized),
        take: &mut dyn FnMut(BaggageMember<'_>),
    ) -> Option<(SpanContext, usize)> {
        let context = match traceparent(headers) {
            Some(parent) => beside_traceparent(headers, parent),
            None => without_traceparent(headers)?,
        };
        let mut decoder = BaggageDecoder::new();
        headers.each("baggage", &mut |value| decoder.read(value, &mut *take));
        Some((context, decoder.dropped()))
    }
}

/// What did not leave with a context's headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Members of the baggage that did not fit within W3C's limits, or had an empty key.
    pub baggage_dropped: usize,
    /// Members of the baggage whose value was a secret and was replaced.
    pub baggage_redacted: usize,
}

/// The one `traceparent`; several different ones are as good as none.
fn traceparent(headers: &(impl HeaderSource + ?Sized)) -> Option<TraceParent> {
    let mut found: Option<Option<TraceParent>> = None;
    headers.each("traceparent", &mut |value| {
        let parent = TraceParent::parse(value);
        found = match found {
            Some(other) if other != parent => Some(None),
            _ => Some(parent),
        };
    });
    found.flatten()
}

fn beside_traceparent(headers: &(impl HeaderSource + ?Sized), parent: TraceParent) -> SpanContext {
    let mut texts = TextIds::default();
    let mut same_trace = false;
    let mut same_span = false;
    headers.each("x-trace-id", &mut |value| {
        let digits = &mut [0; 32];
        same_trace |= restores(value, parent.trace_id.write_hex(digits), |text| {
            texts.trace_id_if(text, parent.trace_id)
        });
    });
    headers.each("x-span-id", &mut |value| {
        let digits = &mut [0; 16];
        same_span |= restores(value, parent.span_id.write_hex(digits), |text| {
            texts.span_id_if(text, parent.span_id)
        });
    });
    let mut context = SpanContext::new(parent.trace_id, parent.span_id);
    // Somebody who does not know the `X-…` headers may have passed on those of an earlier span.
    if same_trace && same_span {
        headers.each("x-parent-span-id", &mut |value| {
            let value = trimmed(value);
            if is_acceptable(value) {
                let id = texts.set_parent_span_id(&percent::decode(value));
                context.parent_span_id = id.valid();
            }
        });
    }
    context.sampled = parent.sampled;
    context.is_remote = true;
    context.set_random_trace_id(parent.random);
    context.trace_state = trace_state(headers);
    context.set_text_ids(texts.shared());
    context
}

/// Whether the header's value is these digits or, decoded or (from one who does not encode) as it stands, is accepted.
fn restores(value: &str, digits: &str, mut accept: impl FnMut(&str) -> bool) -> bool {
    let value = trimmed(value);
    value == digits
        || is_acceptable(value)
            && (accept(&percent::decode(value)) || value.contains('%') && accept(value))
}

fn without_traceparent(headers: &(impl HeaderSource + ?Sized)) -> Option<SpanContext> {
    let trace = only_value(headers, "x-trace-id")?;
    let span = only_value(headers, "x-span-id")?;
    let parent = only_value(headers, "x-parent-span-id");
    let mut context = SpanContext::from_text(&trace, &span, parent.as_deref());
    context.parent_span_id = context.parent_span_id.and_then(SpanId::valid);
    context.is_remote = true;
    headers.each("x-sampled", &mut |value| {
        let value = trimmed(value);
        context.sampled = !(value.eq_ignore_ascii_case("false") || value == "0");
    });
    context.is_valid().then_some(context)
}

/// The header's value, `None` where it is missing, malformed, or there are several different ones.
fn only_value(headers: &(impl HeaderSource + ?Sized), name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut good = true;
    headers.each(name, &mut |value| {
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

/// Empty where any of it is malformed, as W3C asks.
fn trace_state(headers: &(impl HeaderSource + ?Sized)) -> TraceState {
    let mut joined = String::new();
    let mut too_long = false;
    headers.each("tracestate", &mut |value| {
        too_long |= joined.len() + value.len() > LONGEST_TRACE_STATE;
        if !too_long {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(value);
        }
    });
    if too_long {
        return TraceState::EMPTY;
    }
    joined.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn from(pairs: &[(&str, &str)]) -> Option<SpanContext> {
        SpanContext::from_headers(pairs)
    }

    #[test]
    fn the_headers_are_these() {
        let mut context = SpanContext::from_text(TRACE, SPAN, None);
        let plain = context.to_headers();
        let expected = [
            ("X-Trace-Id", TRACE),
            ("X-Span-Id", SPAN),
            ("X-Parent-Span-Id", ""),
            ("X-Sampled", "true"),
            ("traceparent", PARENT),
        ];
        assert_eq!(
            plain,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        context.baggage.insert("user", "ann lee");
        context.trace_state.insert("a", "1").unwrap();
        context.parent_span_id = Some(SpanId::from_bytes([0xab; 8]));
        context.sampled = false;
        let full = context.to_headers();
        let names: Vec<&str> = full.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, HEADER_NAMES);
        let values: Vec<&str> = full.iter().map(|(_, value)| value.as_str()).collect();
        let unsampled = PARENT.replace("-01", "-00");
        assert_eq!(
            values,
            [
                TRACE,
                SPAN,
                "abababababababab",
                "false",
                "user=ann%20lee",
                &unsampled,
                "a=1"
            ]
        );
        let back = SpanContext::from_headers(&full).unwrap();
        assert!(back.is_remote);
        assert_eq!(back, context);
    }

    #[test]
    fn text_ids_go_there_and_back() {
        for text in [
            "trace123",
            "a",
            "ann's trace",
            "50%",
            "%41",
            "Zoë\r\nX-Evil: 1",
            "A,B;c=d",
            &TRACE.to_uppercase(),
        ] {
            let context = SpanContext::from_text(text, text, Some(text));
            let headers = context.to_headers();
            for (_, value) in &headers {
                assert!(
                    value.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{value:?}"
                );
            }
            let back = SpanContext::from_headers(&headers).unwrap();
            assert_eq!(back, context);
            assert_eq!(back.trace_id_text(), text);
            assert_eq!(back.text_parent_span_id(), Some(text));
        }
    }

    #[test]
    fn a_text_too_long_for_a_header_is_sent_as_its_hash() {
        for text in [
            "x".repeat(LONGEST_TEXT_ID + 1),
            "é".repeat(LONGEST_TEXT_ID / 2),
        ] {
            let context = SpanContext::from_text(&text, SPAN, None);
            let headers = context.to_headers();
            assert_eq!(headers[0].1, context.trace_id.to_string());
            let back = SpanContext::from_headers(&headers).unwrap();
            assert_eq!(back.trace_id, context.trace_id);
        }
    }

    #[test]
    fn traceparent_decides_and_x_headers_only_restore_what_it_carries() {
        let context = from(&[
            ("TraceParent", PARENT),
            ("x-trace-id", "trace123"),
            ("x-span-id", SPAN),
            ("x-parent-span-id", "p"),
            ("x-sampled", "false"),
        ])
        .unwrap();
        assert_eq!(context, SpanContext::from_text(TRACE, SPAN, None));

        let hashed = TraceId::from_text("trace123");
        let carries = format!("00-{hashed}-{SPAN}-00");
        let context = from(&[
            ("traceparent", &carries),
            ("X-TRACE-ID", "trace123"),
            ("X-SPAN-ID", "an-earlier-span"),
            ("X-PARENT-SPAN-ID", "its-parent"),
        ])
        .unwrap();
        assert_eq!(context.trace_id_text(), "trace123");
        assert_eq!(context.span_id_text(), SPAN);
        assert_eq!(context.parent_span_id, None);
        assert!(!context.sampled);
    }

    #[test]
    fn a_text_id_that_was_not_encoded_is_restored_too() {
        for text in ["50%41", "Zoë"] {
            let carries = format!("00-{}-{SPAN}-01", TraceId::from_text(text));
            let context = from(&[("traceparent", &carries), ("x-trace-id", text)]).unwrap();
            assert_eq!(context.trace_id_text(), text);
        }
    }

    #[test]
    fn x_headers_count_where_traceparent_is_absent_or_invalid() {
        let ids = [
            ("x-trace-id", " trace123 "),
            ("x-span-id", "span456"),
            ("x-parent-span-id", ""),
        ];
        let expected = SpanContext::from_text("trace123", "span456", None);
        assert_eq!(from(&ids), Some(expected.clone()));
        for invalid in ["", "ff", &PARENT[1..], &format!("{PARENT}, {PARENT}")] {
            let mut headers = ids.to_vec();
            headers.push(("traceparent", invalid));
            headers.push(("tracestate", "a=1"));
            assert_eq!(from(&headers), Some(expected.clone()), "{invalid}");
        }
        let other = PARENT.replace("-01", "-00");
        let mut headers = ids.to_vec();
        headers.extend([("traceparent", PARENT), ("traceparent", &other)]);
        assert_eq!(from(&headers), Some(expected));
        let twice = [("traceparent", PARENT), ("Traceparent", PARENT)];
        assert_eq!(
            from(&twice),
            Some(SpanContext::from_text(TRACE, SPAN, None))
        );
        for (text, sampled) in [
            ("true", true),
            ("FALSE", false),
            ("0", false),
            ("1", true),
            ("", true),
        ] {
            let mut headers = ids.to_vec();
            headers.push(("X-Sampled", text));
            assert_eq!(from(&headers).unwrap().sampled, sampled, "{text}");
        }
    }

    #[test]
    fn missing_or_malformed_ids_are_none() {
        let zero = "0".repeat(32);
        let long = "x".repeat(LONGEST_TEXT_ID + 1);
        for headers in [
            &[][..],
            &[("x-trace-id", TRACE)],
            &[("x-span-id", SPAN)],
            &[("x-trace-id", ""), ("x-span-id", SPAN)],
            &[("x-trace-id", TRACE), ("x-span-id", " ")],
            &[("x-trace-id", &zero), ("x-span-id", SPAN)],
            &[("x-trace-id", TRACE), ("x-span-id", &zero[..16])],
            &[("x-trace-id", "a\r\nb"), ("x-span-id", SPAN)],
            &[("x-trace-id", &long), ("x-span-id", SPAN)],
            &[
                ("x-trace-id", "a"),
                ("X-Trace-Id", "b"),
                ("x-span-id", SPAN),
            ],
            &[("traceparent", "00-0-0-00")],
            &[("baggage", "a=1"), ("tracestate", "a=1")],
        ] {
            assert_eq!(from(headers), None, "{headers:?}");
        }
    }

    #[test]
    fn a_malformed_parent_is_no_parent() {
        for parent in ["a\nb", "0000000000000000"] {
            let headers = [
                ("x-trace-id", TRACE),
                ("x-span-id", SPAN),
                ("x-parent-span-id", parent),
            ];
            assert_eq!(
                from(&headers),
                Some(SpanContext::from_text(TRACE, SPAN, None))
            );
            let mut headers = headers.to_vec();
            headers.push(("traceparent", PARENT));
            assert_eq!(
                from(&headers),
                Some(SpanContext::from_text(TRACE, SPAN, None))
            );
        }
    }

    #[test]
    fn a_malformed_trace_state_is_left_out() {
        let state = |values: &[&str]| {
            let mut headers = vec![("traceparent", PARENT)];
            headers.extend(values.iter().map(|&value| ("tracestate", value)));
            from(&headers).unwrap().trace_state.to_string()
        };
        assert_eq!(state(&["a=1", "b=2,c=3"]), "a=1,b=2,c=3");
        assert_eq!(state(&["", "a=1"]), "a=1");
        assert_eq!(state(&["a=1", "B=2"]), "");
        assert_eq!(state(&[&",".repeat(LONGEST_TRACE_STATE + 1), "a=1"]), "");
    }

    #[test]
    fn the_random_flag_is_passed_on() {
        let parent = PARENT.replace("-01", "-03");
        let context = from(&[("traceparent", &parent)]).unwrap();
        assert!(context.random_trace_id());
        assert!(
            context
                .to_headers()
                .contains(&("traceparent".to_owned(), parent))
        );
    }

    #[test]
    fn secrets_in_baggage_stay_behind() {
        let mut context = SpanContext::from_text(TRACE, SPAN, None);
        context.baggage.insert("user.password", "hunter2");
        context.baggage.insert("", "lost");
        let mut sent = String::new();
        let injected = context.inject(&mut |_, value| sent.push_str(value));
        assert!(!sent.contains("hunter2"));
        assert!(sent.contains("user.password=[redacted]"));
        assert_eq!(
            (injected.baggage_dropped, injected.baggage_redacted),
            (1, 1)
        );
        let injected = context.inject_with(&Redact::off(), &mut |_, value| sent.push_str(value));
        assert!(sent.contains("hunter2"));
        assert_eq!(injected.baggage_redacted, 0);
    }

    #[test]
    fn baggage_left_out_on_the_way_in_is_counted() {
        let (context, dropped) = SpanContext::extract(&[
            ("traceparent", PARENT),
            ("baggage", "a=1,bad"),
            ("Baggage", "b=2;m,a=3"),
        ])
        .unwrap();
        assert_eq!(
            context.baggage.iter().collect::<Vec<_>>(),
            [("a", "3"), ("b", "2")]
        );
        assert_eq!(context.baggage.metadata("b"), Some("m"));
        assert_eq!(dropped, 1);
    }

    #[test]
    fn an_invalid_context_has_no_traceparent() {
        let headers = SpanContext::from_text("", SPAN, None).to_headers();
        assert_eq!(headers[0].1, "");
        assert!(headers.iter().all(|(name, _)| name != "traceparent"));
        assert_eq!(SpanContext::from_headers(&headers), None);
    }
}
