//! Ours to a sink, over OTLP/HTTP.

use std::hint::black_box;
use std::time::Duration;

use codomyrmex_bench::wire::Run;
use codomyrmex_core::{Tracer, WhenFull};
use codomyrmex_otlp::OtlpExporter;

fn main() {
    let run = Run::from_arguments();
    let exporter = OtlpExporter::builder()
        .endpoint(format!("{}/v1/traces", run.url()))
        .build()
        .expect("the sink's address is an endpoint");
    let mut builder = Tracer::builder("shop").exporter(exporter);
    if run.is_lossless() {
        builder = builder.when_full(WhenFull::Wait(Duration::from_secs(60)));
    }
    let tracer = builder.build();
    run.measure(
        |children, path| {
            let _root = tracer.span("root");
            for _ in 0..children {
                let span = tracer.span("child");
                span.set_attribute("http.request.method", "GET")
                    .set_attribute("http.response.status_code", black_box(200_i64))
                    .set_attribute("url.path", path);
                black_box(&span);
            }
        },
        || {
            let _ = tracer.shutdown_within(Duration::from_secs(60));
            let stats = tracer.stats();
            assert!(stats.balanced(), "the books do not balance:\n{stats}");
            Some(stats.exporters.iter().map(|e| e.dropped.total()).sum())
        },
    );
}
