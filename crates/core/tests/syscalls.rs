//! The hot path makes no system call once it is warm.
//!
//! The thread that is measured asks the kernel to kill the process at its next system call of any kind, works, and then
//! ends the process by one: how it dies, and by which call, is the result.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod alone;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use codomyrmex_core::{NullExporter, Sampler, SpanContext, SpanId, SpanOptions, TraceId, Tracer};

/// From here on this thread's next system call kills the process, unless it is the one that ends it.
fn allow_no_system_calls() {
    // SAFETY: these calls take plain numbers, and pointers to what lives through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mut program = filter();
        let program = libc::sock_fprog {
            len: program.len() as u16,
            filter: program.as_mut_ptr(),
        };
        let result = libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        );
        assert_eq!(
            result,
            0,
            "no seccomp here: {}",
            std::io::Error::last_os_error()
        );
    }
}

/// Lets `exit_group` pass and nothing else.
fn filter() -> Vec<libc::sock_filter> {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let number = std::mem::offset_of!(libc::seccomp_data, nr) as u32;
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, number),
        instruction(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_exit_group as u32,
        ),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_KILL_PROCESS,
        ),
    ]
}

const DONE: i32 = 42;

/// Whether the work was over, or the first system call killed it.
fn check(what: &str, status: ExitStatus) {
    match (status.code(), status.signal()) {
        (Some(DONE), _) => {}
        (_, Some(libc::SIGSYS)) => panic!("{what}: a system call"),
        _ => panic!("{what}: {status}"),
    }
}

/// Many chunks' worth of spans, and together too little for the drain to be woken before its time: that is a system call,
/// and the one that is meant to be made.
const TURNS: usize = 200;

/// Runs `work` many times without, then as many times with system calls forbidden.
fn measured(mut work: impl FnMut()) {
    (0..TURNS).for_each(|_| work());
    allow_no_system_calls();
    (0..TURNS).for_each(|_| work());
    // SAFETY: ends the process.
    unsafe { libc::syscall(libc::SYS_exit_group, DONE) };
}

fn none(test: &str, work: impl FnOnce()) {
    if let Some(output) = alone::alone(test, work) {
        if alone::text(&output.stderr).contains("no seccomp here") {
            return eprintln!("skipped: this kernel has no seccomp filters");
        }
        check(test, output.status);
    }
}

/// The buffers of a tracer whose drain has nothing to do for the length of a test: a chunk is memory from the allocator,
/// which may ask the kernel for more, so all that are needed are made before.
fn tracer() -> Tracer {
    let tracer = Tracer::builder("shop")
        .exporter(NullExporter::new())
        .queue_bytes(512 << 20)
        .flush_interval(Duration::from_secs(3600))
        .build();
    // More than is measured afterwards.
    let text = "x".repeat(400);
    for _ in 0..40_000 {
        tracer.span("warm").set_attribute("text", text.as_str());
    }
    tracer.flush();
    tracer
}

#[test]
fn the_filter_kills() {
    if let Some(output) = alone::alone("the_filter_kills", || {
        measured({
            let mut turns = 0;
            move || {
                turns += 1;
                if turns == TURNS * 3 / 2 {
                    std::thread::yield_now();
                }
            }
        });
    }) {
        if alone::text(&output.stderr).contains("no seccomp here") {
            return eprintln!("skipped: this kernel has no seccomp filters");
        }
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGSYS),
            "{}",
            output.status
        );
    }
}

#[test]
fn a_child_span_makes_none() {
    none("a_child_span_makes_none", || {
        let tracer = tracer();
        let _parent = tracer.span("parent");
        measured(|| tracer.span("child").finish());
    });
}

#[test]
fn attributes_events_and_a_moved_span_make_none() {
    none("attributes_events_and_a_moved_span_make_none", || {
        let tracer = tracer();
        let remote = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
        measured(|| {
            let span = tracer.span("root");
            span.set_attribute("method", "GET")
                .set_attribute("status", 200)
                .set_attribute("ok", true);
            span.set_attribute("status", 404)
                .add_event("retry", &[("attempt", 2.into())]);
            let job = tracer.start_span("job");
            job.in_scope(|| tracer.span("step").finish());
            tracer
                .start_span_with("serve", SpanOptions::new().parent(&remote))
                .finish();
        });
    });
}

#[test]
fn an_unsampled_span_makes_none() {
    none("an_unsampled_span_makes_none", || {
        let tracer = Tracer::builder("shop")
            .exporter(NullExporter::new())
            .sampler(Sampler::always_off())
            .build();
        measured(|| {
            let span = tracer.span("root");
            span.set_attribute("method", "GET");
            tracer.span("child").finish();
        });
    });
}

#[test]
fn a_disabled_tracer_makes_none() {
    none("a_disabled_tracer_makes_none", || {
        let tracer = Tracer::builder("shop").disabled(true).build();
        measured(|| {
            tracer.span("root").set_attribute("method", "GET");
        });
    });
}
