//! Hooks: what they see, what they may change, and that what they throw stays with them.

mod watched;

use std::sync::{Arc, Mutex, OnceLock};

use codomyrmex_core::{
    Delivery, EndingSpan, InMemoryExporter, Sampler, SpanContext, SpanGuard, SpanHooks, SpanKind,
    SpanOptions, SpanStatus, SpanView, StartedSpan, Tracer, Value, get_current_span,
};
use watched::Watched;

type Line = Arc<Mutex<Vec<String>>>;

struct Writes(Line);

impl Writes {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl SpanHooks for Writes {
    fn on_start(&self, span: &StartedSpan<'_>, parent: Option<&SpanContext>) {
        let below = parent.map(|parent| parent.span_id);
        assert_eq!(span.context().parent_span_id, below);
        assert!(span.is_recording());
        self.say(format!(
            "start, {}",
            if parent.is_some() { "child" } else { "root" }
        ));
        span.set_attribute("start", 1);
    }

    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        self.say(format!(
            "ending {} {}",
            span.name(),
            span.attributes().len()
        ));
        span.set_attribute("ending", 2)
            .add_event("ending", &[])
            .set_kind(SpanKind::Client);
        span.update_name(&format!("{}!", span.name()));
        if span.attributes().iter().any(|(key, _)| key == "fail") {
            span.set_status(SpanStatus::Error, "by the hook");
        }
    }

    fn on_end(&self, span: &SpanView<'_>) {
        self.say(format!("end {} {}", span.name(), span.attributes().count()));
    }
}

#[test]
fn hooks_see_a_span_at_its_start_before_and_after_its_encoding() {
    for delivery in [Delivery::InProcess, Delivery::Background] {
        let lines = Line::default();
        let memory = InMemoryExporter::new();
        let tracer = Tracer::builder("shop")
            .exporter(Watched::new(delivery))
            .exporter(memory.clone())
            .hooks(Writes(lines.clone()))
            .build();
        {
            let _a = tracer.span("a");
            tracer
                .start_span_with("b", SpanOptions::new().attribute("fail", true))
                .finish();
        }
        tracer.flush();
        let said = lines.lock().unwrap().clone();
        assert_eq!(
            said,
            [
                "start, root",
                "start, child",
                "ending b 2",
                "end b! 3",
                "ending a 1",
                "end a! 2"
            ]
        );
        let spans = memory.spans();
        assert_eq!(spans[0].name, "b!");
        assert_eq!(
            (spans[0].status, spans[0].status_message.as_str()),
            (SpanStatus::Error, "by the hook")
        );
        assert_eq!(
            (spans[1].kind, spans[1].events.len()),
            (SpanKind::Client, 1)
        );
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
    }
}

#[test]
fn unsampled_spans_pass_hooks_by() {
    let lines = Line::default();
    let tracer = Tracer::builder("shop")
        .sampler(Sampler::always_off())
        .hooks(Writes(lines.clone()))
        .build();
    drop(tracer.span("a"));
    drop(tracer.start_span("b"));
    assert!(lines.lock().unwrap().is_empty());
}

struct Panics(&'static str);

impl Panics {
    fn here(&self, place: &str) {
        if self.0 == place {
            std::panic::resume_unwind(Box::new("expected"));
        }
    }
}

impl SpanHooks for Panics {
    fn on_start(&self, _: &StartedSpan<'_>, _: Option<&SpanContext>) {
        self.here("start");
    }

    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        span.set_attribute("before", true);
        self.here("ending");
    }

    fn on_end(&self, _: &SpanView<'_>) {
        self.here("end");
    }
}

#[test]
fn a_hook_that_panics_leaves_the_span_as_it_is() {
    for place in ["start", "ending", "end"] {
        let memory = InMemoryExporter::new();
        let tracer = Tracer::builder("shop")
            .exporter(memory.clone())
            .hooks(Panics(place))
            .build();
        {
            let _a = tracer.span("a");
            tracer.span("b").finish();
        }
        tracer.flush();
        assert_eq!(memory.tree(), "a\n╰─ b\n", "{place}");
        assert_eq!(
            memory.spans()[0].attribute("before"),
            Some(&Value::Bool(true))
        );
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!(stats.exporters[0].exported, 2);
    }
}

/// Uses its own tracer wherever it is called, but not for what it records itself.
struct Traces(Arc<OnceLock<Tracer>>);

impl Traces {
    fn trace(&self, name: &str) {
        let tracer = self.0.get().unwrap();
        let span = tracer.span(name);
        span.set_attribute("k", "v");
        tracer.start_span("inside a hook").finish();
    }
}

impl SpanHooks for Traces {
    fn on_start(&self, span: &StartedSpan<'_>, _: Option<&SpanContext>) {
        // Neither the name nor the attributes can be read here; what a hook starts has no parent of its own kind.
        if get_current_span().is_none() {
            span.set_attribute("outermost", true);
        }
    }

    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        if span.name() == "application" {
            self.trace("on_ending");
        }
    }

    fn on_end(&self, span: &SpanView<'_>) {
        if span.name() == "application" {
            self.trace("on_end");
        }
    }
}

#[test]
fn a_hook_may_trace_itself() {
    for delivery in [Delivery::InProcess, Delivery::Background] {
        let reach: Arc<OnceLock<Tracer>> = Arc::default();
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .hooks(Traces(reach.clone()))
            .build();
        reach.set(tracer.clone()).unwrap();
        for _ in 0..20 {
            tracer.span("application").set_attribute("own", 1);
        }
        tracer.flush();
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!((stats.recorded, stats.open), (100, 0), "{stats}");
        let names = log.names();
        for (name, times) in [
            ("application", 20),
            ("on_ending", 20),
            ("on_end", 20),
            ("inside a hook", 40),
        ] {
            assert_eq!(
                names.iter().filter(|other| *other == name).count(),
                times,
                "{name}"
            );
        }
    }
}

/// Shuts tracers down, and uses others, in the middle of a span's end.
struct EndsAll(Arc<OnceLock<Tracer>>, Tracer);

impl SpanHooks for EndsAll {
    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        let own = self.0.get().unwrap();
        own.shutdown();
        self.1.span("on another tracer").finish();
        own.flush();
        self.1.span("once more").finish();
        span.discard();
    }
}

#[test]
fn a_hook_may_shut_the_tracer_down_that_called_it() {
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let other = Tracer::builder("other")
        .exporter(Watched::new(Delivery::Background))
        .build();
    let tracer = Tracer::builder("shop")
        .exporter(Watched::new(Delivery::Background))
        .hooks(EndsAll(reach.clone(), other.clone()))
        .build();
    reach.set(tracer.clone()).unwrap();
    tracer.span("a").finish();
    for tracer in [&tracer, &other] {
        tracer.flush();
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
    }
    assert_eq!(tracer.stats().exporters[0].dropped.hook, 1);
    assert_eq!(other.stats().recorded, 2);
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<SpanGuard>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[test]
fn an_exporter_may_leave_spans_open_on_the_thread_that_it_runs_on() {
    // The place of the span that is being exported is free again by then.
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let exporter = Watched::new(Delivery::InProcess).doing({
        let reach = reach.clone();
        move |_| {
            let span = reach.get().unwrap().span("left open");
            span.set_attribute("k", 1).set_attribute("k", "2");
            KEPT.with(|kept| kept.borrow_mut().push(span));
            Ok(())
        }
    });
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .batch_size(1)
        .build();
    reach.set(tracer.clone()).unwrap();
    {
        let _root = tracer.span("root");
        tracer.span("child").set_attribute("k", 3);
        assert_eq!(tracer.stats().open, 2);
        tracer.span("grandchild").finish();
    }
    KEPT.with(|kept| {
        for span in kept.borrow().iter() {
            assert!(span.is_recording());
            span.set_attribute("late", true);
        }
    });
    let kept: Vec<_> = KEPT.with(|kept| kept.borrow_mut().drain(..).collect());
    assert_eq!(kept.len(), 3);
    drop(kept);
    assert_eq!(log.names()[..3], ["child", "grandchild", "root"]);
    let later: Vec<_> = KEPT.with(|kept| kept.borrow_mut().drain(..).collect());
    drop(later);
    tracer.shutdown();
    KEPT.with(|kept| kept.borrow_mut().clear());
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(stats.open, 0, "{stats}");
}
