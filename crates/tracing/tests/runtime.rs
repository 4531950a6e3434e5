//! A tokio runtime that is torn down before the tracer is, and one that the tracer is flushed from.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codomyrmex_tracing::{Batch, Delivery, ExportError, FutureExt, SpanExporter, Tracer};
use tokio::sync::oneshot;

/// Counts spans by name, on a thread of its own.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<String, u32>>>);

impl SpanExporter for Names {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let mut names = self.0.lock().unwrap();
        for span in batch.spans() {
            *names.entry(span.name().into_owned()).or_default() += 1;
        }
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }
}

fn tracer() -> (Tracer, Names) {
    let names = Names::default();
    let tracer = Tracer::builder("shop").exporter(names.clone()).build();
    (tracer, names)
}

#[test]
fn spans_of_tasks_that_a_runtime_takes_down_with_it_are_delivered() {
    let (tracer, names) = tracer();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..20 {
            let (started, is_started) = oneshot::channel();
            let span = tracer.start_span("unfinished task");
            let inner = tracer.clone();
            tokio::spawn(
                async move {
                    inner.span("step").finish();
                    let _held = inner.start_span("held");
                    started.send(()).unwrap();
                    pending::<()>().await;
                }
                .in_span(span),
            );
            is_started.await.unwrap();
        }
    });
    drop(runtime);
    tracer.span("afterwards").finish();
    assert!(
        tracer
            .shutdown_within(Duration::from_secs(60))
            .is_delivered()
    );
    let names = names.0.lock().unwrap();
    let counted = ["unfinished task", "step", "held", "afterwards"].map(|name| names[name]);
    assert_eq!(counted, [20, 20, 20, 1]);
    let stats = tracer.stats();
    assert!(stats.balanced() && stats.open == 0, "{stats}");
}

#[test]
fn a_task_may_flush_and_shut_down_on_a_runtime_of_one_thread() {
    let (tracer, names) = tracer();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        tracer.span("a").finish();
        assert!(tracer.force_flush(Duration::from_secs(60)).is_delivered());
        tracer.span("b").finish();
        assert!(
            tracer
                .shutdown_within(Duration::from_secs(60))
                .is_delivered()
        );
    });
    drop(runtime);
    assert_eq!(names.0.lock().unwrap().len(), 2);
}

#[test]
fn the_last_tracer_may_go_down_with_a_runtime() {
    let (tracer, names) = tracer();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (started, is_started) = oneshot::channel();
    runtime.spawn(async move {
        let _span = tracer.start_span("held");
        started.send(()).unwrap();
        pending::<()>().await;
        drop(tracer);
    });
    runtime.block_on(is_started).unwrap();
    drop(runtime);
    assert_eq!(names.0.lock().unwrap()["held"], 1);
}
