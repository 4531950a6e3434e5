//! fastrace: local spans below a root, reported through fastrace-opentelemetry.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;

use codomyrmex_bench::case::{
    CHILDREN, Case, FUTURES, HEADERS, ROOTS, TRACEPARENT, TRACES, not_offered,
};
use codomyrmex_bench::encode::{EncodingExporter, Totals};
use codomyrmex_bench::poll::{TwoPolls, to_the_end};
use codomyrmex_bench::serve::Exported;
use codomyrmex_bench::{load, serve};
use fastrace::collector::Config;
use fastrace::local::LocalSpan;
use fastrace::prelude::*;
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

fn install() -> Arc<Totals> {
    let (exporter, totals) = EncodingExporter::new();
    let resource = Resource::builder_empty().with_service_name("shop").build();
    let scope = InstrumentationScope::builder("shop").build();
    let reporter = OpenTelemetryReporter::new(exporter, Cow::Owned(resource), scope);
    fastrace::set_reporter(reporter, Config::default());
    totals
}

#[inline]
fn plain() {
    let span = LocalSpan::enter_with_local_parent("child");
    black_box(&span);
}

#[inline]
fn root(sampled: bool) {
    let span = Span::root("root", SpanContext::random().sampled(sampled));
    let _current = span.set_local_parent();
    black_box(&span);
}

/// Properties are text only: the integer is formatted, as every user of fastrace must.
#[inline]
fn with_attributes(path: &str) {
    let span = LocalSpan::enter_with_local_parent("child").with_properties(|| {
        [
            ("http.request.method", Cow::Borrowed("GET")),
            (
                "http.response.status_code",
                Cow::Owned(black_box(200_i64).to_string()),
            ),
            ("url.path", Cow::Owned(path.to_owned())),
        ]
    });
    black_box(&span);
}

#[inline]
fn future() {
    to_the_end(TwoPolls::default().in_span(Span::enter_with_local_parent("future")));
}

#[inline]
fn inject(context: &SpanContext) {
    let value = context.encode_w3c_traceparent();
    black_box(("traceparent", value.as_str()));
}

#[inline]
fn extract(value: &str) {
    black_box(SpanContext::decode_w3c_traceparent(value));
}

fn below_root(sampled: bool, times: u64, child: impl Fn()) {
    let root = Span::root("root", SpanContext::random().sampled(sampled));
    let _current = root.set_local_parent();
    for _ in 0..times {
        child();
    }
}

fn main() {
    let case = Case::from_arguments();
    if case == Case::Linked {
        black_box(install as fn() -> _);
        return;
    }
    let sampled = case != Case::Unsampled;
    let children = || below_root(sampled, CHILDREN, plain);
    if case == Case::Disabled {
        // No root is ever made: a local span without a parent does nothing.
        return serve::thread(
            case.section(),
            || (0..CHILDREN).for_each(|_| plain()),
            Exported::default,
        );
    }
    let totals = install();
    let path = black_box("/api/v1/items/42".to_owned());
    let path = path.as_str();
    let settle = || {
        fastrace::flush();
        totals.exported()
    };
    let attributes = || below_root(true, CHILDREN, || with_attributes(path));
    match case {
        Case::Child | Case::Unsampled => serve::thread(case.section(), children, settle),
        Case::Attributes => serve::thread(case.section(), attributes, settle),
        Case::Root => serve::thread(
            case.section(),
            || (0..ROOTS).for_each(|_| root(true)),
            settle,
        ),
        Case::Async => serve::thread(case.section(), || below_root(true, FUTURES, future), settle),
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
        Case::Inject => {
            let context = SpanContext::decode_w3c_traceparent(TRACEPARENT).expect("it is valid");
            let headers = || (0..HEADERS).for_each(|_| inject(black_box(&context)));
            serve::thread(case.section(), headers, Exported::default);
        }
        Case::Extract => {
            let headers = || (0..HEADERS).for_each(|_| extract(black_box(TRACEPARENT)));
            serve::thread(case.section(), headers, Exported::default);
        }
        Case::Memory => load::run(case.section().exported, attributes, settle, || None),
        Case::Startup => {
            root(true);
            std::process::exit(0);
        }
        Case::Stalled => not_offered(),
        Case::Disabled | Case::Linked => unreachable!("served above"),
    }
}
