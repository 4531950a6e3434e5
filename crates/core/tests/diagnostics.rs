//! What the SDK says about itself, and that a hook for it may do what it likes. The hook is the process's, so each test has
//! a process of its own.

mod alone;
mod watched;

use std::sync::{Arc, Mutex, OnceLock};

use alone::passes_alone;
use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{
    Delivery, ExportError, InMemoryExporter, Limits, NullExporter, Tracer, get_current_span,
};
use watched::Watched;

type Said = Arc<Mutex<Vec<(Kind, String)>>>;

fn listen() -> Said {
    let said = Said::default();
    diagnostics::set_hook({
        let said = said.clone();
        move |kind, message| said.lock().unwrap().push((kind, message.to_owned()))
    });
    said
}

fn kinds(said: &Said) -> Vec<Kind> {
    said.lock().unwrap().iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn each_kind_of_message_is_said_once() {
    passes_alone("each_kind_of_message_is_said_once", || {
        let said = listen();
        let failing = Watched::new(Delivery::InProcess)
            .doing(|_| Err(ExportError::permanent("the disk is on fire")));
        let tracer = Tracer::builder("shop")
            .exporter(failing)
            .batch_size(1)
            .build();
        for _ in 0..5 {
            tracer.span("a").finish();
        }
        assert_eq!(kinds(&said), [Kind::Export]);
        let message = said.lock().unwrap()[0].1.clone();
        assert!(
            message.contains("watched") && message.contains("the disk is on fire"),
            "{message}"
        );
        for _ in 0..2 {
            diagnostics::report(Kind::Configuration, "each time");
        }
        assert_eq!(
            kinds(&said),
            [Kind::Export, Kind::Configuration, Kind::Configuration]
        );
        let again = listen();
        tracer.span("a").finish();
        assert_eq!(kinds(&again), [Kind::Export]);
    });
}

#[test]
fn a_tracer_without_an_exporter_is_mentioned() {
    passes_alone("a_tracer_without_an_exporter_is_mentioned", || {
        let said = listen();
        drop(Tracer::builder("quiet").without_exporter_notice().build());
        drop(Tracer::builder("off").disabled(true).build());
        assert_eq!(kinds(&said), []);
        drop(Tracer::builder("shop").build());
        assert_eq!(kinds(&said), [Kind::NoExporter]);
    });
}

#[test]
fn a_hook_may_write_to_the_span_that_it_is_about() {
    passes_alone("a_hook_may_write_to_the_span_that_it_is_about", || {
        let exporter = InMemoryExporter::new();
        let limits = Limits {
            attributes: 4,
            events: 3,
            attributes_per_event: 1,
            attribute_value_length: Some(5),
            ..Limits::default()
        };
        let tracer = Tracer::builder("shop")
            .exporter(exporter.clone())
            .limits(limits)
            .build();
        let hook = {
            let tracer = tracer.clone();
            move |kind: Kind, _: &str| {
                if let Some(span) = get_current_span() {
                    span.add_event("said", &[("kind", format_args!("{kind:?}").into())]);
                    span.set_attribute("said", "something")
                        .update_name("renamed");
                    tracer
                        .span("from the hook")
                        .set_attribute("key of the hook", 1);
                }
            }
        };
        // A value that is cut.
        diagnostics::set_hook(hook.clone());
        let span = tracer.span("value");
        span.set_attribute("k", "too long");
        drop(span);
        // An attribute of an event that is left out, in the middle of the event.
        diagnostics::set_hook(hook.clone());
        let tracer_two = Tracer::builder("two")
            .exporter(exporter.clone())
            .limits(limits)
            .build();
        let span = tracer_two.span("event");
        span.add_event("e", &[("a", 1.into()), ("b", 2.into()), ("c", 3.into())]);
        drop(span);
        tracer.flush();
        tracer_two.flush();
        for tracer in [&tracer, &tracer_two] {
            let stats = tracer.stats();
            assert!(stats.balanced(), "{stats}");
        }
        let spans = exporter.spans();
        let by_name = |name: &str| {
            spans
                .iter()
                .filter(|span| span.name == name)
                .collect::<Vec<_>>()
        };
        let written = by_name("renamed");
        assert_eq!(written.len(), 2);
        assert_eq!(written[0].attribute("k").unwrap().as_str(), Some("too l"));
        assert_eq!(
            written[0].attribute("said").unwrap().as_str(),
            Some("somet")
        );
        assert_eq!(written[0].events[0].name, "said");
        let events: Vec<_> = written[1]
            .events
            .iter()
            .map(|event| event.name.as_str())
            .collect();
        assert_eq!(events, ["e", "said"]);
        assert_eq!(written[1].events[0].attributes.len(), 1);
        assert_eq!(by_name("from the hook").len(), 2);
    });
}

#[test]
fn a_hook_that_flushes_does_not_wait_for_the_exporter_that_calls_it() {
    passes_alone(
        "a_hook_that_flushes_does_not_wait_for_the_exporter_that_calls_it",
        || {
            static REACH: OnceLock<Tracer> = OnceLock::new();
            const LONG: std::time::Duration = std::time::Duration::from_secs(20);
            let flushed = Arc::new(Mutex::new(Vec::new()));
            let failing = Watched::new(Delivery::Background)
                .doing(|_| Err(ExportError::permanent("the disk is on fire")));
            let tracer = Tracer::builder("shop").exporter(failing).build();
            REACH.get_or_init(|| tracer.clone());
            let theirs = flushed.clone();
            diagnostics::set_hook(move |_, _| {
                let outcome = REACH.get().map(|tracer| tracer.force_flush(LONG));
                theirs.lock().unwrap().push(outcome);
            });
            tracer.span("a").finish();
            // The thread that would do it is the one that is in the hook.
            assert!(tracer.force_flush(LONG / 2).is_done());
            assert_eq!(flushed.lock().unwrap().len(), 1);
        },
    );
}

#[test]
fn a_hook_may_flush_and_trace_and_panic_wherever_it_is_called() {
    passes_alone(
        "a_hook_may_flush_and_trace_and_panic_wherever_it_is_called",
        || {
            static REACH: OnceLock<Tracer> = OnceLock::new();
            let said = Said::default();
            let hook = {
                let said = said.clone();
                move |kind: Kind, message: &str| {
                    said.lock().unwrap().push((kind, message.to_owned()));
                    if let Some(tracer) = REACH.get() {
                        tracer.span("from the hook").finish();
                        let _ = tracer.force_flush(std::time::Duration::from_secs(1));
                        drop(tracer.stats());
                    }
                    std::panic::resume_unwind(Box::new("expected"));
                }
            };
            diagnostics::set_hook(hook.clone());
            // A background exporter that lets its queue fill up, so that the drain has something to say with its work at hand.
            let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
            let may_go_on = Mutex::new(may_go_on);
            let blocked = Watched::new(Delivery::Background).doing(move |_| {
                let _ = may_go_on.lock().unwrap().recv();
                Ok(())
            });
            let tracer = Tracer::builder("shop")
                .exporter(blocked)
                .exporter(NullExporter::new())
                .queue_bytes(64 << 10)
                .build();
            REACH.set(tracer.clone()).unwrap();
            let text = "x".repeat(500);
            while said.lock().unwrap().is_empty() {
                tracer.span("a").set_attribute("text", text.as_str());
                let _ = tracer.force_flush(std::time::Duration::ZERO);
            }
            assert_eq!(kinds(&said), [Kind::QueueFull]);
            drop(go_on);
            tracer.flush();
            let stats = tracer.stats();
            assert!(stats.balanced(), "{stats}");
            assert!(stats.exporters.iter().any(|row| row.dropped.queue_full > 0));
            tracer.shutdown();
        },
    );
}
