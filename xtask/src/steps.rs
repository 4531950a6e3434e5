//! The steps of `cargo xtask test`, in the order in which they run: quick ones first.

use std::fs;
use std::path::PathBuf;

use crate::cpython::CPython;
use crate::examples;
use crate::interop;
use crate::journal::Journal;
use crate::session::Session;
use crate::tidy;
use crate::venv::{SERVERS, pinned};

/// What a step does. An error is one sentence; the rest stands in the journal.
type Work = Box<dyn Fn(&Session, &mut Journal) -> Result<(), String>>;

/// One step.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
}

/// Where the Python package's tests are, as the seed names it.
const PYTHON_TESTS: &str = "src/codomyrmex/tests/unit/telemetry/tracing/";

/// The steps for the interpreters that were found.
pub(crate) fn all(session: &Session) -> Vec<Step> {
    let mut steps = vec![
        step(
            "tools",
            "a virtual environment with maturin, uv and ruff",
            |session, journal| session.tools(journal).map(drop),
        ),
        step("format", "cargo fmt --check", format),
        step("tidy", "the walls between the rooms", tidy_up),
        step("ruff", "Python sources: lint and format", ruff),
        step(
            "clippy",
            "clippy on the whole workspace, warnings are errors",
            clippy,
        ),
        step("rust", "Rust tests, doc tests and examples", rust),
        step("doc", "cargo doc, broken links are errors", doc),
        step("demo", "cargo run --release -- demo", demo),
    ];
    for python in session.pythons() {
        let (wheel, tests) = (python.clone(), python.clone());
        steps.push(step(
            &format!("wheel-{}", python.short()),
            "build the wheel and install it",
            move |session, journal| build_wheel(session, journal, &wheel),
        ));
        steps.push(step(
            &format!("python-{}", python.short()),
            "the Python tests and the code of the documents, on the installed wheel",
            move |session, journal| test_wheel(session, journal, &tests),
        ));
    }
    steps.push(step(
        "types",
        "mypy --strict and stubtest, on the installed wheel",
        types,
    ));
    steps.push(step(
        "interop",
        "real backends that `cargo xtask interop` got before: sent and read back",
        interop::step,
    ));
    steps.push(step("uv", "uv run pytest, the seed's own command", uv));
    steps
}

fn step(
    name: &str,
    about: &'static str,
    work: impl Fn(&Session, &mut Journal) -> Result<(), String> + 'static,
) -> Step {
    Step {
        name: name.to_owned(),
        about,
        work: Box::new(work),
    }
}

fn format(session: &Session, journal: &mut Journal) -> Result<(), String> {
    journal.run(session.cargo().args(["fmt", "--all", "--check"]))?;
    let bench = session.root().join("bench/Cargo.toml");
    if bench.is_file() {
        journal.run(
            session
                .cargo()
                .args(["fmt", "--check", "--manifest-path"])
                .arg(bench),
        )?;
    }
    Ok(())
}

fn tidy_up(session: &Session, journal: &mut Journal) -> Result<(), String> {
    let findings = tidy::findings(session.root())?;
    for finding in &findings {
        journal.note(&finding.to_string());
    }
    match findings.iter().filter(|finding| finding.fatal).count() {
        0 => Ok(()),
        count => Err(format!("{count} findings")),
    }
}

fn ruff(session: &Session, journal: &mut Journal) -> Result<(), String> {
    let ruff = session.tools(journal)?.program("ruff");
    journal.run(session.command(&ruff).args(["check", "."]))?;
    journal.run(session.command(&ruff).args(["format", "--check", "."]))
}

fn clippy(session: &Session, journal: &mut Journal) -> Result<(), String> {
    session.newest()?;
    journal.run(session.cargo().args([
        "clippy",
        "--keep-going",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn rust(session: &Session, journal: &mut Journal) -> Result<(), String> {
    journal.run(session.cargo().args(["test", "--quiet", "--no-fail-fast"]))?;
    journal.run(
        session
            .cargo()
            .args(["test", "--quiet", "--package", "xtask"]),
    )
}

fn doc(session: &Session, journal: &mut Journal) -> Result<(), String> {
    journal.run(
        session
            .cargo()
            .args(["doc", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn demo(session: &Session, journal: &mut Journal) -> Result<(), String> {
    journal.run(session.cargo().args(["run", "--release", "--", "demo"]))
}

/// Builds for one interpreter and installs the result in that version's environment. The development profile, for its
/// overflow checks and debug assertions; the release profile is what `uv run` builds.
fn build_wheel(session: &Session, journal: &mut Journal, python: &CPython) -> Result<(), String> {
    let tools = session.tools(journal)?;
    let venv = session.tests(journal, python)?;
    let out = wheels(session, python);
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    }
    journal.run(
        session
            .command(tools.program("maturin"))
            .args(["build", "--interpreter"])
            .arg(venv.program("python"))
            .arg("--out")
            .arg(&out),
    )?;
    let wheel = one_wheel(session, python)?;
    journal.run(
        venv.pip(session)
            .args(["install", "--force-reinstall", "--no-deps"])
            .arg(wheel),
    )
}

fn wheels(session: &Session, python: &CPython) -> PathBuf {
    session.target().join("wheels").join(python.short())
}

fn one_wheel(session: &Session, python: &CPython) -> Result<PathBuf, String> {
    let directory = wheels(session, python);
    let entries =
        fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "whl"))
        .collect();
    match <[PathBuf; 1]>::try_from(found) {
        Ok([wheel]) => Ok(wheel),
        Err(other) => Err(format!(
            "{} holds {} wheels, not one; run the step wheel-{}",
            directory.display(),
            other.len(),
            python.short()
        )),
    }
}

/// Says where the package came from before testing it: the sources lie in the same tree.
fn test_wheel(session: &Session, journal: &mut Journal, python: &CPython) -> Result<(), String> {
    let wheel = one_wheel(session, python)?;
    let venv = session.tests(journal, python)?;
    journal.run(session.command(venv.program("python")).args([
        "-I",
        "-c",
        "import sys, codomyrmex.telemetry.tracing as package; print(package.__file__); sys.exit(not package.__file__.startswith(sys.prefix))",
    ]))?;
    for server in SERVERS {
        let mut install = venv.pip(session);
        install.arg("install").arg(pinned(server)?);
        if let Err(reason) = journal.run(&mut install) {
            journal.skip(&format!("the tests with {server}"), &reason);
        }
    }
    journal.run(
        session
            .command(venv.program("pytest"))
            .args(["-q", "-rs", PYTHON_TESTS])
            .env("XTASK_WHEEL", wheel),
    )?;
    for example in examples::python(session.root())? {
        journal.note(&format!("# {}", example.place));
        let mut command = session.command(venv.program("python"));
        command.args(["-I", "-W", "error", "-c", &example.code]);
        journal
            .run(&mut command)
            .map_err(|_| format!("the Python code at {} failed", example.place))?;
    }
    Ok(())
}

fn types(session: &Session, journal: &mut Journal) -> Result<(), String> {
    let python = session.newest()?;
    one_wheel(session, python)?;
    let venv = session.tests(journal, python)?;
    // Without the project's configuration, which points to the sources: a user's mypy sees the installed files.
    journal.run(session.command(venv.program("mypy")).args([
        "--config-file=",
        "--strict",
        "--package",
        "codomyrmex.telemetry.tracing",
    ]))?;
    journal.run(
        session
            .command(venv.program("stubtest"))
            .arg("codomyrmex.telemetry.tracing"),
    )
}

fn uv(session: &Session, journal: &mut Journal) -> Result<(), String> {
    let uv = session.tools(journal)?.program("uv");
    journal.run(
        session
            .command(uv)
            .args(["run", "pytest", PYTHON_TESTS])
            .env("UV_PYTHON", &session.newest()?.executable)
            .env("UV_PYTHON_DOWNLOADS", "never"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn python(minor: u32) -> CPython {
        CPython {
            executable: PathBuf::from("python3"),
            minor,
            version: format!("3.{minor}.0"),
        }
    }

    #[test]
    fn each_interpreter_has_its_steps_and_names_are_unique() {
        let session = Session::new(Path::new("."), vec![python(10), python(13)]);
        let mut names: Vec<String> = all(&session).into_iter().map(|step| step.name).collect();
        for name in [
            "wheel-3.10",
            "python-3.10",
            "wheel-3.13",
            "python-3.13",
            "types",
            "uv",
            "clippy",
        ] {
            assert!(names.iter().any(|own| own == name), "{name} is missing");
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
