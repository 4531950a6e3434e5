//! Futures that carry their spans from thread to thread: `cargo run -p codomyrmex-tracing --example async_tasks`

use codomyrmex_tracing::{FutureExt, InMemoryExporter, Tracer, get_current_span, trace};
use tokio::task::{JoinSet, yield_now};

#[trace(tracer = tracer, attributes(page))]
async fn fetch(tracer: &Tracer, page: u32) -> Result<usize, String> {
    // Whatever runs in between on this thread, the span is current again afterwards.
    yield_now().await;
    if let Some(span) = get_current_span() {
        span.set_attribute("bytes", 100 * page);
    }
    if page == 3 {
        Err("404 Not Found".to_owned())
    } else {
        Ok(100 * page as usize)
    }
}

async fn crawl(tracer: Tracer) -> usize {
    let mut tasks = JoinSet::new();
    for page in 1..=3 {
        // A task starts outside of every span: it is given the one that it belongs to.
        let span = tracer.start_span("task");
        let tracer = tracer.clone();
        tasks.spawn(async move { fetch(&tracer, page).await.unwrap_or(0) }.in_span(span));
    }
    tasks.join_all().await.into_iter().sum()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let spans = InMemoryExporter::new();
    let tracer = Tracer::builder("crawler").exporter(spans.clone()).build();

    let span = tracer.start_span("crawl");
    assert_eq!(crawl(tracer.clone()).in_span(span).await, 300);

    tracer.flush();
    print!("{}", spans.tree_with(&["page", "bytes"]));
    let trace = spans.spans()[0].context.trace_id;
    assert_eq!(spans.get_spans(Some(trace)).len(), 7);
}

#[test]
fn it_runs() {
    main();
}
