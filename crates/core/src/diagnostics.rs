//! What the SDK has to say about itself: each kind of message once, through one hook.
//!
//! Recording never fails and exporters never reach the application, so whatever goes wrong there is counted and said
//! here. Without a hook a message goes to standard error as one line.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};
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

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
/// The kinds that have been said, a bit each.
static SAID: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// How many [`Hold`]s this thread has.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
    /// What waits for the last of them to go.
    static WAITING: RefCell<Vec<(Kind, String)>> = const { RefCell::new(Vec::new()) };
}

/// Sends later messages to `hook` instead of standard error; kinds already said are said again. The hook runs on the
/// thread that noticed, with no lock of the SDK's held.
///
/// ```
/// codomyrmex_core::diagnostics::set_hook(|kind, message| eprintln!("tracing {kind:?}: {message}"));
/// ```
pub fn set_hook(hook: impl Fn(Kind, &str) + Send + Sync + 'static) {
    let hook: Hook = Arc::new(hook);
    let before = HOOK.lock().unwrap_or_else(|e| e.into_inner()).replace(hook);
    // Dropping it may run the user's code, which may want to say something.
    drop(before);
    SAID.store(0, Ordering::Relaxed);
}

/// Says `message` if its kind has not been said yet.
pub fn report(kind: Kind, message: &str) {
    let bit = 1 << kind as u32;
    if kind != Kind::Configuration && SAID.load(Ordering::Relaxed) & bit != 0 {
        return;
    }
    if HOLDS.with(Cell::get) > 0 {
        let _ = WAITING.try_with(|waiting| {
            let mut waiting = waiting.borrow_mut();
            if kind == Kind::Configuration || waiting.iter().all(|(known, _)| *known != kind) {
                waiting.push((kind, message.to_owned()));
            }
        });
        return;
    }
    if SAID.fetch_or(bit, Ordering::Relaxed) & bit != 0 && kind != Kind::Configuration {
        return;
    }
    let hook = HOOK.lock().unwrap_or_else(|e| e.into_inner()).clone();
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

/// While it lives, this thread's messages wait: for where a lock is held or a span is being written to, since a hook is the
/// user's own code and may trace itself.
pub(crate) struct Hold(());

/// Lets messages wait until the guard is dropped.
pub(crate) fn hold() -> Hold {
    HOLDS.with(|holds| holds.set(holds.get() + 1));
    Hold(())
}

/// Whether this thread's messages wait: it has a lock, or writes to a span.
pub(crate) fn is_held() -> bool {
    HOLDS.with(Cell::get) > 0
}

impl Drop for Hold {
    fn drop(&mut self) {
        let left = HOLDS.with(|holds| {
            holds.set(holds.get() - 1);
            holds.get()
        });
        if left == 0 {
            let _ = WAITING.try_with(|waiting| {
                while let Some((kind, message)) = take(waiting) {
                    report(kind, &message);
                }
            });
        }
    }
}

fn take(waiting: &RefCell<Vec<(Kind, String)>>) -> Option<(Kind, String)> {
    waiting.borrow_mut().pop()
}

/// Holds the reporter still while the process forks.
pub(crate) fn lock_for_fork() -> impl std::any::Any {
    HOOK.lock().unwrap_or_else(|e| e.into_inner())
}
