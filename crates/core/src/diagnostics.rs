//! What the SDK has to say about itself: each kind of message once, through one hook.
//!
//! Recording never fails and exporters never reach the application, so whatever goes wrong there is counted and said
//! here. Without a hook a message goes to standard error as one line.

use std::sync::{Arc, Mutex};

/// What a message is about. Each kind is reported once a process (or once after [`set_hook`]), except [`Kind::Configuration`],
/// which is reported each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A mistake in the environment or in a builder's arguments.
    Configuration,
    /// An exporter returned an error or panicked.
    Export,
    /// Spans were dropped because a buffer was full.
    QueueFull,
    /// A hook or sampler of the user's panicked.
    Hook,
    /// Attributes, events or values went over a limit or could not be encoded.
    Limit,
    /// No exporter is configured, so that spans go nowhere.
    NoExporter,
}

type Hook = Arc<dyn Fn(Kind, &str) + Send + Sync>;

struct Reporter {
    hook: Option<Hook>,
    said: u32,
}

static REPORTER: Mutex<Reporter> = Mutex::new(Reporter {
    hook: None,
    said: 0,
});

/// Sends later messages to `hook` instead of standard error; kinds already said are said again. The hook runs on the
/// thread that noticed, with no lock of the SDK's held.
///
/// ```
/// codomyrmex_core::diagnostics::set_hook(|kind, message| eprintln!("tracing {kind:?}: {message}"));
/// ```
pub fn set_hook(hook: impl Fn(Kind, &str) + Send + Sync + 'static) {
    let mut reporter = REPORTER.lock().unwrap_or_else(|e| e.into_inner());
    reporter.hook = Some(Arc::new(hook));
    reporter.said = 0;
}

/// Says `message` if its kind has not been said yet.
pub fn report(kind: Kind, message: &str) {
    let hook = {
        let mut reporter = REPORTER.lock().unwrap_or_else(|e| e.into_inner());
        let bit = 1 << kind as u32;
        if reporter.said & bit != 0 && kind != Kind::Configuration {
            return;
        }
        reporter.said |= bit;
        reporter.hook.clone()
    };
    match hook {
        // A panic of the hook's must not reach the code that is being traced.
        Some(hook) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
            || hook(kind, message),
        ))),
        None => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "codomyrmex-tracing: {message}");
        }
    }
}

/// Holds the reporter still while the process forks.
pub(crate) fn lock_for_fork() -> impl std::any::Any {
    REPORTER.lock().unwrap_or_else(|e| e.into_inner())
}
