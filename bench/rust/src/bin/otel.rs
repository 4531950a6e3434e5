//! opentelemetry: its SDK with the batch processor, through `in_span`.

use std::hint::black_box;
use std::sync::Arc;

use codomyrmex_bench::case::{CHILDREN, Case, FUTURES, QUEUE, ROOTS, TRACES, not_offered};
use codomyrmex_bench::encode::{EncodingExporter, Totals};
use codomyrmex_bench::poll::{TwoPolls, to_the_end};
use codomyrmex_bench::serve::Exported;
use codomyrmex_bench::{load, serve};
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

fn provider(case: Case) -> (SdkTracerProvider, Arc<Totals>) {
    let (exporter, totals) = EncodingExporter::new();
    let config = match case {
        Case::Memory | Case::Startup => BatchConfigBuilder::default(),
        _ => BatchConfigBuilder::default().with_max_queue_size(QUEUE),
    };
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(config.build())
        .build();
    let sampler = if case == Case::Unsampled {
        Sampler::AlwaysOff
    } else {
        Sampler::AlwaysOn
    };
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .build();
    (provider, totals)
}

#[inline]
fn plain<T: Tracer>(tracer: &T, name: &'static str)
where
    T::Span: Send + Sync + 'static,
{
    tracer.in_span(name, |context| {
        black_box(&context);
    });
}

#[inline]
fn with_attributes(tracer: &SdkTracer, path: &str) {
    let builder = tracer.span_builder("child").with_attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.response.status_code", black_box(200_i64)),
        KeyValue::new("url.path", path.to_owned()),
    ]);
    tracer.in_span_with_builder(builder, |context| {
        black_box(&context);
    });
}

#[inline]
fn future(tracer: &SdkTracer) {
    let context = Context::current_with_span(tracer.start("future"));
    to_the_end(TwoPolls::default().with_context(context));
}

fn below_root<T: Tracer>(tracer: &T, times: u64, child: impl Fn(&T))
where
    T::Span: Send + Sync + 'static,
{
    tracer.in_span("root", |_| {
        for _ in 0..times {
            child(tracer);
        }
    });
}

fn main() {
    let case = Case::from_arguments();
    if case == Case::Linked {
        // Names the library, so that it is linked.
        black_box(provider as fn(Case) -> _);
        return;
    }
    if case == Case::Disabled {
        let tracer = opentelemetry::global::tracer("shop");
        let run = || below_root(&tracer, CHILDREN, |tracer| plain(tracer, "child"));
        return serve::thread(case.section(), run, Exported::default);
    }
    let (provider, totals) = provider(case);
    let tracer = provider.tracer("shop");
    let path = black_box("/api/v1/items/42".to_owned());
    let path = path.as_str();
    let settle = || {
        let _ = provider.force_flush();
        totals.exported()
    };
    let children = || below_root(&tracer, CHILDREN, |tracer| plain(tracer, "child"));
    let attributes = || below_root(&tracer, CHILDREN, |tracer| with_attributes(tracer, path));
    match case {
        Case::Child | Case::Unsampled => serve::thread(case.section(), children, settle),
        Case::Attributes => serve::thread(case.section(), attributes, settle),
        Case::Root => {
            let run = || (0..ROOTS).for_each(|_| plain(&tracer, "root"));
            serve::thread(case.section(), run, settle);
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
        Case::Memory => load::run(case.section().exported, attributes, settle, || None),
        Case::Startup => {
            plain(&tracer, "root");
            std::process::exit(0);
        }
        Case::Stalled | Case::Inject | Case::Extract => not_offered(),
        Case::Disabled | Case::Linked => unreachable!("served above"),
    }
}
