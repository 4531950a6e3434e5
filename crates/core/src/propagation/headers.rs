//! A context in all the headers that it has: those of W3C, and the `X-…` headers that carry ids of any text.

use crate::propagation::propagators::Unsized;
use crate::propagation::seed_headers::{self, SeedHeaders};
use crate::propagation::trace_context::trace_state;
use crate::propagation::{BaggagePropagator, HeaderSource, Injected, Propagator, TraceContext};
use crate::{Redact, SpanContext};

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

impl SpanContext {
    /// The headers that carry this context to another process: `X-Trace-Id`, `X-Span-Id`, `X-Parent-Span-Id` (empty for a root),
    /// `X-Sampled` (`true` or `false`), `traceparent`, and `baggage` and `tracestate` where they are not empty.
    ///
    /// They are these whatever propagators are chosen. Names and values hold visible ASCII and single spaces only, whatever
    /// the context holds. Baggage that is a secret by [`Redact::standard`] is replaced; see
    /// [`inject_with`](SpanContext::inject_with).
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
        let mut set = |name: &str, value: &str| set(name, value);
        seed_headers::write(self, &mut set);
        let injected = BaggagePropagator::inject_with(redact, self, &mut set);
        TraceContext.inject(self, &mut set);
        injected
    }

    /// The context that these headers carry, `None` where ids are missing or malformed.
    ///
    /// A valid `traceparent` decides ids and sampling; one that is repeated unchanged is valid. The `X-…` headers count where
    /// there is none; beside one they restore the texts whose hashes it carries, and the parent's id.
    pub fn from_headers(headers: &(impl HeaderSource + ?Sized)) -> Option<SpanContext> {
        SpanContext::extract(headers).map(|(context, _)| context)
    }

    /// As [`from_headers`](SpanContext::from_headers), with the number of members of the baggage that were left out; see
    /// [`Baggage::decode`](crate::Baggage::decode).
    pub fn extract(headers: &(impl HeaderSource + ?Sized)) -> Option<(SpanContext, usize)> {
        let headers = Unsized(headers);
        let mut context = SpanContext::INVALID;
        if let Some(parent) = seed_headers::traceparent(&headers) {
            context.become_remote(parent.trace_id, parent.span_id, parent.sampled);
            context.set_random_trace_id(parent.random);
            context.trace_state = trace_state(&headers);
        }
        SeedHeaders.extract(&mut context, &headers);
        if !context.is_valid() {
            return None;
        }
        let baggage = BaggagePropagator::new().extract(&mut context, &headers);
        Some((context, baggage.baggage_dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::seed_headers::LONGEST_TEXT_ID;
    use crate::propagation::trace_context::LONGEST_TRACE_STATE;
    use crate::{SpanId, TraceId};

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
