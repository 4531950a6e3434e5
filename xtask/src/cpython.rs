//! Finds the CPythons of this machine that the package supports.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The minor versions of CPython 3 that the package is built for.
pub(crate) const MINORS: std::ops::RangeInclusive<u32> = 10..=14;

/// Prints what a wheel and a virtual environment need to know; fails where the interpreter cannot make environments.
const PROBE: &str = "import ensurepip, platform, sys, sysconfig, venv
print(platform.python_implementation(), sys.version_info[0], sys.version_info[1], int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))
print(platform.python_version())
print(sys.executable)";

/// One interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CPython {
    pub(crate) executable: PathBuf,
    /// For 3.12 this is 12.
    pub(crate) minor: u32,
    /// As it names itself: `3.12.1`.
    pub(crate) version: String,
}

impl CPython {
    /// `3.12`
    pub(crate) fn short(&self) -> String {
        format!("3.{}", self.minor)
    }
}

/// One working interpreter for each supported version, the oldest first. Candidates are `python3.x` and `python3` on
/// `PATH`, and what pyenv installed; those that do not start or cannot make a virtual environment are passed over.
pub(crate) fn find() -> Vec<CPython> {
    let mut found = BTreeMap::new();
    for candidate in candidates() {
        if let Some(python) = probe(&candidate) {
            found.entry(python.minor).or_insert(python);
        }
    }
    found.into_values().collect()
}

fn candidates() -> Vec<PathBuf> {
    let mut all = Vec::new();
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = env::split_paths(&path).collect();
    for name in MINORS
        .map(|minor| format!("python3.{minor}"))
        .chain(["python3".to_owned()])
    {
        all.extend(
            directories
                .iter()
                .map(|directory| directory.join(&name))
                .filter(|file| file.is_file()),
        );
    }
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".pyenv")));
    if let Some(versions) = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok()) {
        let mut installed: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
        installed.sort();
        all.extend(
            installed
                .into_iter()
                .map(|version| version.join("bin/python3"))
                .filter(|file| file.is_file()),
        );
    }
    all
}

fn probe(executable: &Path) -> Option<CPython> {
    let output = Command::new(executable)
        .args(["-I", "-c", PROBE])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    understand(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the probe's three lines; `None` for other implementations, versions, and builds without the interpreter lock,
/// for which the extension is not ready.
fn understand(answer: &str) -> Option<CPython> {
    let mut lines = answer.lines();
    let mut facts = lines.next()?.split_whitespace();
    let version = lines.next()?.to_owned();
    let executable = PathBuf::from(lines.next().filter(|line| !line.is_empty())?);
    if facts.next()? != "CPython" || facts.next()? != "3" {
        return None;
    }
    let minor: u32 = facts.next()?.parse().ok()?;
    (MINORS.contains(&minor) && facts.next()? == "0").then_some(CPython {
        executable,
        minor,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supported_interpreter_is_understood() {
        let python =
            understand("CPython 3 12 0\n3.12.1\n/usr/bin/python3.12\n").expect("supported");
        assert_eq!(
            (
                python.minor,
                python.version.as_str(),
                python.short().as_str()
            ),
            (12, "3.12.1", "3.12")
        );
        assert_eq!(python.executable, Path::new("/usr/bin/python3.12"));
    }

    #[test]
    fn others_are_passed_over() {
        assert_eq!(understand("PyPy 3 11 0\n3.11.9\n/usr/bin/pypy3\n"), None);
        assert_eq!(
            understand("CPython 3 9 0\n3.9.1\n/usr/bin/python3.9\n"),
            None
        );
        assert_eq!(
            understand("CPython 2 7 0\n2.7.18\n/usr/bin/python2\n"),
            None
        );
        assert_eq!(
            understand("CPython 3 13 1\n3.13.0\n/usr/bin/python3.13t\n"),
            None
        );
        assert_eq!(understand("CPython 3 13 0\n3.13.0\n\n"), None);
        assert_eq!(understand(""), None);
    }
}
