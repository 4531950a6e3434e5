//! Propagators and the parent of roots, as the environment has them.

use codomyrmex_tracing::environment::{Environment, Settings};
use codomyrmex_tracing::{Propagator, SpanContext, SpanKind, SpanOptions};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Environment::from_pairs(pairs.iter().copied()).settings()
}

fn fields(pairs: &[(&str, &str)]) -> Vec<&'static str> {
    settings(pairs).propagators.fields().to_vec()
}

#[test]
fn the_environment_chooses_the_formats() {
    assert_eq!(fields(&[]), ["traceparent", "tracestate", "baggage"]);
    assert_eq!(fields(&[("OTEL_PROPAGATORS", "Baggage")]), ["baggage"]);
    let both = [
        ("OTEL_PROPAGATORS", "baggage"),
        ("CODOMYRMEX_PROPAGATORS", "none"),
    ];
    assert_eq!(fields(&both), [""; 0]);
}

#[test]
fn a_format_that_there_is_not_is_warned_of() {
    let wrong = settings(&[
        ("CODOMYRMEX_PROPAGATORS", "baggage,b4"),
        ("OTEL_PROPAGATORS", "tracecontext"),
    ]);
    assert_eq!(wrong.propagators.fields(), ["traceparent", "tracestate"]);
    assert_eq!(wrong.warnings.len(), 1);
    let begin = "CODOMYRMEX_PROPAGATORS is ignored: there is no propagator \"b4\", only";
    assert!(wrong.warnings[0].starts_with(begin), "{:?}", wrong.warnings);
}

#[test]
fn baggage_is_redacted_as_the_environment_says() {
    let context = |settings: Settings| {
        let mut context = SpanContext::INVALID;
        context.baggage.insert("pin", "1234");
        context.baggage.insert("password", "hunter2");
        let mut headers: Vec<(String, String)> = Vec::new();
        settings.propagators.inject(&context, &mut headers);
        headers.remove(0).1
    };
    assert_eq!(
        context(settings(&[("CODOMYRMEX_REDACT", "+pin")])),
        "pin=[redacted],password=[redacted]"
    );
    assert_eq!(
        context(settings(&[("CODOMYRMEX_REDACT", "off")])),
        "pin=1234,password=hunter2"
    );
}

#[test]
fn a_process_goes_on_with_the_trace_of_the_one_that_started_it() {
    let settings = settings(&[
        ("TRACEPARENT", PARENT),
        ("TRACESTATE", "a=1"),
        ("BAGGAGE", "user=ann"),
    ]);
    assert_eq!(settings.warnings, [""; 0]);
    let tracer = settings.builder("job").build();
    let root = tracer.span("root").context();
    let parent = SpanContext::from_traceparent(PARENT).unwrap();
    assert_eq!(root.trace_id, parent.trace_id);
    assert_eq!(root.parent_span_id, Some(parent.span_id));
    assert_eq!(root.trace_state.as_str(), "a=1");
    assert_eq!(root.baggage.get("user"), Some("ann"));
    let served = tracer.span_with("GET /", SpanOptions::new().kind(SpanKind::Server));
    assert_eq!(served.context().parent_span_id, None);
}

#[test]
fn and_does_not_where_it_is_told_so_or_finds_nothing_valid() {
    for pairs in [
        &[("TRACEPARENT", "nonsense")][..],
        &[("TRACEPARENT", "")],
        &[("BAGGAGE", "user=ann")],
        &[("TRACEPARENT", PARENT), ("OTEL_PROPAGATORS", "baggage")],
        &[
            ("TRACEPARENT", PARENT),
            ("CODOMYRMEX_PARENT_FROM_ENVIRONMENT", "false"),
        ],
    ] {
        let settings = settings(pairs);
        assert_eq!(settings.parent, None, "{pairs:?}");
        assert_eq!(settings.warnings, [""; 0]);
        let tracer = settings.builder("job").build();
        assert_eq!(tracer.span("root").context().parent_span_id, None);
    }
}

#[test]
fn what_is_carried_is_not_shown() {
    let environment = Environment::from_pairs([("BAGGAGE", "user=ann"), ("HOME", "here")]);
    assert_eq!(format!("{environment:?}"), "Environment({\"BAGGAGE\"})");
}
