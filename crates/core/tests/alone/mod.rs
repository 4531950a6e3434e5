//! A test that runs in a process of its own: the test program starts itself anew for that one test.

use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const VARIABLE: &str = "CODOMYRMEX_TEST_ALONE";
/// A process that is not over by then hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `body` alone in a process: in this one if it is the one that was started for `test`, else in a new one, whose
/// output this gives. `test` is the test's full name.
pub(crate) fn alone(test: &str, body: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(VARIABLE).is_some_and(|name| name == test) {
        body();
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, test);
    Some(run(command))
}

/// As [`alone`], for a body whose failures are panics: whatever it says and however it ends is the test's result.
#[allow(dead_code)]
pub(crate) fn passes_alone(test: &str, body: impl FnOnce()) {
    if let Some(output) = alone(test, body) {
        assert!(
            output.status.success() && text(&output.stdout).contains("1 passed"),
            "{}\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

/// Runs a command to its end, and kills it where it hangs.
pub(crate) fn run(mut command: Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let (over, is_over) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let hangs = is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
        hangs
    });
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = std::thread::spawn(move || read(stdout));
    let stderr = read(stderr);
    let status: ExitStatus = child.wait().unwrap();
    drop(over);
    let stdout = stdout.join().unwrap();
    assert!(
        !watch.join().unwrap(),
        "the process hangs\n{}{}",
        text(&stdout),
        text(&stderr)
    );
    Output {
        status,
        stdout,
        stderr,
    }
}

fn read(mut from: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
