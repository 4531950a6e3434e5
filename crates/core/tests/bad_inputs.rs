//! Whatever a program hands in, recording goes on and the batch is whole.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;

use codomyrmex_core::{
    AttributeValue, Delivery, InMemoryExporter, NullExporter, Sample, Sampler, SamplingInput,
    SamplingResult, SpanContext, SpanGuard, SpanId, SpanOptions, SpanStatus, TraceId, Tracer,
    Value, get_current_span,
};
mod watched;

/// In memory, and encoded as well.
fn tracer() -> (Tracer, InMemoryExporter, NullExporter) {
    let (memory, null) = (InMemoryExporter::new(), NullExporter::new());
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .exporter(null.clone())
        .queue_bytes(64 << 20)
        .build();
    (tracer, memory, null)
}

fn check(tracer: &Tracer, spans: u64) {
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!((stats.recorded, stats.open), (spans, 0), "{stats}");
    assert!(
        stats.exporters.iter().all(|row| row.exported == spans),
        "{stats}"
    );
}

struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("so far so ")?;
        std::panic::resume_unwind(Box::new("expected"))
    }
}

struct Fails;

impl fmt::Display for Fails {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
fn a_display_that_panics_or_fails_becomes_unprintable() {
    let (tracer, memory, _) = tracer();
    {
        let span = tracer.span("a");
        span.set_attribute("panics", format_args!("{Panics}"))
            .set_attribute("fails", format_args!("{Fails}"))
            .set_attribute("fine", format_args!("{}", 1 + 1));
        span.set_attributes(&[("also", format_args!("{Panics}").into())]);
        span.add_event(
            "e",
            &[("panics", format_args!("{Panics}").into()), ("n", 1.into())],
        );
        let to = SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
        span.add_link(&to, &[("panics", format_args!("{Panics}").into())]);
    }
    check(&tracer, 1);
    let span = &memory.spans()[0];
    let text = |key: &str| span.attribute(key).unwrap().as_str().unwrap().to_owned();
    assert_eq!(text("panics"), "[unprintable]");
    assert_eq!(text("fails"), "[unprintable]");
    assert_eq!(text("also"), "[unprintable]");
    assert_eq!(text("fine"), "2");
    let unprintable = |(_, value): &(String, Value)| value.as_str() == Some("[unprintable]");
    assert!(unprintable(&span.events[0].attributes[0]));
    assert_eq!(span.events[0].attributes.len(), 2);
    assert!(unprintable(&span.links[0].attributes[0]));
}

struct LooksAtAttributes;

impl Sample for LooksAtAttributes {
    fn sample(&self, input: &SamplingInput<'_>) -> SamplingResult {
        assert_eq!(input.attributes[0].1.as_str(), Some("[unprintable]"));
        SamplingResult::record_and_sample()
    }

    fn description(&self) -> String {
        "looks".into()
    }
}

#[test]
fn a_display_that_panics_before_the_sampler_does_not_reach_the_application() {
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(null)
        .sampler(Sampler::custom(std::sync::Arc::new(LooksAtAttributes)))
        .build();
    drop(tracer.span_with(
        "a",
        SpanOptions::new().attribute("k", AttributeValue::Display(format_args!("{Panics}"))),
    ));
    check(&tracer, 1);
}

/// Records on the current span while it is formatted.
struct Records<'a>(&'a Tracer);

impl fmt::Display for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = get_current_span().unwrap();
        span.set_attribute("inner", format_args!("{}", 1))
            .set_attribute("outer", "by the inner one");
        span.add_event("inner event", &[]);
        self.0.span("inner span").set_attribute("k", "v");
        f.write_str("by the outer one")
    }
}

#[test]
fn a_display_may_record_on_the_same_span() {
    let (tracer, memory, _) = tracer();
    {
        let span = tracer.span("a");
        span.set_attribute("outer", format_args!("{}", Records(&tracer)));
        span.add_event(
            "outer event",
            &[("k", format_args!("{}", Records(&tracer)).into())],
        );
        get_current_span()
            .unwrap()
            .set_attribute("through the handle", format_args!("{}", Records(&tracer)));
    }
    check(&tracer, 4);
    let span = memory.spans().pop().unwrap();
    assert_eq!(span.attribute("inner").unwrap().as_str(), Some("1"));
    assert_eq!(
        span.attribute("outer").unwrap().as_str(),
        Some("by the inner one")
    );
    assert_eq!(
        span.attribute("through the handle").unwrap().as_str(),
        Some("by the outer one")
    );
    let events: Vec<_> = span
        .events
        .iter()
        .map(|event| event.name.as_str())
        .collect();
    assert_eq!(
        events,
        ["inner event", "inner event", "outer event", "inner event"]
    );
}

thread_local! {
    static HELD: RefCell<Option<SpanGuard>> = const { RefCell::new(None) };
}

/// Ends the current span while it is formatted, and starts others in its place.
struct Ends<'a>(&'a Tracer, Cell<Vec<SpanGuard>>);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = HELD.with(|held| held.borrow_mut().take());
        drop(guard);
        let mut others = self.1.take();
        others.extend((0..3).map(|_| self.0.span("another")));
        self.1.set(others);
        f.write_str("late")
    }
}

#[test]
fn a_display_may_end_the_current_span() {
    let (tracer, memory, _) = tracer();
    type Write = fn(&codomyrmex_core::CurrentSpan, fmt::Arguments<'_>);
    let ways: [Write; 4] = [
        |span, text| {
            span.set_attribute("k", text);
        },
        |span, text| {
            span.set_attributes(&[("k", text.into())]);
        },
        |span, text| {
            span.add_event("late", &[("k", text.into())]);
        },
        |span, text| {
            let to = SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
            span.add_link(&to, &[("k", text.into())]);
        },
    ];
    let ignored = codomyrmex_core::ignored_calls();
    for way in ways {
        HELD.with(|held| *held.borrow_mut() = Some(tracer.span("ended")));
        let current = get_current_span().unwrap();
        let ends = Ends(&tracer, Cell::default());
        way(&current, format_args!("{ends}"));
        while let Some(guard) = ends.1.take().pop() {
            drop(guard);
        }
    }
    assert_eq!(codomyrmex_core::ignored_calls() - ignored, 4);
    check(&tracer, 16);
    for span in memory.spans() {
        assert!(
            span.attributes.is_empty() && span.events.is_empty() && span.links.is_empty(),
            "{span:?}"
        );
    }
}

#[derive(Debug)]
struct OwnCause;

impl fmt::Display for OwnCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round and round")
    }
}

impl Error for OwnCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&OwnCause)
    }
}

#[derive(Debug)]
struct PanickingCause;

impl fmt::Display for PanickingCause {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::resume_unwind(Box::new("expected"))
    }
}

impl Error for PanickingCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        std::panic::resume_unwind(Box::new("expected"))
    }
}

#[test]
fn an_error_may_be_its_own_cause_or_panic() {
    let (tracer, memory, _) = tracer();
    tracer.span("own").record_error(&OwnCause);
    tracer.span("panicking").record_error(&PanickingCause);
    tracer.span("dyn").record_error::<dyn Error>(&OwnCause);
    check(&tracer, 3);
    let spans = memory.spans();
    assert_eq!(spans[0].status, SpanStatus::Error);
    assert_eq!(spans[0].status_message, "round and round");
    let get = |at: usize, key: &str| {
        spans[at].events[0]
            .attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str().unwrap().to_owned())
    };
    assert_eq!(get(0, "exception.stacktrace").unwrap().lines().count(), 32);
    assert!(get(0, "exception.type").unwrap().ends_with("OwnCause"));
    assert_eq!(
        get(1, "exception.message").as_deref(),
        Some("[unprintable]")
    );
    assert_eq!(get(2, "exception.type"), None);
}

#[test]
fn a_million_attributes_are_counted_and_the_first_stay() {
    let (tracer, memory, _) = tracer();
    {
        let span = tracer.span("a");
        for number in 0..1_000_000 {
            span.set_attribute(&format!("key {number}"), number);
        }
        // One that is there can still change.
        span.set_attribute("key 7", "changed");
    }
    check(&tracer, 1);
    let span = &memory.spans()[0];
    assert_eq!(span.attributes.len(), 128);
    assert_eq!(span.attribute("key 127"), Some(&Value::Int(127)));
    assert_eq!(span.attribute("key 7").unwrap().as_str(), Some("changed"));
    assert_eq!(tracer.stats().over_limit, 1_000_000 - 128);
}

#[test]
fn values_and_names_of_ten_megabytes_are_cut() {
    let (tracer, memory, _) = tracer();
    let text = "ä".repeat(5 << 20);
    {
        let span = tracer.span(&text);
        span.set_attribute("text", text.as_str())
            .set_attribute("n", 1);
        span.set_attribute(&text, 1);
        let texts = [text.as_str(), text.as_str()];
        span.set_attribute("texts", &texts[..]);
        span.set_attribute(
            "tree",
            &Value::Map(vec![(text.clone(), Value::from(text.as_str()))]),
        );
        span.add_event(&text, &[(text.as_str(), text.as_str().into())]);
        span.set_attribute("last", "still here");
    }
    {
        let span = tracer.span("status");
        span.update_name(&text).set_status(SpanStatus::Error, &text);
        span.record_exception(&text, &text, &text);
    }
    check(&tracer, 2);
    for span in memory.spans() {
        let size = span.to_json().len();
        assert!(size < 40 << 20, "{size}");
    }
    assert!(tracer.stats().truncated > 0);
}

#[test]
fn odd_texts_and_numbers_come_through() {
    let (tracer, memory, _) = tracer();
    let odd = "\0\u{1b}[31m\u{202e}\u{feff}𝄞\r\n\"\\";
    {
        let span = tracer.span(odd);
        span.set_attribute(odd, odd)
            .set_attribute("", "")
            .set_attribute("nan", f64::NAN)
            .set_attribute("infinity", f64::NEG_INFINITY)
            .set_attribute("most", u64::MAX)
            .set_attribute("wide", i128::MIN)
            .set_attribute("least", i64::MIN)
            .set_attribute("empty", AttributeValue::Empty)
            .set_attribute("bytes", &[0u8, 255][..])
            .set_attribute("none", &[0i64; 0][..]);
        let mut deep = Value::Int(1);
        for _ in 0..1_000 {
            deep = Value::Array(vec![deep]);
        }
        span.set_attribute("deep", &deep);
        // Dropping what is so deep must not overflow the stack either.
    }
    tracer.span("").finish();
    check(&tracer, 2);
    let span = &memory.spans()[0];
    assert_eq!(span.name, odd);
    assert_eq!(span.attribute(odd).unwrap().as_str(), Some(odd));
    assert_eq!(span.attribute("").unwrap().as_str(), Some(""));
    assert!(matches!(span.attribute("nan"), Some(Value::Double(v)) if v.is_nan()));
    assert_eq!(
        span.attribute("most").unwrap().as_str(),
        Some("18446744073709551615")
    );
    assert_eq!(span.attribute("least"), Some(&Value::Int(i64::MIN)));
    assert_eq!(span.attribute("bytes"), Some(&Value::Bytes(vec![0, 255])));
    assert_eq!(span.attribute("none"), Some(&Value::Array(vec![])));
    assert_eq!(span.attribute("empty"), Some(&Value::Empty));
}

#[test]
fn spans_nest_as_deep_as_anybody_likes() {
    let (tracer, memory, _) = tracer();
    let mut guards: Vec<_> = (0..10_000).map(|_| tracer.span("deep")).collect();
    while let Some(guard) = guards.pop() {
        drop(guard);
    }
    check(&tracer, 10_000);
    let guards: Vec<_> = (0..10_000)
        .map(|_| tracer.span("in order of start"))
        .collect();
    drop(guards);
    assert!(get_current_span().is_none());
    check(&tracer, 20_000);
    let spans = memory.spans();
    assert!(
        spans
            .windows(2)
            .all(|pair| pair[1].context.parent_span_id == Some(pair[0].context.span_id))
    );
}

#[test]
fn a_guard_that_is_forgotten_leaves_a_span_open_and_nothing_broken() {
    std::thread::spawn(|| {
        let exporter = watched::Watched::new(Delivery::Background);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        let outer = tracer.span("outer");
        std::mem::forget(tracer.span("forgotten"));
        tracer.span("below the forgotten").finish();
        drop(outer);
        tracer.span("below it still").finish();
        tracer.flush();
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!((stats.started, stats.recorded, stats.open), (4, 3, 1));
        assert_eq!(
            log.names(),
            ["below the forgotten", "outer", "below it still"]
        );
    })
    .join()
    .unwrap();
}
