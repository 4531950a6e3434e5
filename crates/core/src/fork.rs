//! Forks: a child starts with empty buffers, empty books and new random numbers, and deadlocks on nothing of ours.

use std::any::Any;
use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, Once};
use std::time::Duration;

use crate::lane::Lane;
use crate::pipeline::{GENERATION, Pipeline};
use crate::{diagnostics, signal, thread};

/// Every pipeline of the process.
static PIPELINES: Mutex<Vec<&'static Pipeline>> = Mutex::new(Vec::new());

thread_local! {
    /// The locks that the forking thread holds meanwhile.
    static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

fn pipelines() -> MutexGuard<'static, Vec<&'static Pipeline>> {
    PIPELINES.lock().unwrap_or_else(|e| e.into_inner())
}

/// Remembers a pipeline for forks and for the end of the process.
pub(crate) fn watch(pipeline: &'static Pipeline) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(unix)]
        // SAFETY: the handlers are functions of the program's whole life that take and return nothing.
        unsafe {
            libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
            libc::atexit(at_exit);
        }
    });
    pipelines().push(pipeline);
}

/// How long a fork waits for other threads to come out of exporters that run in the process. A child would wait for ever
/// for the locks of a thread that it does not have, standard output's for example.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pipelines and all their locks, no other thread inside an exporter if that can be had in time.
fn hold_pipelines() -> (
    MutexGuard<'static, Vec<&'static Pipeline>>,
    Vec<Box<dyn Any>>,
) {
    let deadline = crate::clock::deadline(PATIENCE);
    loop {
        let all = pipelines();
        let mut held = Vec::new();
        let busy: Vec<&Lane> = all
            .iter()
            .filter_map(|pipeline| pipeline.lock_for_fork(&mut held))
            .collect();
        if busy.is_empty() || crate::clock::remaining(deadline).is_zero() {
            return (all, held);
        }
        drop((all, held));
        busy.iter().for_each(|lane| lane.wait_until_idle(deadline));
    }
}

/// All pipelines there are.
pub(crate) fn all() -> Vec<&'static Pipeline> {
    pipelines().clone()
}

/// The pipeline of this number.
pub(crate) fn pipeline(number: u32) -> Option<&'static Pipeline> {
    pipelines()
        .iter()
        .find(|pipeline| pipeline.number == number)
        .copied()
}

extern "C" fn before() {
    let (pipelines, mut held) = hold_pipelines();
    held.push(Box::new(crate::clock::lock_for_fork()));
    held.push(Box::new(diagnostics::lock_for_fork()));
    held.push(Box::new(signal::lock_for_fork()));
    held.push(Box::new(pipelines));
    let _ = HELD.try_with(|slot| *slot.borrow_mut() = held);
}

fn let_go() {
    let _ = HELD.try_with(|slot| slot.borrow_mut().clear());
}

extern "C" fn after_in_parent() {
    let_go();
    for pipeline in pipelines().iter() {
        pipeline.let_go_after_fork();
    }
}

extern "C" fn after_in_child() {
    let_go();
    GENERATION.fetch_add(1, Ordering::Relaxed);
    for pipeline in pipelines().iter() {
        pipeline.reset_after_fork();
    }
    thread::state().reset_after_fork();
    signal::reset_after_fork();
}

/// What tracers that live as long as the program still hold goes out when the process exits.
extern "C" fn at_exit() {
    crate::lane::leave_for_ever();
    let all: Vec<_> = pipelines().clone();
    let deadline = crate::clock::deadline(std::time::Duration::from_secs(5));
    // Their exporters work side by side.
    for pipeline in &all {
        pipeline.begin_shut_down(deadline);
    }
    for pipeline in all {
        let _ = pipeline.shut_down(deadline);
    }
}
