//! Every propagator: what it writes it reads, and what strangers write does no harm.

use codomyrmex_core::{
    AsVariables, B3, BaggagePropagator, HeaderSource, Jaeger, Propagator, Propagators, SeedHeaders,
    SpanContext, SpanId, TraceContext, TraceId, XRay,
};
use proptest::collection::vec;
use proptest::prelude::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn all() -> Vec<(&'static str, Propagators)> {
    [
        "tracecontext",
        "baggage",
        "b3",
        "b3multi",
        "jaeger",
        "xray",
        "codomyrmex",
        "tracecontext,baggage,b3,b3multi,jaeger,xray,codomyrmex",
    ]
    .map(|name| (name, name.parse().unwrap()))
    .into()
}

/// Names that somebody reads, in some case, and one that nobody does.
fn name() -> impl Strategy<Value = String> {
    let mut names: Vec<String> = all()
        .iter()
        .flat_map(|(_, propagators)| propagators.fields().to_vec())
        .map(str::to_owned)
        .collect();
    names.extend(["uberctx-user".to_owned(), "host".to_owned()]);
    (proptest::sample::select(names), any::<bool>()).prop_map(|(name, shout)| {
        if shout { name.to_uppercase() } else { name }
    })
}

/// Any text, with more of what such headers are made of.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            TRACE,
            SPAN,
            "00-",
            "-",
            "-01",
            "-1",
            ":",
            ":0:1",
            "Root=1-",
            ";Parent=",
            ";Sampled=1",
            "=",
            ",",
            ";",
            "%",
            "%41",
            " ",
            "\t",
            "\r\n",
            "true",
            "0",
            "é",
            "\0",
            "ff"
        ])
        .prop_map(str::to_owned),
        "[0-9a-fA-F]{1,33}",
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn context() -> impl Strategy<Value = SpanContext> {
    let ids = (1..=u128::MAX, 1..=u64::MAX);
    (ids, any::<bool>(), any::<bool>()).prop_map(|((trace, span), sampled, random)| {
        let mut context = SpanContext::new(
            TraceId::from_bytes(trace.to_be_bytes()),
            SpanId::from_bytes(span.to_be_bytes()),
        );
        context.sampled = sampled;
        context.set_random_trace_id(random);
        context
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(context in context(), user in value()) {
        for (name, propagators) in all() {
            let mut context = context.clone();
            if name.contains("baggage") || name.contains("jaeger") {
                context.baggage.insert("user", user.trim().to_owned());
            }
            let mut headers: Vec<(String, String)> = Vec::new();
            let injected = propagators.inject(&context, &mut headers);
            prop_assert_eq!(injected.baggage_dropped, 0);
            for (header, value) in &headers {
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{}: {:?}", header, value);
            }
            if name == "baggage" {
                let mut back = context.clone();
                back.baggage = codomyrmex_core::Baggage::new();
                prop_assert!(propagators.extract(&mut back, &headers).found);
                prop_assert_eq!(back, context);
                continue;
            }
            prop_assert_eq!(propagators.extract_from(&headers), Some(context.clone()), "{}", name);
            let mut variables: Vec<(String, String)> = Vec::new();
            propagators.inject(&context, &mut AsVariables(&mut variables));
            if !name.contains("jaeger") {
                let back = propagators.extract_from(&AsVariables(&variables));
                prop_assert_eq!(back, Some(context), "{}", name);
            }
        }
    }

    #[test]
    fn strangers_do_no_harm(headers in vec((name(), value()), 0..8)) {
        let mut old = SpanContext::from_text("old trace", "old span", None);
        old.baggage.insert("old", "1");
        for (name, propagators) in all() {
            let mut context = old.clone();
            let extracted = propagators.extract(&mut context, &headers);
            if !extracted.found {
                prop_assert_eq!(&context, &old, "{}", name);
            }
            prop_assert!(context.is_valid(), "{}", name);
            // It can go on, and arrives as what it is.
            let mut out: Vec<(String, String)> = Vec::new();
            propagators.inject(&context, &mut out);
            if name != "baggage" {
                let back = propagators.extract_from(&out).map(|back| back.span_id);
                prop_assert_eq!(back, Some(context.span_id), "{}", name);
            }
        }
    }

    #[test]
    fn a_traceparent_is_what_the_grammar_says(value in "(00|01|cc|fe|ff|0f|0F)-[0-9a-f]{30,33}-[0-9a-f]{15,17}-[0-9a-f]{2}(-.{0,3}|.{0,2})?") {
        let parts: Vec<&str> = value.splitn(5, '-').collect();
        let lower_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let end = value.get(55..).unwrap_or("?").trim_end_matches([' ', '\t']);
        let expected = lower_hex(parts[0], 2)
            && parts[0] != "ff"
            && lower_hex(parts[1], 32)
            && lower_hex(parts[2], 16)
            && lower_hex(value.get(53..55).unwrap_or(""), 2)
            && parts[1].bytes().any(|byte| byte != b'0')
            && parts[2].bytes().any(|byte| byte != b'0')
            && (end.is_empty() || parts[0] != "00" && end.starts_with('-'));
        prop_assert_eq!(SpanContext::from_traceparent(&value).is_some(), expected, "{}", value);
    }
}

/// The only header of this name and value.
fn alone(
    propagator: impl Propagator + 'static,
    headers: &(impl HeaderSource + ?Sized),
) -> Option<SpanContext> {
    Propagators::none().with(propagator).extract_from(headers)
}

#[test]
fn each_format_reads_its_own_only() {
    let mut context = SpanContext::from_text(TRACE, SPAN, None);
    context.baggage.insert("user", "ann");
    for (writer, propagators) in all() {
        if writer.contains(',') {
            continue;
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        propagators.inject(&context, &mut headers);
        let readers = [
            ("tracecontext", alone(TraceContext, &headers)),
            ("baggage", alone(BaggagePropagator::new(), &headers)),
            ("b3", alone(B3::Single, &headers)),
            ("jaeger", alone(Jaeger::new(), &headers)),
            ("xray", alone(XRay, &headers)),
            ("codomyrmex", alone(SeedHeaders, &headers)),
        ];
        for (reader, found) in readers {
            let same = writer.trim_end_matches("multi") == reader && reader != "baggage";
            assert_eq!(found.is_some(), same, "{writer} read by {reader}");
        }
    }
}

#[test]
fn of_several_formats_the_last_that_is_found_decides() {
    let headers = [
        ("traceparent", format!("00-{TRACE}-{SPAN}-01")),
        ("b3", format!("{}-{}-0", "1".repeat(32), "2".repeat(16))),
    ];
    let trace = |list: &str, count: usize| {
        let propagators: Propagators = list.parse().unwrap();
        let found = propagators.extract_from(&headers[..count]).unwrap();
        found.trace_id.to_string()
    };
    assert_eq!(trace("b3,tracecontext", 2), TRACE);
    assert_eq!(trace("tracecontext,b3", 2), "1".repeat(32));
    assert_eq!(trace("tracecontext,b3", 1), TRACE);
}
