//! Starts the measuring driver of `bench/`, a workspace of its own so that the peers never enter this one's lock file.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Builds the driver in the release profile and hands it the arguments.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let manifest = root.join("bench/Cargo.toml");
    if !manifest.is_file() {
        eprintln!("{} is missing", manifest.display());
        return ExitCode::FAILURE;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root.join("bench"))
        .args(["run", "--release", "--quiet", "--"])
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("the measurement ended with {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
