//! One trace over several threads: `cargo run -p codomyrmex-tracing --example threads`

use std::thread;

use codomyrmex_tracing::{InMemoryExporter, SpanOptions, Tracer};

fn main() {
    let spans = InMemoryExporter::new();
    let tracer = Tracer::builder("index").exporter(spans.clone()).build();

    {
        let index = tracer.span("index");
        let context = index.context();

        thread::scope(|scope| {
            for part in ["a-m", "n-z"] {
                // A span that is started here may be finished there. While it is in scope, it is current there.
                let span = tracer.start_span("sort");
                span.set_attribute("part", part);
                let tracer = &tracer;
                scope.spawn(move || span.in_scope(|| tracer.span("compare").finish()));
            }

            // Or a thread starts its own under a context, which may be cloned and shared.
            let (tracer, context) = (&tracer, &context);
            scope.spawn(move || {
                let _merge = tracer.span_with("merge", SpanOptions::new().parent(context));
                tracer.span("write").finish();
            });
        });
    }

    tracer.flush();
    print!("{}", spans.tree_with(&["part"]));
    let spans = spans.spans();
    assert_eq!(spans.len(), 7);
    assert!(
        spans
            .iter()
            .all(|span| span.context.trace_id == spans[0].context.trace_id)
    );
    assert!(tracer.stats().balanced());
}

#[test]
fn it_runs() {
    main();
}
