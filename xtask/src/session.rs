//! What all steps of one run share: the directory, the interpreters, and the environment that commands start with.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cpython::CPython;
use crate::journal::Journal;
use crate::venv::{TOOLS, Venv, pinned};

/// One run of the suite.
pub(crate) struct Session {
    root: PathBuf,
    pythons: Vec<CPython>,
}

impl Session {
    pub(crate) fn new(root: &Path, pythons: Vec<CPython>) -> Self {
        Self {
            root: root.to_path_buf(),
            pythons,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What the run leaves behind: environments, wheels, journals.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    pub(crate) fn pythons(&self) -> &[CPython] {
        &self.pythons
    }

    /// The newest interpreter, for the tools and for what runs on one version alone.
    pub(crate) fn newest(&self) -> Result<&CPython, String> {
        self.pythons.last().ok_or_else(|| {
            "no CPython 3.10 to 3.14 with the modules venv and ensurepip was found on PATH or below ~/.pyenv/versions; \
             Debian and Ubuntu keep them in the package python3-venv"
                .to_owned()
        })
    }

    /// A command in the workspace's directory, without what the caller's shell may have set for another Python or for a
    /// tracer of its own: a test must not depend on it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CODOMYRMEX_")
                || text.starts_with("OTEL_")
                || [
                    "PYTHONPATH",
                    "PYTHONHOME",
                    "VIRTUAL_ENV",
                    "CONDA_PREFIX",
                    "TRACEPARENT",
                    "TRACESTATE",
                    "BAGGAGE",
                ]
                .contains(&&*text)
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Cargo. The extension's build asks the interpreter for its version; all cargo steps name the same one, so that none
    /// of them rebuilds what another built.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        if let Some(python) = self.pythons.last() {
            command.env("PYO3_PYTHON", &python.executable);
        }
        command
    }

    /// maturin, uv and ruff.
    pub(crate) fn tools(&self, journal: &mut Journal) -> Result<Venv, String> {
        let requirements = TOOLS
            .into_iter()
            .map(pinned)
            .collect::<Result<Vec<_>, _>>()?;
        Venv::ensure(
            self,
            journal,
            &self.target().join("venv"),
            self.newest()?,
            &requirements,
        )
    }

    /// The environment in which the package is installed and tested for one version.
    pub(crate) fn tests(&self, journal: &mut Journal, python: &CPython) -> Result<Venv, String> {
        let directory = self.target().join(format!("venv-{}", python.short()));
        Venv::ensure(
            self,
            journal,
            &directory,
            python,
            &self.test_requirements()?,
        )
    }

    /// The dependency group `dev` of pyproject.toml, the same that `uv run` installs, without the tools.
    fn test_requirements(&self) -> Result<Vec<String>, String> {
        let path = self.root.join("pyproject.toml");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        group(&text, "dev")?
            .iter()
            .filter(|name| !TOOLS.contains(&name.as_str()))
            .map(|name| pinned(name))
            .collect()
    }
}

/// The names of the packages in one dependency group, without their version ranges.
fn group(pyproject: &str, name: &str) -> Result<Vec<String>, String> {
    let document: toml::Table = pyproject
        .parse()
        .map_err(|error| format!("pyproject.toml: {error}"))?;
    let group = document
        .get("dependency-groups")
        .and_then(|groups| groups.get(name))
        .and_then(toml::Value::as_array)
        .ok_or_else(|| format!("pyproject.toml has no dependency group `{name}`"))?;
    let names = group
        .iter()
        .filter_map(toml::Value::as_str)
        .map(|requirement| {
            let end = requirement
                .find(|char: char| !char.is_ascii_alphanumeric() && !"-_.".contains(char));
            requirement[..end.unwrap_or(requirement.len())].to_owned()
        });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dependency_group_is_read() {
        let text = "[project]\nname = \"x\"\n[dependency-groups]\ndev = [\"pytest>=9.0,<10\", \"mypy\", \"a-b[c]\"]\n";
        assert_eq!(
            group(text, "dev").expect("valid"),
            ["pytest", "mypy", "a-b"]
        );
        assert!(
            group("[project]\n", "dev")
                .expect_err("no group")
                .contains("`dev`")
        );
        assert!(group("[project\n", "dev").is_err());
    }

    #[test]
    fn a_machine_without_python_is_told_what_is_missing() {
        let message = Session::new(Path::new("."), Vec::new())
            .newest()
            .expect_err("there is none");
        assert!(message.contains("python3-venv"), "{message}");
    }
}
