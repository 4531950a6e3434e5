//! codomyrmex: spans encoded at finish, drained to an exporter that counts and drops them.

use std::hint::black_box;
use std::time::Duration;

use codomyrmex_bench::case::{CHILDREN, Case, FUTURES, HEADERS, QUEUE, ROOTS, TRACEPARENT, TRACES};
use codomyrmex_bench::poll::{TwoPolls, to_the_end};
use codomyrmex_bench::serve::Exported;
use codomyrmex_bench::{load, serve};
use codomyrmex_core::{
    Batch, Delivery, ExportError, FutureExt, NullExporter, Propagator, Sampler, SpanContext,
    SpanExporter, TraceContext, Tracer,
};

/// Bytes of a span with three attributes, rounded up: queues are given in bytes here, in spans elsewhere.
const SPAN_BYTES: usize = 256;

fn tracer(case: Case, exporter: &NullExporter) -> Tracer {
    let builder = Tracer::builder("shop").exporter(exporter.clone());
    let builder = match case {
        Case::Unsampled => builder.sampler(Sampler::parent_based(Sampler::always_off())),
        Case::Disabled => builder.disabled(true),
        Case::Memory | Case::Startup => builder,
        _ => builder.queue_bytes(QUEUE * SPAN_BYTES),
    };
    builder.build()
}

/// Never returns from its first batch, and so takes no other.
struct Stalled;

impl SpanExporter for Stalled {
    fn export(&self, _batch: &Batch) -> Result<(), ExportError> {
        loop {
            std::thread::park();
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }
}

fn stalled_tracer() -> Tracer {
    Tracer::builder("shop")
        .exporter(Stalled)
        .queue_bytes(QUEUE * SPAN_BYTES)
        .build()
}

#[inline]
fn plain(tracer: &Tracer) {
    let span = tracer.span("child");
    black_box(&span);
}

#[inline]
fn with_attributes(tracer: &Tracer, path: &str) {
    let span = tracer.span("child");
    span.set_attribute("http.request.method", "GET")
        .set_attribute("http.response.status_code", black_box(200_i64))
        .set_attribute("url.path", path);
    black_box(&span);
}

#[inline]
fn root(tracer: &Tracer) {
    let span = tracer.span("root");
    black_box(&span);
}

#[inline]
fn future(tracer: &Tracer) {
    to_the_end(TwoPolls::default().in_span(tracer.start_span("future")));
}

fn below_root(tracer: &Tracer, times: u64, child: impl Fn(&Tracer)) {
    let _root = tracer.span("root");
    for _ in 0..times {
        child(tracer);
    }
}

/// Through the propagator, as into any carrier.
#[inline]
fn inject(context: &SpanContext) {
    TraceContext.inject(context, &mut |name: &str, value: &str| {
        black_box((name, value));
    });
}

#[inline]
fn extract(value: &str) {
    black_box(SpanContext::from_traceparent(value));
}

fn main() {
    let case = Case::from_arguments();
    if case == Case::Linked {
        black_box(tracer as fn(Case, &NullExporter) -> Tracer);
        return;
    }
    let exporter = NullExporter::new();
    let tracer = tracer(case, &exporter);
    let path = black_box("/api/v1/items/42".to_owned());
    let path = path.as_str();
    let settle = || {
        let _ = tracer.force_flush(Duration::from_secs(10));
        Exported {
            spans: exporter.spans(),
            bytes: exporter.bytes(),
        }
    };
    let counted = || {
        let stats = tracer.stats();
        assert!(stats.balanced(), "the books do not balance:\n{stats}");
        Some(
            stats
                .exporters
                .iter()
                .map(|exporter| exporter.dropped.total())
                .sum(),
        )
    };
    let children = || below_root(&tracer, CHILDREN, plain);
    let attributes = || below_root(&tracer, CHILDREN, |tracer| with_attributes(tracer, path));
    match case {
        Case::Child | Case::Unsampled => serve::thread(case.section(), children, settle),
        Case::Disabled => serve::thread(case.section(), children, Exported::default),
        Case::Attributes => serve::thread(case.section(), attributes, settle),
        Case::Root => {
            serve::thread(
                case.section(),
                || (0..ROOTS).for_each(|_| root(&tracer)),
                settle,
            );
        }
        Case::Async => {
            serve::thread(
                case.section(),
                || below_root(&tracer, FUTURES, future),
                settle,
            );
        }
        Case::Cpu => serve::process(
            case.section(),
            || (0..TRACES).for_each(|_| children()),
            settle,
        ),
        Case::CpuAttributes => {
            serve::process(
                case.section(),
                || (0..TRACES).for_each(|_| attributes()),
                settle,
            );
        }
        Case::Stalled => {
            let tracer = stalled_tracer();
            serve::thread(
                case.section(),
                || below_root(&tracer, CHILDREN, plain),
                Exported::default,
            );
        }
        Case::Inject => {
            let context = SpanContext::from_traceparent(TRACEPARENT).expect("it is valid");
            let headers = || (0..HEADERS).for_each(|_| inject(black_box(&context)));
            serve::thread(case.section(), headers, Exported::default);
        }
        Case::Extract => {
            let headers = || (0..HEADERS).for_each(|_| extract(black_box(TRACEPARENT)));
            serve::thread(case.section(), headers, Exported::default);
        }
        Case::Memory => load::run(case.section().exported, attributes, settle, counted),
        Case::Startup => {
            root(&tracer);
            std::process::exit(0);
        }
        Case::Linked => unreachable!("served above"),
    }
}
