//! What every exporter can count on, run with each kind of exporter.

mod watched;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use codomyrmex_core::{
    ConsoleExporter, Delivery, ExportError, InMemoryExporter, NullExporter, SpanExporter, Stats,
    Tracer, get_current_span,
};
use watched::{Call, Log, Watched};

/// A writer that several hold.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A drawn tree without the lines that name a whole trace.
fn rows(drawn: &str) -> String {
    drawn.lines().filter(|line| !is_header(line)).collect()
}

fn is_header(line: &str) -> bool {
    line.contains(" spans") || line.contains(" 1 span")
}

/// How often each of the spans `span-00000`, `span-00001`… is named in a text.
fn named(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (at, _) in text.match_indices("span-") {
        *counts.entry(text[at..at + 10].to_owned()).or_default() += 1;
    }
    counts
}

fn name(number: usize) -> String {
    format!("span-{number:05}")
}

fn each_once(count: usize) -> BTreeMap<String, usize> {
    (0..count).map(|number| (name(number), 1)).collect()
}

/// What arrived at an exporter, as it shows itself; None where it only counts, with the count.
type Arrived = Box<dyn Fn() -> Result<BTreeMap<String, usize>, u64>>;

struct Subject {
    what: &'static str,
    exporter: Watched,
    arrived: Arrived,
}

fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (what, console, read) in [
        (
            "console, pretty",
            ConsoleExporter::new(),
            str::to_owned as fn(&str) -> String,
        ),
        (
            "console, compact",
            ConsoleExporter::compact(),
            str::to_owned,
        ),
        ("console, tree", ConsoleExporter::tree(), rows),
    ] {
        let out = Shared::default();
        subjects.push(Subject {
            what,
            exporter: Watched::around(Box::new(console.to(out.clone()))),
            arrived: Box::new(move || {
                Ok(named(&read(
                    &String::from_utf8(out.0.lock().unwrap().clone()).unwrap(),
                )))
            }),
        });
    }
    let memory = InMemoryExporter::with_capacity(100_000);
    subjects.push(Subject {
        what: "in memory",
        exporter: Watched::around(Box::new(memory.clone())),
        arrived: Box::new(move || {
            let names: Vec<_> = memory.spans().into_iter().map(|span| span.name).collect();
            Ok(named(&names.join(" ")))
        }),
    });
    let null = NullExporter::new();
    subjects.push(Subject {
        what: "null",
        exporter: Watched::around(Box::new(null.clone())),
        arrived: Box::new(move || Err(null.spans())),
    });
    for (what, delivery) in [
        ("a user's own, in process", Delivery::InProcess),
        ("a user's own, background", Delivery::Background),
    ] {
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        subjects.push(Subject {
            what,
            exporter,
            arrived: Box::new(move || Ok(named(&log.names().join(" ")))),
        });
    }
    subjects
}

fn row(stats: &Stats) -> (u64, u64, u64) {
    let exporter = &stats.exporters[0];
    (exporter.exported, exporter.dropped.total(), exporter.queued)
}

fn check_books(what: &str, tracer: &Tracer, recorded: u64, row_expected: (u64, u64, u64)) {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{what}: {stats}");
    assert_eq!(
        (stats.recorded, row(&stats)),
        (recorded, row_expected),
        "{what}: {stats}"
    );
}

fn check_each_once(what: &str, names: &BTreeMap<String, usize>, count: usize) {
    let wrong: Vec<_> = names
        .iter()
        .filter(|(_, times)| **times != 1)
        .take(5)
        .collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
    let missing = each_once(count)
        .into_keys()
        .find(|name| !names.contains_key(name));
    assert_eq!((names.len(), missing), (count, None), "{what}");
}

fn check_arrived(what: &str, arrived: &Arrived, count: usize) {
    match arrived() {
        Ok(names) => check_each_once(what, &names, count),
        Err(spans) => assert_eq!(spans, count as u64, "{what}"),
    }
}

/// Both ways of delivery, for what the exporter itself does.
const DELIVERIES: [Delivery; 2] = [Delivery::InProcess, Delivery::Background];

#[test]
fn all_spans_arrive_once_and_in_batches() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let (log, delivery) = (exporter.log.clone(), exporter.delivery());
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        for number in 0..25 {
            tracer.span(&name(number)).finish();
        }
        if delivery == Delivery::InProcess {
            assert_eq!(log.batches(), [10, 10], "{what}");
            check_books(what, &tracer, 25, (20, 0, 5));
        }
        tracer.flush();
        check_arrived(what, &arrived, 25);
        check_books(what, &tracer, 25, (25, 0, 0));
        assert_eq!(log.batches().iter().sum::<usize>(), 25, "{what}");
        assert_eq!(log.names(), (0..25).map(name).collect::<Vec<_>>(), "{what}");
        assert_eq!(log.calls().last(), Some(&Call::Flush), "{what}");
        let here = std::thread::current().id();
        let exports = log.threads()[0];
        assert_eq!(exports == here, delivery == Delivery::InProcess, "{what}");
    }
}

#[test]
fn calls_never_overlap_however_many_threads_finish_and_flush() {
    const THREADS: usize = 8;
    const SPANS: usize = 400;
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .queue_bytes(32 << 20)
            .build();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let tracer = &tracer;
                scope.spawn(move || {
                    for number in 0..SPANS {
                        tracer.span(&name(thread * SPANS + number)).finish();
                        if number % 100 == thread {
                            tracer.flush();
                        }
                    }
                });
            }
        });
        tracer.flush();
        assert_eq!(log.overlaps(), 0, "{what}");
        check_arrived(what, &arrived, THREADS * SPANS);
        let all = (THREADS * SPANS) as u64;
        check_books(what, &tracer, all, (all, 0, 0));
        tracer.shutdown();
        assert_eq!(log.overlaps(), 0, "{what}");
    }
}

#[test]
fn shutdown_comes_once_and_nothing_after_it() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        let open = tracer.start_span("left open");
        for number in 0..12 {
            tracer.span(&name(number)).finish();
        }
        tracer.shutdown();
        check_arrived(what, &arrived, 12);
        let calls = log.calls();
        assert_eq!(
            calls[calls.len() - 2..],
            [Call::Shutdown, Call::Dropped],
            "{what}: {calls:?}"
        );

        assert!(tracer.shutdown_within(Duration::ZERO).is_done(), "{what}");
        open.finish();
        tracer.span(&name(12)).finish();
        tracer.flush();
        assert!(!tracer.is_enabled(), "{what}");
        assert_eq!(log.calls(), calls, "{what}");
        check_books(what, &tracer, 13, (12, 1, 0));
        assert_eq!(tracer.stats().exporters[0].dropped.shutdown, 1, "{what}");
        drop(tracer);
        assert_eq!(log.calls(), calls, "{what}");
    }
}

#[test]
fn the_last_tracer_that_is_dropped_shuts_down() {
    for Subject {
        what,
        exporter,
        arrived,
    } in subjects()
    {
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop").exporter(exporter).build();
        let clone = tracer.clone();
        tracer.span(&name(0)).finish();
        drop(tracer);
        assert_eq!(log.count(&Call::Shutdown), 0, "{what}");
        clone.span(&name(1)).finish();
        drop(clone);
        assert_eq!(log.count(&Call::Shutdown), 1, "{what}");
        assert_eq!(log.count(&Call::Dropped), 1, "{what}");
        check_arrived(what, &arrived, 2);
    }
}

/// A tracer whose exporter can reach it.
fn reaching(
    delivery: Delivery,
    doing: impl Fn(&Tracer, usize) -> Result<(), ExportError> + Send + Sync + 'static,
) -> (Tracer, Arc<Log>) {
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let calls = AtomicUsize::new(0);
    let exporter = Watched::new(delivery).doing({
        let reach = reach.clone();
        move |_| doing(reach.get().unwrap(), calls.fetch_add(1, Ordering::Relaxed))
    });
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop").exporter(exporter).build();
    reach.set(tracer.clone()).unwrap();
    (tracer, log)
}

#[test]
fn an_exporter_may_flush_its_own_tracer() {
    for delivery in DELIVERIES {
        let (tracer, log) = reaching(delivery, |tracer, _| {
            // It would wait for itself.
            assert!(!tracer.force_flush(Duration::MAX).is_done());
            Ok(())
        });
        for number in 0..35 {
            tracer.span(&name(number)).finish();
        }
        tracer.flush();
        check_each_once("flushing", &named(&log.names().join(" ")), 35);
        check_books("flushing", &tracer, 35, (35, 0, 0));
        tracer.shutdown();
        assert_eq!(log.overlaps(), 0);
    }
}

#[test]
fn an_exporter_may_start_spans() {
    for delivery in DELIVERIES {
        let (tracer, log) = reaching(delivery, |tracer, _| {
            assert!(get_current_span().is_none());
            let _outer = tracer.span("export");
            tracer.span("connect").finish();
            Ok(())
        });
        for number in 0..20 {
            tracer.span(&name(number)).finish();
        }
        tracer.flush();
        check_each_once("starting", &named(&log.names().join(" ")), 20);
        let own = |names: Vec<String>| names.iter().filter(|name| *name == "export").count();
        tracer.flush();
        assert!(own(log.names()) >= 1);
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        // The flush that a shutdown does records no more: what it exports starts no spans.
        tracer.shutdown();
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!(row(&stats), (stats.recorded, 0, 0), "{stats}");
        assert_eq!(log.overlaps(), 0);
    }
}

#[test]
fn an_exporter_that_starts_a_span_for_each_span_does_not_feed_itself_for_ever() {
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let exporter = Watched::new(Delivery::InProcess).doing({
        let reach = reach.clone();
        move |batch| {
            for _ in 0..batch.len() {
                reach.get().unwrap().span("export").finish();
            }
            Ok(())
        }
    });
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .batch_size(1)
        .build();
    reach.set(tracer.clone()).unwrap();
    tracer.span("application").finish();
    assert_eq!(log.names(), ["application"]);
    tracer.flush();
    assert_eq!(log.names(), ["application", "export"]);
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    assert_eq!(row(&stats), (2, 0, 1));
    tracer.shutdown();
    assert!(tracer.stats().balanced(), "{}", tracer.stats());
}

#[test]
fn what_an_exporter_throws_is_counted_and_stays_away_from_the_application() {
    for delivery in DELIVERIES {
        let (tracer, log) = reaching(delivery, |_, call| match call % 3 {
            0 => Ok(()),
            1 => Err(ExportError::permanent("the disk is on fire")),
            _ => std::panic::resume_unwind(Box::new("expected")),
        });
        for number in 0..6 {
            tracer.span(&name(number)).finish();
            tracer.flush();
        }
        assert_eq!(log.batches(), [1; 6]);
        check_books("throwing", &tracer, 6, (2, 4, 0));
        assert_eq!(tracer.stats().exporters[0].dropped.export_failed, 4);
        assert_eq!(log.overlaps(), 0);
    }
}

#[test]
fn the_last_spans_of_a_thread_go_out_by_themselves() {
    for delivery in DELIVERIES {
        let exporter = Watched::new(delivery);
        let log = exporter.log.clone();
        let tracer = Tracer::builder("shop")
            .exporter(exporter)
            .flush_interval(Duration::from_millis(1))
            .build();
        std::thread::spawn({
            let tracer = tracer.clone();
            move || tracer.span("last words").finish()
        })
        .join()
        .unwrap();
        // Nobody records, flushes or ends anything any more.
        while log.names().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(log.names(), ["last words"]);
    }
}

#[test]
fn of_a_batch_that_was_taken_in_part_only_the_rest_counts_as_failed() {
    for delivery in DELIVERIES {
        let (tracer, _) = reaching(delivery, |_, call| {
            // More than there are is all there are.
            Err(ExportError::rejected([0, 3, 9][call], "no such service"))
        });
        for _ in 0..3 {
            for number in 0..5 {
                tracer.span(&name(number)).finish();
            }
            tracer.flush();
        }
        check_books("in part", &tracer, 15, (7, 8, 0));
        assert_eq!(tracer.stats().exporters[0].dropped.export_failed, 8);
    }
}

#[test]
fn an_exporter_may_panic_while_the_application_does() {
    let (tracer, log) = reaching(Delivery::InProcess, |_, _| {
        std::panic::resume_unwind(Box::new("expected"))
    });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _spans: Vec<_> = (0..10)
            .map(|number| tracer.start_span(&name(number)))
            .collect();
        std::panic::resume_unwind(Box::new("the application's own"));
    }));
    assert_eq!(
        *caught.unwrap_err().downcast::<&str>().unwrap(),
        "the application's own"
    );
    assert_eq!(log.batches(), [10]);
    check_books("panicking", &tracer, 10, (0, 10, 0));
}

/// Panics in everything but export.
struct Spiteful(Delivery);

impl SpanExporter for Spiteful {
    fn export(&self, _: &codomyrmex_core::Batch) -> Result<(), ExportError> {
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        self.0
    }

    fn flush(&self) {
        std::panic::resume_unwind(Box::new("flush"));
    }

    fn shutdown(&self) {
        std::panic::resume_unwind(Box::new("shutdown"));
    }
}

impl Drop for Spiteful {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("drop"));
    }
}

#[test]
fn panics_in_flush_shutdown_and_drop_stay_away_too() {
    for delivery in DELIVERIES {
        let tracer = Tracer::builder("shop").exporter(Spiteful(delivery)).build();
        tracer.span("a").finish();
        tracer.flush();
        tracer.shutdown();
        check_books("spiteful", &tracer, 1, (1, 0, 0));
    }
}

#[test]
fn an_exporter_may_shut_its_own_tracer_down() {
    for delivery in DELIVERIES {
        let (tracer, log) = reaching(delivery, |tracer, _| {
            tracer.shutdown();
            Ok(())
        });
        tracer.span(&name(0)).finish();
        tracer.flush();
        if delivery == Delivery::Background {
            // Its thread ends the exporter after the export; a second shutdown says no more about that than a flush.
            while log.count(&Call::Dropped) == 0 {
                std::thread::yield_now();
            }
        }
        assert_eq!(log.overlaps(), 0, "shutdown overlaps with export");
        let calls = log.calls();
        let (flushes, others): (Vec<_>, Vec<_>) =
            calls.iter().partition(|call| **call == Call::Flush);
        assert_eq!(others, [&Call::Export(1), &Call::Shutdown, &Call::Dropped]);
        // In process the exporter is inside itself, so that there is no moment for it.
        assert_eq!(flushes.is_empty(), delivery == Delivery::InProcess);
        assert!(calls.ends_with(&[Call::Shutdown, Call::Dropped]));
        check_books("shutting down", &tracer, 1, (1, 0, 0));
    }
}

#[test]
fn exporters_that_flush_do_not_wait_for_each_other() {
    let reach: Arc<OnceLock<Tracer>> = Arc::default();
    let both = Arc::new(std::sync::Barrier::new(2));
    let exporter = || {
        let (reach, both) = (reach.clone(), both.clone());
        let first = AtomicUsize::new(0);
        Watched::new(Delivery::Background).doing(move |_| {
            if first.fetch_add(1, Ordering::Relaxed) == 0 {
                both.wait();
                let _ = reach.get().unwrap().force_flush(Duration::MAX);
            }
            Ok(())
        })
    };
    let (one, two) = (exporter(), exporter());
    let logs = [one.log.clone(), two.log.clone()];
    let tracer = Tracer::builder("shop").exporter(one).exporter(two).build();
    reach.set(tracer.clone()).unwrap();
    tracer.span("a").finish();
    assert!(tracer.force_flush(Duration::MAX).is_done());
    assert!(logs.iter().all(|log| log.names() == ["a"]));
}

#[test]
fn a_shutdown_that_does_not_wait_lets_the_export_end_first() {
    for delivery in DELIVERIES {
        let (entered, is_inside) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let (tracer, log) = reaching(delivery, move |_, _| {
            entered.send(()).unwrap();
            let _ = may_go_on.lock().unwrap().recv();
            Ok(())
        });
        for number in 0..10 {
            tracer.span(&name(number)).finish();
            if delivery == Delivery::InProcess && number == 8 {
                break;
            }
        }
        // In process, whoever finishes the tenth span is inside the exporter.
        let finisher = std::thread::spawn({
            let tracer = tracer.clone();
            move || tracer.span(&name(9)).finish()
        });
        if delivery == Delivery::Background {
            finisher.join().unwrap();
            assert!(!tracer.force_flush(Duration::ZERO).is_done());
            is_inside.recv().unwrap();
            assert!(!tracer.shutdown_within(Duration::from_millis(5)).is_done());
            assert_eq!(log.count(&Call::Shutdown), 0);
            drop(go_on);
        } else {
            is_inside.recv().unwrap();
            assert!(!tracer.shutdown_within(Duration::from_millis(5)).is_done());
            assert_eq!(log.count(&Call::Shutdown), 0);
            drop(go_on);
            finisher.join().unwrap();
        }
        while log.count(&Call::Dropped) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(log.overlaps(), 0);
        assert_eq!(log.count(&Call::Shutdown), 1);
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        assert_eq!(stats.exporters[0].queued, 0, "{stats}");
    }
}

#[test]
fn the_queue_of_an_exporter_that_is_busy_in_the_process_is_bounded() {
    let (entered, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let exporter = Watched::new(Delivery::InProcess).doing(move |_| {
        let _ = entered.send(());
        let _ = may_go_on.lock().unwrap().recv();
        Ok(())
    });
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .batch_size(1)
        .queue_bytes(10_000)
        .build();
    std::thread::scope(|scope| {
        scope.spawn(|| tracer.span("first").finish());
        is_inside.recv().unwrap();
        let text = "x".repeat(900);
        for _ in 0..100 {
            tracer.span("more").set_attribute("text", text.as_str());
        }
        let stats = tracer.stats();
        assert!(stats.balanced(), "{stats}");
        let dropped = stats.exporters[0].dropped.queue_full;
        assert!((90..100).contains(&dropped), "{stats}");
        drop(go_on);
    });
    tracer.flush();
    assert_eq!(row(&tracer.stats()).2, 0);
    assert!(tracer.stats().balanced());
}

#[test]
fn a_batch_of_large_spans_does_not_wait_for_its_tenth() {
    let exporter = Watched::new(Delivery::InProcess);
    let log = exporter.log.clone();
    let tracer = Tracer::builder("shop")
        .exporter(exporter)
        .queue_bytes(100_000)
        .batch_size(1000)
        .build();
    let text = "x".repeat(60_000);
    for _ in 0..4 {
        tracer.span("large").set_attribute("text", text.as_str());
    }
    assert_eq!(log.batches(), [2, 2]);
}

#[test]
fn each_of_several_exporters_gets_every_span_and_has_books_of_its_own() {
    let memory = InMemoryExporter::new();
    let null = NullExporter::new();
    let failing =
        Watched::new(Delivery::Background).doing(|_| Err(ExportError::retryable("later", None)));
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .exporter(null.clone())
        .exporter(failing)
        .build();
    for number in 0..15 {
        tracer.span(&name(number)).finish();
    }
    tracer.flush();
    assert_eq!((memory.spans().len(), null.spans()), (15, 15));
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    let rows: Vec<_> = stats
        .exporters
        .iter()
        .map(|e| (e.name.as_str(), e.exported, e.dropped.export_failed))
        .collect();
    assert_eq!(
        rows,
        [("in_memory", 15, 0), ("null", 15, 0), ("watched", 0, 15)]
    );
}
