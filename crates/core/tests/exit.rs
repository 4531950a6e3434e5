//! Programs that end without a flush: what is delivered.

mod alone;

use std::io::Write;
use std::process::Output;

use alone::{alone, text};
use codomyrmex_core::{Batch, ConsoleExporter, Delivery, ExportError, SpanExporter, Tracer};

/// Prints a line a span.
struct Lines(Delivery);

impl SpanExporter for Lines {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        for span in batch.spans() {
            let _ = writeln!(std::io::stdout(), "exported {}", span.name());
        }
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        self.0
    }

    fn shutdown(&self) {
        let _ = writeln!(std::io::stdout(), "shut down");
    }
}

/// A tracer that lives as long as the program.
fn tracer(delivery: Delivery) -> &'static Tracer {
    Box::leak(Box::new(
        Tracer::builder("shop").exporter(Lines(delivery)).build(),
    ))
}

fn told(output: &Output) -> Vec<String> {
    text(&output.stdout)
        .lines()
        // The test program's own words may stand on the same line.
        .filter_map(|line| {
            line.find("exported ")
                .or(line.find("shut down"))
                .map(|at| &line[at..])
        })
        .map(str::to_owned)
        .collect()
}

/// Runs the scenario with both deliveries, each in a process of its own.
fn both(test: &str, scenario: impl Fn(&'static Tracer), check: impl Fn(Output)) {
    // Which delivery a process tests stands in its environment.
    const VARIABLE: &str = "CODOMYRMEX_TEST_DELIVERY";
    let inside = std::env::var(VARIABLE).ok();
    if let Some(delivery) = inside {
        let delivery = match delivery.as_str() {
            "background" => Delivery::Background,
            _ => Delivery::InProcess,
        };
        alone(test, || scenario(tracer(delivery)));
        return;
    }
    for delivery in ["background", "in process"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, delivery)
            .env("CODOMYRMEX_TEST_ALONE", test);
        check(alone::run(command));
    }
}

#[test]
fn a_program_that_leaves_main_delivers_the_rest() {
    both(
        "a_program_that_leaves_main_delivers_the_rest",
        |tracer| {
            for number in 0..3 {
                tracer.span(&number.to_string()).finish();
            }
        },
        |output| {
            assert!(output.status.success(), "{}", text(&output.stderr));
            let told = told(&output);
            assert_eq!(
                told,
                ["exported 0", "exported 1", "exported 2", "shut down"]
            );
        },
    );
}

#[test]
fn a_program_that_exits_delivers_what_has_finished() {
    both(
        "a_program_that_exits_delivers_what_has_finished",
        |tracer| {
            let _open = tracer.span("open");
            tracer.span("done").finish();
            std::process::exit(7);
        },
        |output| {
            assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
            assert_eq!(told(&output), ["exported done", "shut down"]);
        },
    );
}

#[test]
fn a_program_that_exits_on_another_thread_delivers_too() {
    both(
        "a_program_that_exits_on_another_thread_delivers_too",
        |tracer| {
            let _open = tracer.span("open");
            let other = std::thread::spawn(|| {
                tracer.span("done").finish();
                std::process::exit(8);
            });
            let _ = other.join();
        },
        |output| {
            assert_eq!(output.status.code(), Some(8), "{}", text(&output.stderr));
            assert_eq!(told(&output), ["exported done", "shut down"]);
        },
    );
}

#[test]
fn a_program_that_panics_delivers_the_spans_that_the_panic_ended() {
    both(
        "a_program_that_panics_delivers_the_spans_that_the_panic_ended",
        |tracer| {
            let _outer = tracer.span("outer");
            let _inner = tracer.span("inner");
            panic!("expected");
        },
        |output| {
            assert_eq!(output.status.code(), Some(101));
            assert_eq!(
                told(&output),
                ["exported inner", "exported outer", "shut down"]
            );
        },
    );
}

#[test]
fn a_program_that_exits_inside_an_exporter_ends() {
    if let Some(output) = alone("a_program_that_exits_inside_an_exporter_ends", || {
        struct Exits;
        impl SpanExporter for Exits {
            fn export(&self, _: &Batch) -> Result<(), ExportError> {
                std::process::exit(9);
            }
        }
        let tracer = Tracer::builder("shop")
            .exporter(Exits)
            .exporter(Lines(Delivery::Background))
            .build();
        tracer.span("a").finish();
        tracer.flush();
    }) {
        assert_eq!(output.status.code(), Some(9), "{}", text(&output.stderr));
        assert_eq!(told(&output), ["exported a", "shut down"]);
    }
}

#[test]
fn a_program_that_aborts_delivers_nothing_more() {
    both(
        "a_program_that_aborts_delivers_nothing_more",
        |tracer| {
            for number in 0..10 {
                tracer.span(&number.to_string()).finish();
            }
            tracer.flush();
            tracer.span("lost").finish();
            std::process::abort();
        },
        |output| {
            assert!(!output.status.success());
            assert_eq!(told(&output).len(), 10);
        },
    );
}

#[test]
fn the_console_prints_what_is_left_at_the_end() {
    if let Some(output) = alone("the_console_prints_what_is_left_at_the_end", || {
        let tracer = Tracer::builder("shop")
            .exporter(ConsoleExporter::compact())
            .build();
        // Dropped with main's locals before the end in the one case, never in the other.
        std::mem::forget(tracer.clone());
        tracer.span("last words").finish();
    }) {
        assert!(output.status.success());
        assert!(
            text(&output.stdout).contains("\"name\": \"last words\""),
            "{}",
            text(&output.stdout)
        );
    }
}

#[test]
fn a_span_that_is_held_by_a_thread_local_of_main_is_delivered() {
    both(
        "a_span_that_is_held_by_a_thread_local_of_main_is_delivered",
        |tracer| {
            use std::cell::RefCell;
            thread_local! {
                static HELD: RefCell<Option<codomyrmex_core::Span>> = const { RefCell::new(None) };
            }
            HELD.with(|held| *held.borrow_mut() = Some(tracer.start_span("held")));
        },
        |output| {
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(told(&output), ["exported held", "shut down"]);
        },
    );
}

#[test]
fn a_program_whose_threads_still_record_ends_and_delivers_what_was_finished() {
    both(
        "a_program_whose_threads_still_record_ends_and_delivers_what_was_finished",
        |tracer| {
            let (started, is_started) = std::sync::mpsc::channel();
            for _ in 0..3 {
                let started = started.clone();
                std::thread::spawn(move || {
                    loop {
                        let _root = tracer.span("root");
                        tracer.span("child").finish();
                        let _ = started.send(());
                        std::thread::yield_now();
                    }
                });
            }
            for _ in 0..3 {
                is_started.recv().unwrap();
            }
            tracer.span("done").finish();
        },
        |output| {
            assert!(output.status.success(), "{}", text(&output.stderr));
            let told = told(&output);
            let count = |what: &str| told.iter().filter(|line| *line == what).count();
            assert_eq!((count("exported done"), count("shut down")), (1, 1));
            assert!(count("exported child") >= 3);
            assert_eq!(
                told.last().unwrap(),
                "shut down",
                "nothing is exported afterwards"
            );
        },
    );
}

/// Never comes back by itself.
struct Stalls {
    gate: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
    open: std::sync::Mutex<Option<std::sync::mpsc::Sender<()>>>,
}

impl Stalls {
    fn new() -> Self {
        let (open, gate) = std::sync::mpsc::channel();
        Self {
            gate: gate.into(),
            open: Some(open).into(),
        }
    }
}

impl SpanExporter for Stalls {
    fn export(&self, _: &Batch) -> Result<(), ExportError> {
        let _ = self.gate.lock().unwrap().recv();
        Err(ExportError::retryable("given up", None))
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn cancel(&self) {
        let _ = writeln!(std::io::stdout(), "exported nothing, cancelled");
        drop(self.open.lock().unwrap().take());
    }
}

#[test]
fn a_stalled_exporter_is_cancelled_at_the_end_and_keeps_nothing_from_the_others() {
    if let Some(output) = alone(
        "a_stalled_exporter_is_cancelled_at_the_end_and_keeps_nothing_from_the_others",
        || {
            let stalls = Tracer::builder("shop")
                .exporter(Stalls::new())
                .exporter(Lines(Delivery::Background))
                .build();
            let stalls: &Tracer = Box::leak(Box::new(stalls));
            stalls.span("beside it").finish();
            tracer(Delivery::Background).span("elsewhere").finish();
        },
    ) {
        assert!(output.status.success(), "{}", text(&output.stderr));
        let mut told = told(&output);
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "exported beside it",
                "exported elsewhere",
                "exported nothing, cancelled",
                "shut down",
                "shut down"
            ]
        );
    }
}

#[test]
fn after_a_shutdown_that_was_not_waited_for_the_end_does_not_wait_either() {
    if let Some(output) = alone(
        "after_a_shutdown_that_was_not_waited_for_the_end_does_not_wait_either",
        || {
            struct Deaf;
            impl SpanExporter for Deaf {
                fn export(&self, _: &Batch) -> Result<(), ExportError> {
                    loop {
                        std::thread::park();
                    }
                }
                fn delivery(&self) -> Delivery {
                    Delivery::Background
                }
            }
            let tracer = Tracer::builder("shop").exporter(Deaf).build();
            let tracer: &Tracer = Box::leak(Box::new(tracer));
            tracer.span("lost").finish();
            let result = tracer.shutdown_within(std::time::Duration::from_millis(1));
            assert_eq!(result, codomyrmex_core::FlushResult::TimedOut { left: 1 });
            assert!(tracer.stats().balanced());
        },
    ) {
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// In a child that ends by `exit`, what it recorded itself goes out.
#[cfg(unix)]
#[test]
fn a_forked_child_that_exits_delivers_its_own_spans() {
    both(
        "a_forked_child_that_exits_delivers_its_own_spans",
        |tracer| {
            tracer.span("parent's").finish();
            // SAFETY: takes nothing; the child goes on with this thread alone.
            let id = unsafe { libc::fork() };
            if id == 0 {
                tracer.span("child's").finish();
                std::process::exit(0);
            }
            // SAFETY: a null pointer asks for no status.
            unsafe { libc::waitpid(id, std::ptr::null_mut(), 0) };
        },
        |output| {
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(
                told(&output),
                [
                    "exported child's",
                    "shut down",
                    "exported parent's",
                    "shut down"
                ]
            );
        },
    );
}
