//! Virtual environments below `target`, made once and kept until what they should hold changes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cpython::CPython;
use crate::journal::Journal;
use crate::session::Session;

/// What the checks themselves are run with.
pub(crate) const TOOLS: [&str; 3] = ["maturin", "uv", "ruff"];

/// Servers that the package is tested with where they can be had; one of them is compiled.
pub(crate) const SERVERS: [&str; 2] = ["gunicorn", "uwsgi"];

/// The version of each Python package that a check uses, so that a release elsewhere changes no result here.
const PINS: [(&str, &str); 7] = [
    ("gunicorn", "27.0.1"),
    ("maturin", "1.16.0"),
    ("mypy", "2.4.1"),
    ("pytest", "9.2.0"),
    ("ruff", "0.17.6"),
    ("uv", "0.13.9"),
    ("uwsgi", "2.0.31"),
];

/// The exact requirement for a package.
pub(crate) fn pinned(name: &str) -> Result<String, String> {
    PINS.iter()
        .find(|(own, _)| *own == name)
        .map(|(own, version)| format!("{own}=={version}"))
        .ok_or_else(|| format!("{name} has no version in xtask/src/venv.rs"))
}

/// One environment.
pub(crate) struct Venv {
    directory: PathBuf,
}

impl Venv {
    /// Makes the environment, or finds it as it should be: made by this interpreter, holding these requirements.
    pub(crate) fn ensure(
        session: &Session,
        journal: &mut Journal,
        directory: &Path,
        python: &CPython,
        requirements: &[String],
    ) -> Result<Self, String> {
        let venv = Self {
            directory: directory.to_path_buf(),
        };
        let stamp = directory.join("made-with");
        let wanted = format!(
            "{}\n{}\n{}\n",
            python.executable.display(),
            python.version,
            requirements.join("\n")
        );
        if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
            return Ok(venv);
        }
        journal.run(
            session
                .command(&python.executable)
                .args(["-m", "venv", "--clear"])
                .arg(directory),
        )?;
        if !requirements.is_empty() {
            journal.run(venv.pip(session).arg("install").args(requirements))?;
        }
        fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
        Ok(venv)
    }

    /// A program of this environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join("bin").join(name)
    }

    /// `pip`, quiet about anything but failures.
    pub(crate) fn pip(&self, session: &Session) -> std::process::Command {
        let mut command = session.command(self.program("python"));
        command.args([
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exact_and_a_missing_one_is_told() {
        assert!(
            TOOLS
                .iter()
                .all(|tool| pinned(tool).expect("pinned").contains("=="))
        );
        assert!(pinned("nose").expect_err("not pinned").contains("nose"));
    }
}
