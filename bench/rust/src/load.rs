//! Two threads flat out: peak memory above idle, and what was lost.

use std::fs;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::serve::Exported;

const THREADS: u64 = 2;

/// Runs `section` (which makes `spans` spans) on two threads for two seconds and prints the memory that it took.
///
/// `settle` flushes and returns what was exported in all; `counted` says how many spans the peer itself reports as
/// lost, if it reports any.
pub fn run(
    spans: u64,
    section: impl Fn() + Sync,
    mut settle: impl FnMut() -> Exported,
    counted: impl Fn() -> Option<u64>,
) {
    let before = settle().spans;
    // The kernel forgets the peak that start-up left.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let idle = kibibytes("VmRSS:");
    let start = Barrier::new(THREADS as usize);
    let sections: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let end = Instant::now() + Duration::from_secs(2);
                    let mut sections = 0_u64;
                    while Instant::now() < end {
                        section();
                        sections += 1;
                    }
                    sections
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread of the load ended badly"))
            .sum()
    });
    let created = sections * spans;
    let exported = settle().spans - before;
    let peak = kibibytes("VmHWM:");
    let counted = counted().map_or_else(|| "none".to_owned(), |lost| lost.to_string());
    println!(
        "idle_kib {idle} peak_kib {peak} created {created} exported {exported} counted {counted}"
    );
}

fn kibibytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
