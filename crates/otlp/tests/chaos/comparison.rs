//! What arrived beside what is counted.

use std::fmt::Write;
use std::time::Duration;

use codomyrmex_core::Stats;

use crate::faulty::Arrived;

/// The most that a process may grow under any fault, MiB: buffers, queue, a batch on its way and what the receiver holds.
const GROWTH: u64 = 48;

pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) stats: Stats,
    pub(crate) arrived: Arrived,
    /// The longest that a burst of spans took.
    pub(crate) longest_burst: Duration,
    /// How much longer than its deadline the shutdown took.
    pub(crate) late: Duration,
    pub(crate) memory_at_first: u64,
    pub(crate) memory_at_most: u64,
}

impl Comparison {
    /// What does not fit together.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { stats, arrived, .. } = self;
        let row = &stats.exporters[0];
        let sure = arrived.confirmed - arrived.unsure.min(arrived.confirmed);
        let checks = [
            (
                stats.balanced(),
                format!("the books do not balance: {stats}"),
            ),
            (row.queued == 0, format!("{} spans still wait", row.queued)),
            (row.exported > 0, "nothing arrived".to_owned()),
            (
                (sure..=arrived.confirmed).contains(&row.exported),
                format!("{} spans are counted as exported", row.exported),
            ),
            (
                arrived.confirmed_again <= arrived.unsure,
                format!(
                    "{} spans came again though they had been confirmed",
                    arrived.confirmed_again
                ),
            ),
            (
                arrived.taken <= stats.recorded,
                "more arrived than was recorded".to_owned(),
            ),
            (
                self.memory_at_most - self.memory_at_first <= GROWTH,
                "the process grew too much".to_owned(),
            ),
            (
                self.late < Duration::from_secs(1),
                format!("the shutdown was {:?} late", self.late),
            ),
        ];
        checks
            .into_iter()
            .filter(|(holds, _)| !holds)
            .map(|(_, problem)| format!("{}: {problem}", self.name))
            .collect()
    }
}

/// A column for each.
pub(crate) fn table(all: &[Comparison]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn Fn(&Comparison) -> String| {
        let _ = write!(text, "{name:54}");
        for comparison in all {
            let _ = write!(text, "{:>20}", value(comparison));
        }
        text.push('\n');
    };
    let row = |comparison: &Comparison| comparison.stats.exporters[0].clone();
    line("", &|c| c.name.to_owned());
    line("counted: recorded", &|c| c.stats.recorded.to_string());
    line("counted: exported", &|c| row(c).exported.to_string());
    line("counted: dropped, queue_full", &|c| {
        row(c).dropped.queue_full.to_string()
    });
    line("counted: dropped, export_failed", &|c| {
        row(c).dropped.export_failed.to_string()
    });
    line("counted: dropped, shutdown", &|c| {
        row(c).dropped.shutdown.to_string()
    });
    line("arrived: taken and confirmed", &|c| {
        c.arrived.confirmed.to_string()
    });
    line("arrived: of these, perhaps confirmed to nobody", &|c| {
        c.arrived.unsure.to_string()
    });
    line("arrived: taken, the answer lost, never confirmed", &|c| {
        (c.arrived.taken - c.arrived.confirmed).to_string()
    });
    line("arrived: again, after an answer that was lost", &|c| {
        c.arrived.again.to_string()
    });
    line("arrived: requests", &|c| c.arrived.requests.to_string());
    line("longest burst of 100 spans", &|c| {
        format!("{:.1?}", c.longest_burst)
    });
    line("memory of the process at first, at most", &|c| {
        format!("{}, {} MiB", c.memory_at_first, c.memory_at_most)
    });
    text
}
