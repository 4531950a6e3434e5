//! Tracers by name.

use std::sync::{Arc, Mutex};

use codomyrmex_tracing::environment::Environment;
use codomyrmex_tracing::{
    Batch, ExportError, InMemoryExporter, Registry, SpanExporter, diagnostics, flush_registry,
    get_tracer_with, reset_registry, trace,
};

fn registry(pairs: &[(&str, &str)]) -> Registry {
    Registry::new(Environment::from_pairs(pairs.iter().copied()))
}

fn names(spans: &InMemoryExporter) -> Vec<String> {
    spans.spans().into_iter().map(|span| span.name).collect()
}

#[test]
fn a_name_is_one_tracer() {
    let registry = registry(&[("OTEL_TRACES_EXPORTER", "null")]);
    registry.get_tracer("a").span("one").finish();
    registry.get_tracer("a").span("two").finish();
    registry.get_tracer("b").span("three").finish();
    assert_eq!(registry.get_tracer("a").stats().started, 2);
    assert_eq!(registry.get_tracer("b").stats().started, 1);
    assert_eq!(registry.get_tracer("a").service_name(), "a");
    assert_eq!(
        format!("{registry:?}"),
        r#"Registry { tracers: ["a", "b"], .. }"#
    );
}

#[test]
fn the_environment_decides_on_exporter_and_service() {
    let registry = registry(&[
        ("OTEL_TRACES_EXPORTER", "null"),
        ("OTEL_SERVICE_NAME", "service"),
    ]);
    let tracer = registry.get_tracer("part");
    assert_eq!(tracer.service_name(), "service");
    assert_eq!(tracer.stats().exporters.len(), 1);
    let none = self::registry(&[("OTEL_TRACES_EXPORTER", "none")]).get_tracer("part");
    assert!(none.stats().exporters.is_empty());
    let disabled = self::registry(&[("OTEL_SDK_DISABLED", "true")]).get_tracer("part");
    assert!(!disabled.is_enabled());
}

#[test]
fn the_first_exporter_stays() {
    let registry = registry(&[]);
    let (first, second) = (InMemoryExporter::new(), InMemoryExporter::new());
    registry
        .get_tracer_with("shop", first.clone())
        .span("one")
        .finish();
    registry
        .get_tracer_with("shop", second.clone())
        .span("two")
        .finish();
    registry.flush();
    assert_eq!(names(&first), ["one", "two"]);
    assert!(second.spans().is_empty());
}

#[test]
fn a_reset_hands_over_and_forgets() {
    let registry = registry(&[]);
    let (before, after) = (InMemoryExporter::new(), InMemoryExporter::new());
    let held = registry.get_tracer_with("shop", before.clone());
    held.span("one").finish();
    registry.reset();
    assert_eq!(names(&before), ["one"]);

    registry
        .get_tracer_with("shop", after.clone())
        .span("two")
        .finish();
    held.span("three").finish();
    held.flush();
    registry.flush();
    assert_eq!(names(&before), ["one", "three"]);
    assert_eq!(names(&after), ["two"]);
}

/// Asks for another tracer of its registry while it is asked for its name.
struct Curious(Arc<Registry>);

impl SpanExporter for Curious {
    fn export(&self, _: &Batch) -> Result<(), ExportError> {
        self.0.get_tracer("while exporting").span("seen").finish();
        Ok(())
    }

    fn name(&self) -> &str {
        self.0.get_tracer("while building");
        "curious"
    }
}

#[test]
fn an_exporter_may_ask_the_registry() {
    let registry = Arc::new(registry(&[("OTEL_TRACES_EXPORTER", "null")]));
    registry
        .get_tracer_with("shop", Curious(Arc::clone(&registry)))
        .span("one")
        .finish();
    registry.flush();
    assert_eq!(registry.get_tracer("while exporting").stats().started, 1);
    registry.reset();
}

#[trace]
fn by_default() {}

/// What belongs to the process is tested in one place: its registry and its diagnostics hook.
#[test]
fn the_process_has_a_registry_that_functions_follow() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&said);
    diagnostics::set_hook(move |_, message| hook.lock().unwrap().push(message.to_owned()));

    let (first, second) = (InMemoryExporter::new(), InMemoryExporter::new());
    get_tracer_with("default", first.clone());
    by_default();
    by_default();
    flush_registry();
    assert_eq!(first.spans().len(), 2);

    get_tracer_with("default", second.clone());
    let warning =
        "the tracer \"default\" exists already: it keeps its exporter, the other one is not used";
    assert!(
        said.lock()
            .unwrap()
            .iter()
            .any(|message| message == warning),
        "{said:?}"
    );

    reset_registry();
    let held = get_tracer_with("default", second.clone());
    by_default();
    by_default();
    reset_registry();
    assert_eq!((first.spans().len(), second.spans().len()), (2, 2));
    assert!(held.stats().balanced());

    // A warning of the environment's is said once, however often it is read.
    for _ in 0..2 {
        registry(&[
            ("CODOMYRMEX_SERVICENAME", "x"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ])
        .get_tracer("any");
    }
    let unknown = said
        .lock()
        .unwrap()
        .iter()
        .filter(|message| message.contains("CODOMYRMEX_SERVICENAME"))
        .count();
    assert_eq!(unknown, 1);
}
