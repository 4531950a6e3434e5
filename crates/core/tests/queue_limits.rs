//! Limits of batches and queues in spans, and what to do when they are full.

mod watched;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use codomyrmex_core::{Delivery, NullExporter, Stats, Tracer, WhenFull};
use watched::Watched;

fn balanced(tracer: &Tracer) -> Stats {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    stats
}

#[test]
fn a_batch_has_no_more_spans_than_asked_for() {
    for (delivery, limit) in [
        (Delivery::Background, 1),
        (Delivery::Background, 7),
        (Delivery::Background, 512),
        (Delivery::InProcess, 7),
        (Delivery::InProcess, 100),
    ] {
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .max_export_batch_size(limit)
            .queue_bytes(8 << 20)
            .build();
        let long = "x".repeat(40_000);
        for number in 0..2000 {
            let span = tracer.span(&number.to_string());
            if number % 100 == 0 {
                // Larger than a chunk: it takes the other way.
                span.set_attribute("long", long.as_str());
            }
        }
        tracer.flush();
        let most = match delivery {
            Delivery::Background => limit,
            // The batches of ten hold as well.
            Delivery::InProcess => limit.min(10),
        };
        let batches = log.batches();
        assert!(
            batches.iter().all(|spans| *spans <= most),
            "{limit}: {batches:?}"
        );
        assert_eq!(batches.iter().sum::<usize>(), 2000);
        assert_eq!(log.names().iter().collect::<HashSet<_>>().len(), 2000);
        assert_eq!(balanced(&tracer).exporters[0].exported, 2000);
    }
}

/// An exporter whose exports wait for the channel to close, and say when they begin.
fn waiting() -> (Watched, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (entered, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let exporter = Watched::new(Delivery::Background).doing(move |_| {
        let _ = entered.send(());
        let _ = may_go_on.lock().unwrap().recv();
        Ok(())
    });
    (exporter, is_inside, go_on)
}

#[test]
fn a_queue_has_no_more_spans_than_asked_for() {
    let (exporter, is_inside, go_on) = waiting();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .max_queue_size(50)
        .build();
    tracer.span("first").finish();
    let _ = tracer.force_flush(Duration::ZERO);
    is_inside.recv().unwrap();
    for _ in 0..10 {
        for _ in 0..30 {
            tracer.span("more").finish();
        }
        let _ = tracer.force_flush(Duration::ZERO);
        let stats = balanced(&tracer);
        assert_eq!(
            stats.exporters[0].dropped.total(),
            stats.exporters[0].dropped.queue_full
        );
    }
    drop(go_on);
    tracer.flush();
    let stats = balanced(&tracer);
    let row = &stats.exporters[0];
    assert_eq!(row.exported + row.dropped.queue_full, 301, "{stats}");
    assert!(row.exported > 30, "{stats}");
}

#[test]
fn whoever_may_wait_loses_nothing_to_an_exporter_that_is_slow() {
    const THREADS: u64 = 3;
    const SPANS: u64 = 4_000;
    for spans in [usize::MAX, 100] {
        let exporter = Watched::new(Delivery::Background).doing(|batch| {
            // As slow as other threads let it be.
            (0..batch.len()).for_each(|_| std::thread::yield_now());
            Ok(())
        });
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .queue_bytes(64 << 10)
            .max_queue_size(spans)
            .when_full(WhenFull::Wait(Duration::from_secs(3600)))
            .build();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for number in 0..SPANS {
                        tracer.span("work").set_attribute("number", number);
                    }
                });
            }
        });
        let result = tracer.shutdown_within(Duration::MAX);
        let stats = balanced(&tracer);
        assert!(result.is_delivered(), "{result:?} {spans}: {stats}");
        assert_eq!(stats.exporters[0].exported, THREADS * SPANS, "{stats}");
    }
}

#[test]
fn nobody_waits_longer_than_asked_for() {
    let (exporter, is_inside, go_on) = waiting();
    let null = NullExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .exporter(null.clone())
        .queue_bytes(64 << 10)
        .when_full(WhenFull::Wait(Duration::from_millis(1)))
        .build();
    tracer.span("first").finish();
    let _ = tracer.force_flush(Duration::ZERO);
    is_inside.recv().unwrap();
    // The exporter never goes on meanwhile, so this would never end if somebody waited for it.
    for number in 0..5_000 {
        tracer.span("more").set_attribute("number", number);
    }
    let stats = balanced(&tracer);
    assert!(stats.exporters[0].dropped.queue_full > 0, "{stats}");
    assert!(stats.queue_bytes <= stats.queue_limit);
    drop(go_on);
    tracer.flush();
    let stats = balanced(&tracer);
    assert!(stats.exporters.iter().all(|row| row.queued == 0), "{stats}");
    assert_eq!(null.spans(), stats.exporters[1].exported);
}

#[test]
fn an_exporter_that_records_never_waits_for_itself() {
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let exporter = Watched::new(Delivery::Background).doing({
        let reach = reach.clone();
        move |batch| {
            if batch.spans().any(|span| span.name() == "first") {
                for number in 0..5_000 {
                    reach
                        .get()
                        .unwrap()
                        .span("inside")
                        .set_attribute("number", number);
                }
            }
            Ok(())
        }
    });
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .queue_bytes(64 << 10)
        .when_full(WhenFull::Wait(Duration::MAX))
        .build();
    reach.set(tracer.clone()).unwrap();
    tracer.span("first").finish();
    assert!(tracer.force_flush(Duration::MAX).is_done());
    tracer.shutdown();
    let stats = balanced(&tracer);
    assert_eq!(stats.recorded, 5_001);
    assert!(stats.exporters[0].dropped.queue_full > 0, "{stats}");
}
