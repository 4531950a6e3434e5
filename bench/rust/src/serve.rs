//! The measuring loop: turns on request, a line of figures for each.

use std::io::{self, BufRead, Write};

use rustix::time::{ClockId, clock_gettime};

/// What the exporter has seen in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exported {
    /// Spans.
    pub spans: u64,
    /// Encoded bytes of them.
    pub bytes: u64,
}

/// How much one section does.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Operations that the time is divided by.
    pub operations: u64,
    /// Spans that the exporter must see for it.
    pub exported: u64,
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn process_time() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn thread_time() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// What it costs to read `clock` twice: the least of many.
fn cost_of(clock: fn() -> u64) -> u64 {
    (0..2_000)
        .map(|_| {
            let start = clock();
            clock() - start
        })
        .min()
        .unwrap_or(0)
}

/// Serves a case in which the CPU time of the recording thread counts. `settle` empties the pipeline, untimed, and
/// returns what the exporter has seen in all.
pub fn thread(section: Section, mut run: impl FnMut(), mut settle: impl FnMut() -> Exported) {
    let overhead = cost_of(thread_time);
    turns(section, || {
        let start = thread_time();
        run();
        let spent = thread_time() - start;
        (spent.saturating_sub(overhead), settle())
    });
}

/// Serves a case in which the CPU time of all threads counts, from the first span to the end of the flush that `settle`
/// makes.
pub fn process(section: Section, mut run: impl FnMut(), mut settle: impl FnMut() -> Exported) {
    let overhead = cost_of(process_time);
    turns(section, || {
        let start = process_time();
        run();
        let exported = settle();
        let spent = process_time() - start;
        (spent.saturating_sub(overhead), exported)
    });
}

/// Answers every line on standard input, a number of sections, with so many figures in ns per operation.
fn turns(section: Section, mut run: impl FnMut() -> (u64, Exported)) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "ready");
    let _ = out.flush();
    let (mut created, mut exported) = (0, Exported::default());
    for line in io::stdin().lock().lines() {
        let Ok(sections) = line.unwrap_or_default().trim().parse::<usize>() else {
            break;
        };
        let mut figures = Vec::with_capacity(sections);
        for _ in 0..sections {
            let (spent, seen) = run();
            figures.push(format!("{:.3}", spent as f64 / section.operations as f64));
            created += section.exported;
            exported = seen;
        }
        let _ = writeln!(out, "{}", figures.join(" "));
        let _ = out.flush();
    }
    let Exported { spans, bytes } = exported;
    let _ = writeln!(out, "created {created} exported {spans} bytes {bytes}");
}
