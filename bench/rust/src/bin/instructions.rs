//! Spans for callgrind: `bench-instructions CASE N` makes N spans below one root towards the exporter that counts and
//! drops, and flushes. Instructions per span are the difference of two runs divided by the difference of their N.

use std::hint::black_box;
use std::time::Duration;

use codomyrmex_bench::poll::{TwoPolls, to_the_end};
use codomyrmex_core::{FutureExt, NullExporter, Sampler, Tracer};

const CASES: &str = "child attributes root unsampled disabled async";

#[inline(never)]
fn plain(tracer: &Tracer, times: u64) {
    for _ in 0..times {
        black_box(&tracer.span("child"));
    }
}

#[inline(never)]
fn with_attributes(tracer: &Tracer, times: u64, path: &str) {
    for _ in 0..times {
        let span = tracer.span("child");
        span.set_attribute("http.request.method", "GET")
            .set_attribute("http.response.status_code", black_box(200_i64))
            .set_attribute("url.path", path);
        black_box(&span);
    }
}

#[inline(never)]
fn futures(tracer: &Tracer, times: u64) {
    for _ in 0..times {
        to_the_end(TwoPolls::default().in_span(tracer.start_span("future")));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|times| times.parse().ok());
    let (true, Some(times)) = (CASES.split(' ').any(|known| known == case), times) else {
        eprintln!("usage: bench-instructions CASE N, with CASE one of: {CASES}");
        std::process::exit(2);
    };
    let exporter = NullExporter::new();
    let builder = Tracer::builder("shop")
        .exporter(exporter.clone())
        .queue_bytes(1 << 30);
    let tracer = match case.as_str() {
        "unsampled" => builder.sampler(Sampler::parent_based(Sampler::always_off())),
        "disabled" => builder.disabled(true),
        _ => builder,
    }
    .build();
    let path = black_box("/api/v1/items/42".to_owned());
    if case == "root" {
        plain(&tracer, times);
    } else {
        let _root = tracer.span("root");
        match case.as_str() {
            "attributes" => with_attributes(&tracer, times, &path),
            "async" => futures(&tracer, times),
            _ => plain(&tracer, times),
        }
    }
    let _ = tracer.force_flush(Duration::from_secs(60));
    println!("exported {}", exporter.spans());
}
