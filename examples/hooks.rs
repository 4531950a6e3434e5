//! What leaves the process, and what does not: `cargo run -p codomyrmex-tracing --example hooks`

use codomyrmex_tracing::{
    EndingSpan, InMemoryExporter, Redact, SpanContext, SpanHooks, StartedSpan, Tracer,
};

/// Says on every span which release it is of, and keeps health checks out.
struct House {
    release: &'static str,
}

impl SpanHooks for House {
    fn on_start(&self, span: &StartedSpan<'_>, parent: Option<&SpanContext>) {
        if parent.is_none() {
            span.set_attribute("release", self.release);
        }
    }

    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        if span.name() == "GET /health" {
            span.discard();
        }
    }
}

fn main() {
    let spans = InMemoryExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(spans.clone())
        .hooks(House { release: "1.4.0" })
        // Passwords, tokens and their like are secrets by default. Here guests' room numbers are, too.
        .redact(Redact::default().with_words(["room"]))
        .build();

    {
        let login = tracer.span("POST /login");
        login.set_attribute("user", "ann");
        login.set_attribute("password", "hunter2");
        login.set_attribute("guest.room", 101);
        login.set_attribute("url.full", "https://ann:hunter2@example.com/login");
    }
    tracer.span("GET /health").finish();

    tracer.flush();
    let shown = spans.tree_with(&["release", "user", "password", "guest.room", "url.full"]);
    print!("{shown}");
    assert!(shown.contains("1.4.0") && shown.contains("ann") && shown.contains("[redacted]"));
    assert!(!shown.contains("hunter2") && !shown.contains("101"));

    let stats = tracer.stats();
    println!("{stats}");
    assert_eq!(
        (stats.exporters[0].exported, stats.exporters[0].dropped.hook),
        (1, 1)
    );
}

#[test]
fn it_runs() {
    main();
}
