//! The hot path and nothing else, for instruments that count instructions: `hot_path FORM SPANS`.
//!
//! Forms: `0` and `3` child spans with so many attributes, `root`, `moved` (a span that is not current), `unsampled`,
//! `disabled`.

use codomyrmex_core::{NullExporter, Sampler, Tracer};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(form), Some(spans)) = (arguments.next(), arguments.next()) else {
        return eprintln!("hot_path FORM SPANS");
    };
    let Ok(spans) = spans.parse::<u64>() else {
        return eprintln!("SPANS is a number");
    };
    let mut builder = Tracer::builder("hot_path")
        .exporter(NullExporter::new())
        .queue_bytes(256 << 20)
        .disabled(form == "disabled");
    if form == "unsampled" {
        builder = builder.sampler(Sampler::always_off());
    }
    let tracer = builder.build();
    // The buffers that are needed are there, and empty, when it counts.
    run(&tracer, &form, spans);
    tracer.flush();
    measured(&tracer, &form, spans);
    tracer.flush();
    println!("{}", tracer.stats());
}

/// What an instrument counts: `valgrind --tool=callgrind --toggle-collect='*measured*'`.
#[inline(never)]
fn measured(tracer: &Tracer, form: &str, spans: u64) {
    run(tracer, form, spans);
    std::hint::black_box(tracer);
}

#[inline(never)]
fn run(tracer: &Tracer, form: &str, spans: u64) {
    if form == "root" {
        return (0..spans).for_each(|_| tracer.span("root").finish());
    }
    let _parent = tracer.span("parent");
    match form {
        "3" => (0..spans).for_each(|number| {
            tracer
                .span("child")
                .set_attribute("http.request.method", "GET")
                .set_attribute("http.response.status_code", number)
                .set_attribute("url.path", "/cart");
        }),
        "moved" => (0..spans).for_each(|_| tracer.start_span("child").finish()),
        _ => (0..spans).for_each(|_| tracer.span("child").finish()),
    }
}
