//! A tracer whose roots stand below a span of another process.

use codomyrmex_core::{InMemoryExporter, SpanContext, SpanKind, SpanOptions, Tracer};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

fn parent() -> SpanContext {
    let mut parent = SpanContext::from_traceparent(PARENT).unwrap();
    parent.baggage.insert("user", "ann");
    parent.trace_state.insert("a", "1").unwrap();
    parent
}

fn tracer(parent: SpanContext) -> (Tracer, InMemoryExporter) {
    let spans = InMemoryExporter::new();
    let tracer = Tracer::builder("job")
        .exporter(spans.clone())
        .parent(parent)
        .build();
    (tracer, spans)
}

#[test]
fn roots_stand_below_it_with_all_that_it_carries() {
    let (tracer, spans) = tracer(parent());
    {
        let first = tracer.span("first");
        let context = first.context();
        assert_eq!(context.trace_id, parent().trace_id);
        assert_eq!(context.parent_span_id, Some(parent().span_id));
        assert_eq!(context.baggage, parent().baggage);
        assert_eq!(context.trace_state, parent().trace_state);
        assert!(context.random_trace_id() && !context.is_remote);
        tracer.span("child").finish();
    }
    tracer.start_span("second").finish();
    std::thread::scope(|scope| {
        scope.spawn(|| tracer.span("on another thread").finish());
    });
    tracer.flush();
    let spans = spans.spans();
    let named = |name: &str| &spans.iter().find(|span| span.name == name).unwrap().context;
    for name in ["first", "second", "on another thread"] {
        assert_eq!(named(name).parent_span_id, Some(parent().span_id), "{name}");
    }
    assert_eq!(named("child").parent_span_id, Some(named("first").span_id));
}

#[test]
fn who_is_called_from_elsewhere_or_asks_for_a_root_is_one() {
    let (tracer, _) = tracer(parent());
    for options in [
        SpanOptions::new().kind(SpanKind::Server),
        SpanOptions::new().kind(SpanKind::Consumer),
        SpanOptions::new().root(),
        SpanOptions::new().parent(&SpanContext::INVALID),
    ] {
        let span = tracer.span_with("root", options);
        assert_eq!(span.context().parent_span_id, None);
        assert_ne!(span.context().trace_id, parent().trace_id);
        // Below it the rule is the usual one.
        let child = tracer.span_with("child", SpanOptions::new().kind(SpanKind::Client));
        assert_eq!(child.context().trace_id, span.context().trace_id);
    }
}

#[test]
fn what_is_not_sampled_there_is_not_recorded_here() {
    let mut unsampled = parent();
    unsampled.sampled = false;
    let (tracer, _) = tracer(unsampled);
    {
        let _root = tracer.span("root");
        tracer.span("child").finish();
    }
    let stats = tracer.stats();
    assert_eq!((stats.unsampled, stats.recorded), (2, 0));
    assert!(stats.balanced());
}

#[test]
fn a_plain_parent_of_ids_and_a_parent_that_is_none() {
    let (tracer_below, _) = tracer(SpanContext::from_traceparent(PARENT).unwrap());
    for _ in 0..3 {
        let root = tracer_below.span("root");
        assert_eq!(root.context().parent_span_id, Some(parent().span_id));
        let child = tracer_below.span("child");
        assert_eq!(child.context().parent_span_id, Some(root.context().span_id));
    }
    let (tracer_alone, _) = tracer(SpanContext::INVALID);
    assert_eq!(tracer_alone.span("root").context().parent_span_id, None);
}
