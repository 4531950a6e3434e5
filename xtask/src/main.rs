//! The project's own commands: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask bench`, `cargo xtask chaos`,
//! `cargo xtask interop`.
//!
//! Each answers with exit code 0 where all is well, 1 where something failed, 2 where the command line was not understood.

#![forbid(unsafe_code)]

mod bench;
mod chaos;
mod cpython;
mod examples;
mod interop;
mod journal;
mod session;
mod steps;
mod suite;
mod tidy;
mod venv;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [--only STEP]... [--list] [--verbose]
    every check of the project, in order; stops at the first that fails
    --only STEP   run this step alone (`python` stands for every `python-3.x`); may be repeated
    --list        name the steps and stop
    --verbose     show the output of every step as it comes
cargo xtask tidy
    the walls between the rooms (also a step of `test`)
cargo xtask bench [ARGUMENTS]...
    measure against the peers and write bench/RESULTS.md; arguments go to the driver in bench/
cargo xtask chaos [--seconds N] [--seed N]
    a receiver that is down for N seconds (60) under load, then one that resets, stalls and refuses at random for twice as
    long; at the end the books are compared with what arrived
cargo xtask interop [collector] [jaeger] [zipkin]
    get the real backends (Go and Java; the first time it takes long), send them traces over every protocol, read them
    back, and write interop/RESULTS.md
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let root = root();
    match command.as_str() {
        "test" => match suite::Options::parse(rest) {
            Ok(options) => suite::run(&root, &options),
            Err(message) => misunderstood(&message),
        },
        "tidy" if rest.is_empty() => tidy::run(&root),
        "bench" => bench::run(&root, rest),
        "chaos" => chaos::run(&root, rest),
        "interop" => interop::run(&root, rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        other => misunderstood(&format!("unknown command or argument: {other}")),
    }
}

fn misunderstood(message: &str) -> ExitCode {
    eprintln!("{message}\n\n{USAGE}");
    ExitCode::from(2)
}

/// The workspace's directory, wherever the command was called from.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    own.parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
