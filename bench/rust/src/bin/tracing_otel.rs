//! tracing with tracing-opentelemetry: a bare registry, the layer with everything optional switched off, and
//! opentelemetry's SDK with the batch processor behind it.

use std::hint::black_box;
use std::sync::Arc;

use codomyrmex_bench::case::{CHILDREN, Case, FUTURES, QUEUE, ROOTS, TRACES, not_offered};
use codomyrmex_bench::encode::{EncodingExporter, Totals};
use codomyrmex_bench::poll::{TwoPolls, to_the_end};
use codomyrmex_bench::serve::Exported;
use codomyrmex_bench::{load, serve};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

fn install(case: Case) -> (SdkTracerProvider, Arc<Totals>) {
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
    let layer = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_level(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_tracer(provider.tracer("shop"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .expect("no other subscriber was set");
    (provider, totals)
}

#[inline]
fn plain() {
    let span = info_span!("child").entered();
    black_box(&span);
}

#[inline]
fn root() {
    let span = info_span!(parent: None, "root").entered();
    black_box(&span);
}

#[inline]
fn with_attributes(path: &str) {
    let span = info_span!(
        "child",
        http.request.method = "GET",
        http.response.status_code = black_box(200_i64),
        url.path = path
    )
    .entered();
    black_box(&span);
}

#[inline]
fn future() {
    to_the_end(TwoPolls::default().instrument(info_span!("future")));
}

fn below_root(times: u64, child: impl Fn()) {
    let _root = info_span!("root").entered();
    for _ in 0..times {
        child();
    }
}

fn main() {
    let case = Case::from_arguments();
    if case == Case::Linked {
        black_box(install as fn(Case) -> _);
        return;
    }
    let children = || below_root(CHILDREN, plain);
    if case == Case::Disabled {
        return serve::thread(case.section(), children, Exported::default);
    }
    let (provider, totals) = install(case);
    let path = black_box("/api/v1/items/42".to_owned());
    let path = path.as_str();
    let settle = || {
        let _ = provider.force_flush();
        totals.exported()
    };
    let attributes = || below_root(CHILDREN, || with_attributes(path));
    match case {
        Case::Child | Case::Unsampled => serve::thread(case.section(), children, settle),
        Case::Attributes => serve::thread(case.section(), attributes, settle),
        Case::Root => serve::thread(case.section(), || (0..ROOTS).for_each(|_| root()), settle),
        Case::Async => serve::thread(case.section(), || below_root(FUTURES, future), settle),
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
            root();
            std::process::exit(0);
        }
        Case::Stalled | Case::Inject | Case::Extract => not_offered(),
        Case::Disabled | Case::Linked => unreachable!("served above"),
    }
}
