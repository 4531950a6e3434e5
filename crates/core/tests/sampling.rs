//! Which spans are recorded, and what an unsampled one still does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use codomyrmex_core::{
    InMemoryExporter, ParentBased, Sample, Sampler, SamplingInput, SamplingResult, SpanContext,
    SpanGuard, SpanId, SpanKind, SpanOptions, TraceId, TraceState, Tracer, Value, current_context,
    get_current_span,
};

fn tracer(sampler: Sampler) -> (Tracer, InMemoryExporter) {
    let memory = InMemoryExporter::with_capacity(100_000);
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .sampler(sampler)
        .build();
    (tracer, memory)
}

/// Started, unsampled, recorded; everything recorded is exported.
fn check(tracer: &Tracer, started: u64, unsampled: u64, recorded: u64) {
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(
        (stats.started, stats.unsampled, stats.recorded),
        (started, unsampled, recorded),
        "{stats}"
    );
    assert_eq!(stats.exporters[0].exported, recorded, "{stats}");
}

fn remote(sampled: bool) -> SpanContext {
    let mut context = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
    context.is_remote = true;
    context.sampled = sampled;
    context
}

/// Whether each of these is recorded: a root, a child of an unsampled remote parent, one of a sampled remote parent.
fn recorded(sampler: Sampler) -> [bool; 3] {
    let (tracer, _) = tracer(sampler);
    let is_recorded = |span: SpanGuard| {
        let inside = tracer.span("inside");
        assert_eq!(inside.trace_id(), span.trace_id());
        assert_eq!(span.context().sampled, span.is_recording());
        span.is_recording()
    };
    let recorded = [
        is_recorded(tracer.span("root")),
        is_recorded(tracer.span_with("a", SpanOptions::new().parent(&remote(false)))),
        is_recorded(tracer.span_with("b", SpanOptions::new().parent(&remote(true)))),
    ];
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    recorded
}

#[test]
fn the_built_in_samplers_decide_by_root_and_parent() {
    assert_eq!(recorded(Sampler::default()), [true, false, true]);
    assert_eq!(recorded(Sampler::always_on()), [true, true, true]);
    assert_eq!(recorded(Sampler::always_off()), [false, false, false]);
    assert_eq!(
        recorded(Sampler::parent_based(Sampler::always_off())),
        [false, false, true]
    );
    assert_eq!(recorded(Sampler::ratio(1.0)), [true, true, true]);
    assert_eq!(recorded(Sampler::ratio(0.0)), [false, false, false]);
    assert_eq!(
        recorded(Sampler::parent_based(Sampler::ratio(0.0))),
        [false, false, true]
    );
    let callers_do_not_decide = ParentBased::new(Sampler::always_on())
        .remote_parent_sampled(Sampler::always_off())
        .remote_parent_not_sampled(Sampler::always_on());
    assert_eq!(
        recorded(Sampler::custom(Arc::new(callers_do_not_decide))),
        [true, true, false]
    );
}

#[test]
fn an_unsampled_span_carries_its_context_and_nothing_else() {
    let (tracer, memory) = tracer(Sampler::always_off());
    let mut parent = remote(false);
    parent.baggage.insert("user", "ann");
    parent.trace_state = "vendor=value".parse().unwrap();
    {
        let span = tracer.span_with(
            "serve",
            SpanOptions::new().parent(&parent).attribute("k", "v"),
        );
        span.set_attribute("k", 1)
            .add_event("e", &[])
            .update_name("other");
        span.set_status(codomyrmex_core::SpanStatus::Error, "m")
            .set_kind(SpanKind::Server);
        assert!(!span.is_recording());
        let inside = tracer.span("inside");
        let context = current_context().unwrap();
        assert_eq!(context.span_id, inside.span_id());
        assert_eq!(context.parent_span_id, Some(span.span_id()));
        assert_eq!(
            (context.trace_id, context.sampled),
            (parent.trace_id, false)
        );
        assert_eq!(context.baggage.get("user"), Some("ann"));
        assert_eq!(context.trace_state, parent.trace_state);
        assert!(!get_current_span().unwrap().is_recording());
        let moved = tracer.start_span("moved");
        assert_eq!(moved.context().parent_span_id, Some(inside.span_id()));
        std::thread::spawn(move || moved.in_scope(|| assert!(current_context().is_some())))
            .join()
            .unwrap();
    }
    assert!(get_current_span().is_none());
    check(&tracer, 3, 3, 0);
    assert!(memory.spans().is_empty());
}

#[test]
fn unsampled_and_sampled_traces_do_not_mix() {
    // Records are reused: what one span left must not colour the next.
    let (tracer, memory) = tracer(Sampler::default());
    for round in 0..50 {
        let parent = remote(round % 2 == 0);
        let serve = tracer.span_with("serve", SpanOptions::new().parent(&parent));
        serve
            .set_attribute("round", round)
            .set_attribute("round", round);
        let query = tracer.span("query");
        query
            .set_attribute("k", "v")
            .add_event("e", &[("k", 1.into())]);
        assert_eq!(query.is_recording(), round % 2 == 0);
        tracer.start_span("job").set_attribute("round", round);
    }
    check(&tracer, 150, 75, 75);
    for span in memory.spans() {
        assert!(span.context.sampled);
        match span.name.as_str() {
            "query" => assert_eq!((span.attributes.len(), span.events.len()), (1, 1)),
            _ => {
                let Some(Value::Int(round)) = span.attribute("round") else {
                    panic!("{span:?}")
                };
                assert_eq!(round % 2, 0);
                assert_eq!((span.attributes.len(), span.events.len()), (1, 0));
            }
        }
    }
}

#[test]
fn a_ratio_records_its_share_and_a_higher_one_what_a_lower_one_does() {
    const TRACES: u64 = 4_000;
    let (tracer, memory) = tracer(Sampler::ratio(0.25));
    for _ in 0..TRACES {
        let _root = tracer.span("root");
        tracer.span("child").finish();
    }
    let stats = {
        tracer.flush();
        tracer.stats()
    };
    // Twelve standard deviations to each side.
    let share = stats.recorded / 2;
    assert!(
        (TRACES / 4 - 330..TRACES / 4 + 330).contains(&share),
        "{stats}"
    );
    let higher = Sampler::ratio(0.5);
    for span in memory.spans() {
        assert_eq!(
            higher.decide_fast(None, span.context.trace_id.low()),
            Some(true)
        );
        let trace = memory.get_spans(Some(span.context.trace_id));
        assert_eq!(trace.len(), 2, "root and child are decided alike");
    }
}

/// Keeps spans by name, adds to them, and remembers what it saw.
struct ByName {
    seen: Mutex<Vec<String>>,
}

impl Sample for ByName {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        let parent = input
            .parent
            .map(|parent| (parent.span_id, parent.is_remote));
        assert_eq!(parent.is_some(), input.name != "root");
        self.seen.lock().unwrap().push(format!(
            "{} {} {:?} {}",
            input.name,
            input.kind.as_str(),
            input.attributes,
            input.links.len()
        ));
        if input.name == "dropped" {
            return SamplingResult::drop();
        }
        let mut result = SamplingResult::record_and_sample();
        result
            .attributes
            .push(("sampler".into(), Value::from("by name")));
        result
            .attributes
            .push(("own".into(), Value::from("the sampler's")));
        let mut state = input
            .parent
            .map(|parent| parent.trace_state.clone())
            .unwrap_or_default();
        state.insert("sampled", input.name).unwrap();
        result.trace_state = Some(state);
        result
    }

    fn description(&self) -> String {
        "by name".into()
    }
}

#[test]
fn a_sampler_of_ones_own_sees_the_span_and_adds_to_it() {
    let sampler = Arc::new(ByName {
        seen: Mutex::default(),
    });
    let (tracer, memory) = tracer(Sampler::custom(sampler.clone()));
    {
        let options = SpanOptions::new()
            .kind(SpanKind::Server)
            .attribute("own", "the span's")
            .attribute("n", 3);
        let link = remote(true);
        let _root = tracer.span_with("root", options.link(&link));
        {
            let _dropped = tracer.span("dropped");
            let below = tracer.span("below");
            assert!(below.is_recording(), "it asks for each span");
        }
        tracer.start_span("child").finish();
    }
    check(&tracer, 4, 1, 3);
    let seen = sampler.seen.lock().unwrap().clone();
    assert_eq!(
        seen[0],
        r#"root server [("own", Str("the span's")), ("n", Int(3))] 1"#
    );
    assert_eq!(seen.len(), 4);
    let spans = memory.spans();
    let root = spans.iter().find(|span| span.name == "root").unwrap();
    assert_eq!(root.attribute("sampler").unwrap().as_str(), Some("by name"));
    assert_eq!(root.attribute("own").unwrap().as_str(), Some("the span's"));
    assert_eq!(root.context.trace_state.get("sampled"), Some("root"));
    assert_eq!(root.links.len(), 1);
    let child = spans.iter().find(|span| span.name == "child").unwrap();
    assert_eq!(child.context.trace_state.get("sampled"), Some("child"));
    let below = spans.iter().find(|span| span.name == "below").unwrap();
    assert_eq!(
        below.context.trace_state,
        "sampled=below".parse::<TraceState>().unwrap()
    );
}

struct Panics(AtomicU64);

impl Sample for Panics {
    fn sample(&self, _: &SamplingInput<'_>) -> SamplingResult {
        if self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            std::panic::resume_unwind(Box::new("expected"));
        }
        SamplingResult::record_and_sample()
    }

    fn description(&self) -> String {
        "panics".into()
    }
}

#[test]
fn a_sampler_that_panics_drops_its_span_and_nothing_else() {
    let (tracer, _) = tracer(Sampler::custom(Arc::new(Panics(AtomicU64::new(0)))));
    for turn in 0..10 {
        assert_eq!(tracer.span("a").is_recording(), turn % 2 == 1);
    }
    check(&tracer, 10, 5, 5);
}

/// Starts a span of another tracer while it decides.
struct Traces(Tracer);

impl Sample for Traces {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        self.0.span("decide").set_attribute("name", input.name);
        SamplingResult::record_and_sample()
    }

    fn description(&self) -> String {
        "traces".into()
    }
}

#[test]
fn a_sampler_may_trace_itself() {
    let (inner, inner_spans) = tracer(Sampler::default());
    let (outer, outer_spans) = tracer(Sampler::custom(Arc::new(Traces(inner.clone()))));
    {
        let _a = outer.span("a");
        outer.span("b").finish();
    }
    inner.flush();
    outer.flush();
    assert_eq!(outer_spans.tree(), "a\n╰─ b\n");
    let decided: Vec<_> = inner_spans.spans();
    assert_eq!(decided.len(), 2);
    assert_eq!(
        decided[1].context.trace_id,
        outer_spans.spans()[0].context.trace_id
    );
}
