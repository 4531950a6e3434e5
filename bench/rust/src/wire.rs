//! Spans to a sink in another process: the CPU time that they take in this one, and how many get there.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Spans of [`Run::All`] below each of its roots.
pub const CHILDREN: u64 = 1_999;
/// Roots of [`Run::All`]: 200,000 spans in all.
pub const TRACES: u64 = 100;
/// Spans that a peer's queue holds where nothing may be lost.
pub const QUEUE: usize = 1 << 18;

/// What is measured, and where the sink is: `PEER all|flat URL`.
#[derive(Clone, Debug)]
pub enum Run {
    /// 200,000 spans from one thread, none of them lost.
    All(String),
    /// Two threads flat out for two seconds, default queues.
    Flat(String),
}

impl Run {
    /// By the arguments. Ends the process with 2 where they are wrong.
    pub fn from_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        match (arguments.next().as_deref(), arguments.next()) {
            (Some("all"), Some(url)) => Self::All(url),
            (Some("flat"), Some(url)) => Self::Flat(url),
            _ => {
                eprintln!("all URL, or flat URL");
                std::process::exit(2);
            }
        }
    }

    /// Where the sink is.
    pub fn url(&self) -> &str {
        match self {
            Self::All(url) | Self::Flat(url) => url,
        }
    }

    /// Whether nothing may be lost.
    pub fn is_lossless(&self) -> bool {
        matches!(self, Self::All(_))
    }

    /// Runs `trace(children, path)`, which makes a root and so many spans of 3 attributes below it, as often as it takes,
    /// then `end`, which delivers what is left and says how many spans the peer counts as lost, if it counts them.
    pub fn measure(&self, trace: impl Fn(u64, &str) + Sync, end: impl FnOnce() -> Option<u64>) {
        let path = black_box("/api/v1/items/42".to_owned());
        let (cpu, began) = (process_time(), Instant::now());
        let created = match self {
            Self::All(_) => {
                (0..TRACES).for_each(|_| trace(CHILDREN, &path));
                TRACES * (CHILDREN + 1)
            }
            Self::Flat(_) => flat_out(|| trace(CHILDREN, &path)) * (CHILDREN + 1),
        };
        let counted = end().map_or_else(|| "none".to_owned(), |lost| lost.to_string());
        let (cpu, wall) = (process_time() - cpu, began.elapsed().as_nanos());
        println!("created {created} cpu_ns {cpu} wall_ns {wall} counted {counted}");
    }
}

fn flat_out(section: impl Fn() + Sync) -> u64 {
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                start.wait();
                let end = Instant::now() + Duration::from_secs(2);
                let mut sections = 0;
                while Instant::now() < end {
                    section();
                    sections += 1;
                }
                sections
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread of the load ended badly"))
            .sum()
    })
}

fn process_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
