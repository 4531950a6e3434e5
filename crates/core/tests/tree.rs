//! Traces as trees: parents, order of ends, threads, futures.

use codomyrmex_core::{
    FutureExt, InMemoryExporter, SpanContext, SpanGuard, SpanId, SpanKind, SpanOptions, SpanStatus,
    TraceId, Tracer, current_context, get_current_span,
};

fn tracer() -> (Tracer, InMemoryExporter) {
    let exporter = InMemoryExporter::new();
    let tracer = Tracer::builder("shop").exporter(exporter.clone()).build();
    (tracer, exporter)
}

fn drawn(tracer: &Tracer, exporter: &InMemoryExporter) -> String {
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    exporter.tree()
}

#[test]
fn scopes_nest() {
    let (tracer, exporter) = tracer();
    {
        let _checkout = tracer.span("checkout");
        {
            let _cart = tracer.span("cart");
            tracer.span("price").finish();
        }
        tracer.span("charge").finish();
    }
    tracer.span("next").finish();
    insta(
        &drawn(&tracer, &exporter),
        "checkout\n├─ cart\n│  ╰─ price\n╰─ charge\nnext\n",
    );
}

fn insta(drawn: &str, expected: &str) {
    assert_eq!(drawn, expected, "\n{drawn}");
}

#[test]
fn a_parent_that_ends_before_its_child_is_its_parent_all_the_same() {
    let (tracer, exporter) = tracer();
    let outer = tracer.span("outer");
    let middle = tracer.span("middle");
    let inner = tracer.span("inner");
    drop(middle);
    tracer.span("under inner").finish();
    drop(inner);
    tracer.span("under outer").finish();
    drop(outer);
    assert!(get_current_span().is_none());
    insta(
        &drawn(&tracer, &exporter),
        "outer\n├─ middle\n│  ╰─ inner\n│     ╰─ under inner\n╰─ under outer\n",
    );
}

#[test]
fn a_parent_can_be_written_to_while_its_child_is_open() {
    let (tracer, exporter) = tracer();
    let parent = tracer.span("parent");
    let handle = get_current_span().unwrap();
    let child = tracer.span("child");
    handle.set_attribute("late", true);
    parent.set_attribute("own", 1).set_attribute("own", 2);
    child.set_attribute("k", "v");
    drop(child);
    drop(parent);
    handle.set_attribute("too late", 1);
    tracer.flush();
    assert_eq!(
        exporter.tree_with(&["late", "own", "k", "too late"]),
        "parent late=true own=2\n╰─ child k=v\n"
    );
    assert_eq!(codomyrmex_core::ignored_calls(), 1);
}

#[test]
fn spans_move_between_threads() {
    let (tracer, exporter) = tracer();
    let job = tracer.start_span("job");
    assert!(get_current_span().is_none());
    let elsewhere = std::thread::spawn({
        let tracer = tracer.clone();
        move || {
            job.in_scope(|| tracer.span("step").finish());
            job.set_attribute("thread", "other");
            job
        }
    });
    let job = elsewhere.join().unwrap();
    {
        let _current = job.enter();
        tracer.span("last").finish();
    }
    tracer.flush();
    insta(
        &exporter.tree_with(&["thread"]),
        "job thread=other\n├─ step\n╰─ last\n",
    );
}

#[test]
fn a_panic_unwinds_through_scopes() {
    let (tracer, exporter) = tracer();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _outer = tracer.span("outer");
        let job = tracer.start_span("job");
        job.in_scope(|| {
            let _inner = tracer.span("inner");
            std::panic::resume_unwind(Box::new("expected"));
        });
    }));
    assert!(caught.is_err());
    assert!(get_current_span().is_none());
    insta(&drawn(&tracer, &exporter), "outer\n╰─ job\n   ╰─ inner\n");
}

#[test]
fn futures_carry_their_span_across_polls() {
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};
    let (tracer, exporter) = tracer();
    let inner = tracer.clone();
    let mut polls = 0;
    let future = async move {
        inner.span("before").finish();
        poll_fn(|_| {
            polls += 1;
            if polls == 1 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        inner.span("after").finish();
    };
    let mut future = Box::pin(future.in_span(tracer.start_span("request")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(get_current_span().is_none());
    let _unrelated: SpanGuard = tracer.span("unrelated");
    assert!(future.as_mut().poll(&mut context).is_ready());
    drop(_unrelated);
    insta(
        &drawn(&tracer, &exporter),
        "request\n├─ before\n╰─ after\nunrelated\n",
    );
}

#[test]
fn a_remote_parent_gives_trace_sampling_and_baggage() {
    let (tracer, exporter) = tracer();
    let mut remote = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
    remote.is_remote = true;
    remote.baggage.insert("user", "ann");
    {
        let span = tracer.span_with(
            "serve",
            SpanOptions::new().kind(SpanKind::Server).parent(&remote),
        );
        assert_eq!(span.trace_id(), remote.trace_id);
        tracer.span("query").finish();
        assert_eq!(current_context().unwrap().baggage.get("user"), Some("ann"));
    }
    tracer.flush();
    let spans = exporter.spans();
    assert_eq!(spans[1].context.parent_span_id, Some(remote.span_id));
    assert_eq!(spans[1].kind, SpanKind::Server);
    remote.sampled = false;
    let unsampled = tracer.span_with("serve", SpanOptions::new().parent(&remote));
    assert!(!unsampled.is_recording());
    assert!(!tracer.span("below").context().sampled);
    drop(unsampled);
    let stats = tracer.stats();
    assert_eq!((stats.started, stats.unsampled, stats.recorded), (4, 2, 2));
}

#[test]
fn errors_and_status_follow_the_rules() {
    let (tracer, exporter) = tracer();
    let span = tracer.span("a");
    span.set_status(SpanStatus::Error, "first")
        .set_status(SpanStatus::Unset, "")
        .set_status(SpanStatus::Ok, "fine");
    span.set_status(SpanStatus::Error, "late");
    drop(span);
    let span = tracer.span("b");
    span.record_error(&std::io::Error::other("disk on fire"));
    drop(span);
    tracer.flush();
    let spans = exporter.spans();
    assert_eq!(
        (spans[0].status, spans[0].status_message.as_str()),
        (SpanStatus::Ok, "")
    );
    assert_eq!(
        (spans[1].status, spans[1].status_message.as_str()),
        (SpanStatus::Error, "disk on fire")
    );
    assert_eq!(spans[1].events[0].name, "exception");
}

#[test]
fn a_tracer_that_is_off_passes_a_sampled_context_to_one_that_is_on() {
    let (tracer, exporter) = tracer();
    let off = Tracer::builder("off").disabled(true).build();
    let remote = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
    let through = off.span_with("through", SpanOptions::new().parent(&remote));
    assert!(!through.is_recording());
    tracer.span("on").finish();
    drop(through);
    tracer.flush();
    assert_eq!(
        exporter.spans()[0].context.parent_span_id,
        Some(remote.span_id)
    );
}

#[test]
fn children_of_unsampled_spans_are_unsampled_and_carry_what_there_is() {
    let exporter = InMemoryExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(exporter.clone())
        .sampler(codomyrmex_core::Sampler::parent_based(
            codomyrmex_core::Sampler::always_off(),
        ))
        .build();
    let root = tracer.span("root");
    let child = tracer.span("child");
    assert_eq!(child.trace_id(), root.trace_id());
    assert_eq!(child.context().parent_span_id, Some(root.span_id()));
    assert!(!child.set_attribute("k", 1).is_recording());
    child.set_baggage("user", "ann");
    let grandchild = tracer.span("grandchild");
    assert_eq!(grandchild.context().baggage.get("user"), Some("ann"));
    drop((grandchild, child, root));
    tracer.flush();
    assert_eq!(exporter.spans(), []);
    let stats = tracer.stats();
    assert_eq!((stats.started, stats.unsampled), (3, 3));
}
