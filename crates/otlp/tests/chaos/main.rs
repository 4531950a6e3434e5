//! Faults for minutes, under load: a receiver that is down and comes back, and one that resets and stalls at random. At the
//! end the books are compared with what arrived.
//!
//! `cargo xtask chaos` runs it. Arguments: `--seconds N` for the first part, and twice as many for the second; `--seed N`.
//! Without them it is over in a few seconds.

#[path = "../faults/port.rs"]
mod port;
#[path = "../receiver/mod.rs"]
mod receiver;

mod comparison;
mod faulty;
mod load;
mod memory;
mod random;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use codomyrmex_core::{SpanExporter, Tracer};
use codomyrmex_otlp::OtlpExporter;
use comparison::Comparison;
use faulty::{Faults, Faulty};
use load::Load;
use port::Port;

struct Options {
    seconds: u64,
    seed: u64,
}

impl Options {
    /// What the test runner may add means nothing here.
    fn read() -> Self {
        let mut options = Self {
            seconds: 1,
            seed: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.as_secs()),
        };
        let arguments: Vec<String> = std::env::args().collect();
        for pair in arguments.windows(2) {
            match (&*pair[0], pair[1].parse()) {
                ("--seconds", Ok(seconds)) => options.seconds = seconds,
                ("--seed", Ok(seed)) => options.seed = seed,
                _ => {}
            }
        }
        options
    }
}

fn main() -> ExitCode {
    let Options { seconds, seed } = Options::read();
    let seconds = |share: f64| Duration::from_secs_f64(seconds as f64 * share);
    println!("seed {seed} (the same faults again: --seed {seed})");
    let rows = [
        down_and_back(seconds(1.0), seconds(0.25)),
        resets_and_stalls(seconds(2.0), seed),
    ];
    println!("\n{}", comparison::table(&rows));
    let mut code = ExitCode::SUCCESS;
    for problem in rows.iter().flat_map(Comparison::problems) {
        println!("WRONG: {problem}");
        code = ExitCode::FAILURE;
    }
    code
}

fn down_and_back(down: Duration, up: Duration) -> Comparison {
    println!("\nreceiver down for {down:?} under load, then back for {up:?}");
    let port = Port::new();
    let tracer = tracer(
        OtlpExporter::builder()
            .endpoint(port.url())
            .build()
            .unwrap(),
    );
    let load = Load::start(&tracer);
    load.watch(down);
    let faulty = Faulty::start(port.open(), Faults::none());
    println!("  it is back");
    load.watch(up);
    load.end("down and back", tracer, &faulty)
}

fn resets_and_stalls(time: Duration, seed: u64) -> Comparison {
    println!("\nresets, stalls and refusals at random for {time:?}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let faulty = Faulty::start(listener, Faults::at_random(seed));
    let exporter = OtlpExporter::builder()
        .endpoint(url)
        .timeout((time / 10).min(Duration::from_secs(2)))
        .first_backoff(Duration::from_millis(20))
        .build()
        .unwrap();
    let tracer = tracer(exporter);
    let load = Load::start(&tracer);
    load.watch(time);
    load.end("resets and stalls", tracer, &faulty)
}

fn tracer(exporter: impl SpanExporter + 'static) -> Tracer {
    Tracer::builder("chaos")
        .flush_interval(Duration::from_millis(200))
        .exporter(exporter)
        .build()
}
