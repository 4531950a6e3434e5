//! Starts the measuring driver of `bench/`.

use std::path::Path;
use std::process::ExitCode;

use crate::cpython;
use crate::session::Session;

/// Runs the driver with these arguments, its output as it comes.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let session = Session::new(root, cpython::find());
    match measure(&session, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(session: &Session, arguments: &[String]) -> Result<(), String> {
    let driver = session.root().join("bench/run.py");
    let status = session
        .command(&session.newest()?.executable)
        .arg(&driver)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .map_err(|error| format!("cannot start {}: {error}", driver.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the measurement ended with {status}"))
    }
}
