//! Programs that SIGTERM ends, or does not: what is delivered.
#![cfg(target_os = "linux")]

mod alone;

use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use alone::{alone, passes_alone, text};
use codomyrmex_core::{
    Batch, Delivery, ExportError, InMemoryExporter, SpanExporter, Tracer, flush_on_sigterm,
    stop_flushing_on_sigterm,
};

const LONG: Duration = Duration::from_secs(60);

/// Writes a line a span to standard output, past Rust's buffer and its lock.
struct Lines(Delivery);

impl SpanExporter for Lines {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        for span in batch.spans() {
            say(&format!("exported {}\n", span.name()));
        }
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        self.0
    }
}

fn say(line: &str) {
    // SAFETY: the pointer and the length are those of one string.
    unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
}

fn tracer(delivery: Delivery) -> &'static Tracer {
    Box::leak(Box::new(
        Tracer::builder("shop").exporter(Lines(delivery)).build(),
    ))
}

fn told(output: &Output) -> Vec<String> {
    text(&output.stdout)
        .lines()
        .filter_map(|line| line.find("exported ").map(|at| line[at..].to_owned()))
        .collect()
}

fn send_sigterm() {
    // SAFETY: plain numbers.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
}

fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

fn ended_by_sigterm(output: &Output) {
    let signal = output.status.signal();
    assert_eq!(signal, Some(libc::SIGTERM), "{}", text(&output.stderr));
}

fn handler(action: extern "C" fn(libc::c_int)) -> libc::sigaction {
    // SAFETY: all zeroes are a valid value.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action as usize;
    new
}

/// Sets what SIGTERM does, and gives what it did.
fn set(new: &libc::sigaction) -> libc::sigaction {
    // SAFETY: the pointers are valid for the call, and so is the handler.
    unsafe {
        let mut old = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGTERM, new, &raw mut old), 0);
        old
    }
}

static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn hear(_: libc::c_int) {
    HEARD.fetch_add(1, Ordering::SeqCst);
}

/// How often the handler was called, once it was called so often: the signal may be another thread's, which is still in it when
/// this one sees what was flushed.
fn heard(times: u32) -> u32 {
    loop {
        let heard = HEARD.load(Ordering::SeqCst);
        if heard >= times {
            return heard;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_is_finished_goes_out_before_the_process_ends_by_the_signal() {
    let test = "what_is_finished_goes_out_before_the_process_ends_by_the_signal";
    if let Some(output) = alone(test, || {
        flush_on_sigterm(LONG).unwrap();
        let (background, in_process) = (tracer(Delivery::Background), tracer(Delivery::InProcess));
        let _open = background.span("open");
        background.span("background").finish();
        in_process.span("in process").finish();
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
        let mut told = told(&output);
        told.sort();
        assert_eq!(told, ["exported background", "exported in process"]);
    }
}

#[test]
fn without_it_the_process_ends_at_once() {
    if let Some(output) = alone("without_it_the_process_ends_at_once", || {
        tracer(Delivery::Background).span("lost").finish();
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
        assert!(told(&output).is_empty());
    }
}

#[test]
fn it_can_be_undone() {
    if let Some(output) = alone("it_can_be_undone", || {
        flush_on_sigterm(LONG).unwrap();
        tracer(Delivery::Background).span("lost").finish();
        stop_flushing_on_sigterm();
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
        assert!(told(&output).is_empty());
    }
}

#[test]
fn an_exporter_that_never_returns_holds_nobody_up() {
    struct Stalled(Delivery);
    impl SpanExporter for Stalled {
        fn export(&self, _: &Batch) -> Result<(), ExportError> {
            wait_for_the_end();
        }
        fn delivery(&self) -> Delivery {
            self.0
        }
    }
    if let Some(output) = alone("an_exporter_that_never_returns_holds_nobody_up", || {
        flush_on_sigterm(Duration::from_millis(500)).unwrap();
        for delivery in [Delivery::Background, Delivery::InProcess] {
            let stalled = Tracer::builder("stalled")
                .exporter(Stalled(delivery))
                .build();
            stalled.span("stuck").finish();
            std::mem::forget(stalled);
        }
        tracer(Delivery::Background).span("background").finish();
        tracer(Delivery::InProcess).span("in process").finish();
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
        let mut told = told(&output);
        told.sort();
        assert_eq!(told, ["exported background", "exported in process"]);
    }
}

/// Sends each exported span's name, one at a time.
struct Tells(mpsc::Sender<String>);

impl SpanExporter for Tells {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        for span in batch.spans() {
            let _ = self.0.send(span.name().into_owned());
        }
        Ok(())
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }
}

fn telling() -> (Tracer, mpsc::Receiver<String>) {
    let (tells, told) = mpsc::channel();
    let tracer = Tracer::builder("shop").exporter(Tells(tells)).build();
    (tracer, told)
}

#[test]
fn a_handler_that_was_there_is_called_and_decides() {
    passes_alone("a_handler_that_was_there_is_called_and_decides", || {
        set(&handler(hear));
        flush_on_sigterm(LONG).unwrap();
        // Twice is as good as once.
        flush_on_sigterm(LONG).unwrap();
        let (tracer, told) = telling();
        for round in 1..=3 {
            tracer.span("a").finish();
            send_sigterm();
            assert_eq!(told.recv_timeout(LONG).unwrap(), "a");
            assert_eq!(heard(round), round);
        }
        assert!(tracer.stats().balanced());
        stop_flushing_on_sigterm();
        let now = set(&handler(hear));
        assert_eq!(
            now.sa_sigaction,
            hear as extern "C" fn(libc::c_int) as usize
        );
    });
}

#[test]
fn an_ignored_signal_flushes_and_the_process_goes_on() {
    passes_alone("an_ignored_signal_flushes_and_the_process_goes_on", || {
        let mut ignore = handler(hear);
        ignore.sa_sigaction = libc::SIG_IGN;
        set(&ignore);
        flush_on_sigterm(LONG).unwrap();
        let (tracer, told) = telling();
        tracer.span("a").finish();
        send_sigterm();
        assert_eq!(told.recv_timeout(LONG).unwrap(), "a");
    });
}

static FOUND: std::sync::OnceLock<usize> = std::sync::OnceLock::new();

/// As libraries do that keep several handlers: calls the one that it found.
extern "C" fn hear_and_call(signal: libc::c_int) {
    HEARD.fetch_add(1, Ordering::SeqCst);
    if let Some(found) = FOUND.get() {
        // SAFETY: what the system gave as the handler with three arguments, of which ours needs only the first.
        unsafe {
            let found: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                std::mem::transmute(*found);
            found(signal, std::ptr::null_mut(), std::ptr::null_mut());
        }
    }
}

#[test]
fn a_handler_in_front_decides_even_where_the_default_was_to_end() {
    let test = "a_handler_in_front_decides_even_where_the_default_was_to_end";
    passes_alone(test, || {
        flush_on_sigterm(LONG).unwrap();
        let found = set(&handler(hear_and_call));
        FOUND.set(found.sa_sigaction).unwrap();
        let (tracer, told) = telling();
        for round in 1..=2 {
            tracer.span("a").finish();
            send_sigterm();
            assert_eq!(told.recv_timeout(LONG).unwrap(), "a");
            assert_eq!(heard(round), round);
        }
        // Each has found the other now, and neither calls the other for ever.
        flush_on_sigterm(LONG).unwrap();
        tracer.span("b").finish();
        send_sigterm();
        assert_eq!(told.recv_timeout(LONG).unwrap(), "b");
        assert_eq!(heard(3), 3);
    });
}

/// Runs `body` in a forked child, and gives how that ended.
fn in_child(body: impl FnOnce()) -> std::process::ExitStatus {
    let mut status = 0;
    // SAFETY: what the child runs is what is tested; a child that hangs is killed by its alarm.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(60);
            body();
            libc::_exit(1);
        }
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
    }
    std::process::ExitStatus::from_raw(status)
}

#[test]
fn a_forked_child_delivers_its_own_and_ends_alone() {
    if let Some(output) = alone("a_forked_child_delivers_its_own_and_ends_alone", || {
        flush_on_sigterm(LONG).unwrap();
        let tracer = tracer(Delivery::Background);
        tracer.span("parent's").finish();
        let nothing = in_child(|| {
            send_sigterm();
            wait_for_the_end();
        });
        assert_eq!(nothing.signal(), Some(libc::SIGTERM));
        let something = in_child(|| {
            tracer.span("child's").finish();
            let nested = in_child(|| {
                tracer.span("grandchild's").finish();
                send_sigterm();
                wait_for_the_end();
            });
            assert_eq!(nested.signal(), Some(libc::SIGTERM));
            send_sigterm();
            wait_for_the_end();
        });
        assert_eq!(something.signal(), Some(libc::SIGTERM));
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
        let expected = [
            "exported grandchild's",
            "exported child's",
            "exported parent's",
        ];
        assert_eq!(told(&output), expected);
    }
}

#[test]
fn two_tracers_of_which_none_recorded_end_too() {
    if let Some(output) = alone("two_tracers_of_which_none_recorded_end_too", || {
        let _tracers = [
            Tracer::builder("a")
                .exporter(InMemoryExporter::new())
                .build(),
            Tracer::builder("b")
                .exporter(InMemoryExporter::new())
                .build(),
        ];
        flush_on_sigterm(LONG).unwrap();
        send_sigterm();
        wait_for_the_end();
    }) {
        ended_by_sigterm(&output);
    }
}
