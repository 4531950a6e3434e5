//! Minutes of faults under load, from `crates/otlp/tests/chaos`.

use std::path::Path;
use std::process::ExitCode;

use crate::session::Session;

/// How long the receiver is down at first, seconds.
const SECONDS: &str = "60";

/// Runs it in the release profile, its output as it comes. Later arguments win.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let status = Session::new(root, Vec::new())
        .cargo()
        .args(["test", "--release", "--package", "codomyrmex-otlp"])
        .args(["--test", "chaos", "--", "--seconds", SECONDS])
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
