//! The programs that send: one in each of the SDK's languages.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::session::Session;

use super::backend::Way;
use super::trace::Sent;

/// A program that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Rust,
    Python,
}

impl Sender {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Sender::Rust => "Rust",
            Sender::Python => "Python",
        }
    }

    /// How exact its times are: Python's are seconds in a double, which has a quarter of a microsecond today.
    pub(crate) fn precision_ns(self) -> u64 {
        match self {
            Sender::Rust => 0,
            Sender::Python => 500,
        }
    }
}

/// What is sent beside the file's own words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parcel<'a> {
    pub(crate) trace: &'a Path,
    pub(crate) service: &'a str,
    pub(crate) traceparent: Option<&'a str>,
}

/// Builds the sender in Rust, so that sending itself takes no time.
pub(crate) fn prepare(session: &Session) -> Result<(), String> {
    let status = rust(session, "build").status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the sender's build ended with {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

/// Sends one trace.
pub(crate) fn send(
    session: &Session,
    sender: Sender,
    way: &Way,
    parcel: Parcel<'_>,
) -> Result<Sent, String> {
    let mut command = match sender {
        Sender::Rust => {
            let mut command = rust(session, "run");
            command.arg("--");
            command
        }
        Sender::Python => {
            let mut command = session.command(python(session)?);
            command
                .arg("-I")
                .arg(session.root().join("interop/send.py"));
            command
        }
    };
    command
        .args(["--protocol", way.protocol, "--endpoint", &way.endpoint])
        .args(["--service", parcel.service, "--trace"])
        .arg(parcel.trace);
    if way.compression != "none" {
        command.args(["--compression", way.compression]);
    }
    if let Some(traceparent) = parcel.traceparent {
        command.args(["--traceparent", traceparent]);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the sender: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "the sender ended with {}: {}",
            output.status,
            said.trim()
        ));
    }
    Sent::parse(&String::from_utf8_lossy(&output.stdout))
}

fn rust(session: &Session, verb: &str) -> Command {
    let mut command = session.cargo();
    command.args([verb, "--quiet", "--package", "codomyrmex-interop-sender"]);
    command
}

/// The newest interpreter that the wheel is installed for.
fn python(session: &Session) -> Result<std::path::PathBuf, String> {
    let newest = session.newest()?;
    let python = session
        .target()
        .join(format!("venv-{}/bin/python", newest.short()));
    python
        .is_file()
        .then_some(python)
        .ok_or_else(|| "the wheel is not installed; `cargo xtask test` does it".to_owned())
}

/// Why a sender cannot send at all, if so.
pub(crate) fn missing(session: &Session, sender: Sender) -> Option<String> {
    match sender {
        Sender::Rust => None,
        Sender::Python => python(session).err(),
    }
}
