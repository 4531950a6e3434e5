//! SIGTERM, for those who ask for it: what is finished goes out before the process ends by it.
//!
//! The handler wakes a thread and does what was done before: it calls the handler that was there, or leaves it to the thread
//! to end the process by the signal. The thread flushes every tracer, for a limited time.

#[cfg(target_os = "linux")]
mod sigterm;

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::{clock, fork};

#[cfg(target_os = "linux")]
pub(crate) use sigterm::{keep_watch, reset_after_fork};

/// How long a flush may take. Locked while the handler is put in or taken out.
static PATIENCE: Mutex<Duration> = Mutex::new(Duration::ZERO);

/// What has to be flushed beside the pipelines.
static ALSO: OnceLock<Flush> = OnceLock::new();

type Flush = fn(Option<Instant>);

fn patience() -> MutexGuard<'static, Duration> {
    PATIENCE.lock().unwrap_or_else(|e| e.into_inner())
}

/// From now on, when SIGTERM comes, every tracer is flushed, for at most `timeout` all together (5 seconds are usual).
///
/// Where SIGTERM would have ended the process, it ends it when the flush is over: the process is reported as killed by signal
/// 15, as before. Where a handler is installed, it is called at once, on the same thread, while the tracers are flushed on
/// another; where SIGTERM is ignored, the process goes on. Further signals meanwhile change nothing.
///
/// A handler that somebody installs afterwards takes the place of this one. If it calls the one that it found, tracers are
/// still flushed, and whether the process ends is for that handler to decide. Forked children flush and end in the same way,
/// and so that a child that has recorded nothing ends at once.
///
/// Calling it again changes the timeout, and installs the handler on top of another one that was installed meanwhile.
/// [`stop_flushing_on_sigterm`] undoes it.
///
/// # Errors
///
/// On another system than Linux, and where no thread can be started.
///
/// ```no_run
/// use std::time::Duration;
/// codomyrmex_core::flush_on_sigterm(Duration::from_secs(5))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn flush_on_sigterm(timeout: Duration) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let mut patience = patience();
        sigterm::install()?;
        *patience = timeout;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = timeout;
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "SIGTERM cannot be handled on this system",
        ))
    }
}

/// Undoes [`flush_on_sigterm`]: SIGTERM does what it did before. Does nothing where that was not called.
///
/// ```
/// codomyrmex_core::stop_flushing_on_sigterm();
/// ```
pub fn stop_flushing_on_sigterm() {
    #[cfg(target_os = "linux")]
    {
        let _patience = patience();
        sigterm::remove();
    }
}

/// Has `flush` called, on a thread of its own, each time that SIGTERM flushes the tracers; it is told by when it should be
/// done. The first one stays.
pub(crate) fn also_flush(flush: Flush) {
    let _ = ALSO.set(flush);
}

/// Holds still what a handler is put in under while the process forks.
pub(crate) fn lock_for_fork() -> impl std::any::Any {
    patience()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_watch() {}
#[cfg(not(target_os = "linux"))]
pub(crate) fn reset_after_fork() {}

/// Takes everything that has finished to the exporters. An exporter that never returns holds up its own thread alone.
fn flush_everything() {
    let deadline = clock::deadline(*patience());
    let (done, all_done) = mpsc::channel();
    let start = |flush: Box<dyn FnOnce() + Send>| {
        let done = done.clone();
        let work = move || {
            flush();
            drop(done);
        };
        // Where there is no thread to be had, the spans are lost: the process must end.
        let _ = thread::Builder::new()
            .name("codomyrmex-sigterm".into())
            .spawn(work);
    };
    if let Some(also) = ALSO.get() {
        start(Box::new(move || also(deadline)));
    }
    for pipeline in fork::all() {
        start(Box::new(move || {
            let _ = pipeline.flush(deadline);
        }));
    }
    drop(done);
    // Nothing is ever sent: it ends when the last thread has let go.
    let _: Result<(), _> = all_done.recv_timeout(clock::remaining(deadline));
}
