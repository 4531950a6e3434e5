//! The binary codomyrmex-trace: traces on this machine.

#![forbid(unsafe_code)]

mod cli;
mod demo;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::DemoRanker => demo::serve(),
    }
}
