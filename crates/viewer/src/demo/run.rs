//! The two processes of the demo, from command line to exit status.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs};

use crate::cli::DemoOptions;
use crate::demo::work::work;
use crate::demo::{ranker, repository};
use crate::terminal;

/// The first process.
pub(crate) fn run(options: &DemoOptions) -> ExitCode {
    let directory = match directory(options.directory.as_deref()) {
        Ok(directory) => directory,
        Err(mistake) => return say(&mistake, 2),
    };
    let report = match work(&directory) {
        Ok(report) => report,
        Err(failure) => return say(&failure, 1),
    };
    let drawn = report.draw(&terminal::style(options.color, options.width));
    // Whoever reads may have seen enough.
    let _ = io::stdout().lock().write_all(drawn.as_bytes());
    if report.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The second process.
pub(crate) fn serve() -> ExitCode {
    match ranker::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => say(&format!("the second process: {failure}"), 1),
    }
}

fn say(message: &dyn fmt::Display, code: u8) -> ExitCode {
    let message = message.to_string();
    eprintln!("codomyrmex-trace: {}", codomyrmex_draw::escape(&message));
    ExitCode::from(code)
}

/// What to index.
fn directory(chosen: Option<&Path>) -> Result<PathBuf, String> {
    let Some(chosen) = chosen else {
        let current = env::current_dir();
        let current = current.map_err(|error| format!("the current directory: {error}"))?;
        return Ok(repository::around(&current));
    };
    match fs::read_dir(chosen) {
        Ok(_) => Ok(chosen.to_owned()),
        Err(error) => Err(format!("cannot index {}: {error}", chosen.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scratch::Scratch;

    #[test]
    fn only_directories_are_indexed() {
        let scratch = Scratch::new("directory");
        scratch.write("file", b"text");
        let of = |path: &Path| directory(Some(path));
        assert_eq!(of(scratch.path()), Ok(scratch.path().to_owned()));
        assert!(
            of(&scratch.path().join("file"))
                .unwrap_err()
                .contains("ot a directory")
        );
        assert!(
            of(&scratch.path().join("nowhere"))
                .unwrap_err()
                .contains("No such file")
        );
    }
}
