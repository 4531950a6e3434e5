//! Spans to a Collector on this machine: `cargo run -p codomyrmex-tracing --example otlp`
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` and its like say where else. Where nobody listens, the program ends all the same, and the
//! books say what became of the spans.

use std::time::Duration;

use codomyrmex_tracing::Tracer;
use codomyrmex_tracing::environment::Environment;

fn main() {
    // What the environment says, and what is said here wins over it.
    let settings = Environment::from_process().settings();
    settings.report();
    let exporter = settings
        .otlp
        .clone()
        .timeout(Duration::from_millis(500))
        .build()
        .expect("the environment names an endpoint that can be sent to");
    let tracer = Tracer::builder("shop").exporter(exporter).build();

    {
        let checkout = tracer.span("checkout");
        checkout.set_attribute("items", 3);
        tracer.span("charge").finish();
    }

    let ended = tracer.shutdown_within(Duration::from_secs(2));
    let stats = tracer.stats();
    println!("{ended:?}\n{stats}");
    assert!(stats.balanced());
}

#[test]
fn it_runs() {
    main();
}
