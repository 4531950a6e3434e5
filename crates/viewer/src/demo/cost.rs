//! What a span costs on this machine, now.

use std::hint::black_box;
use std::time::{Duration, Instant};

use codomyrmex_tracing::{NullExporter, Tracer, clock};

/// Repetitions in a round: so few that the buffers hold a round's spans, so that none is dropped.
pub(crate) const REPETITIONS: u32 = 1_000;
/// Rounds, of which the median counts.
pub(crate) const ROUNDS: usize = 101;
/// How long is tried before it counts: the clock is calibrated during a process's first milliseconds.
const WARM_UP: Duration = Duration::from_millis(50);

/// Nanoseconds on the recording thread, medians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Two readings of the clock, as every span must make.
    pub(crate) clock: f64,
    /// A child span without attributes.
    pub(crate) empty: f64,
    /// A child span with three: two texts and a number.
    pub(crate) with_attributes: f64,
    /// No span was dropped, which would have been cheaper.
    pub(crate) lossless: bool,
}

/// Measures spans as the demo's own, towards an exporter that drops the encoded batches.
pub(crate) fn measure() -> Cost {
    let tracer = Tracer::builder("cost")
        .exporter(NullExporter::new())
        .build();
    let [mut clock, mut empty, mut with_attributes] = [const { Vec::new() }; 3];
    let start = Instant::now();
    {
        let _root = tracer.span("root");
        while clock.len() < ROUNDS {
            let round = [
                timed(|| {
                    black_box(clock::ticks());
                    black_box(clock::ticks());
                }),
                timed(|| without_attributes(&tracer)),
                timed(|| with_three_attributes(&tracer)),
            ];
            tracer.flush();
            if start.elapsed() >= WARM_UP {
                clock.push(round[0]);
                empty.push(round[1]);
                with_attributes.push(round[2]);
            }
        }
    }
    tracer.flush();
    let stats = tracer.stats();
    Cost {
        clock: median(clock),
        empty: median(empty),
        with_attributes: median(with_attributes),
        lossless: stats
            .exporters
            .iter()
            .all(|books| books.dropped.total() == 0),
    }
}

fn without_attributes(tracer: &Tracer) {
    tracer.span("index file").finish();
}

fn with_three_attributes(tracer: &Tracer) {
    let span = tracer.span("index file");
    span.set_attribute("file.path", black_box("crates/core/src/span.rs"))
        .set_attribute("file.size", black_box(18_221))
        .set_attribute("thread.name", black_box("worker-1"));
}

/// Nanoseconds of one call.
fn timed(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..REPETITIONS {
        call();
    }
    start.elapsed().as_nanos() as f64 / f64::from(REPETITIONS)
}

/// Zero where there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn what_is_measured_is_measured_without_loss() {
        let cost = measure();
        assert!(cost.lossless);
        assert!(cost.clock > 0.0 && cost.empty > 0.0 && cost.with_attributes > 0.0);
    }
}
