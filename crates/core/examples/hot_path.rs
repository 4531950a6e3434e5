//! The hot path and nothing else, for instruments that count instructions: `hot_path FORM SPANS`.
//!
//! Forms: `0` and `3` child spans with so many attributes, `root`, `moved` (a span that is not current), `async` (a future's
//! span, over two polls), `unsampled`, `disabled`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use codomyrmex_core::{FutureExt, NullExporter, Sampler, Tracer};

/// Pending once.
struct TwoPolls(bool);

impl Future for TwoPolls {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

fn poll_to_the_end(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut context).is_pending() {}
}

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
        builder = builder.sampler(Sampler::parent_based(Sampler::always_off()));
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
        "async" => (0..spans)
            .for_each(|_| poll_to_the_end(TwoPolls(false).in_span(tracer.start_span("future")))),
        "moved" => (0..spans).for_each(|_| tracer.start_span("child").finish()),
        _ => (0..spans).for_each(|_| tracer.span("child").finish()),
    }
}
