//! A server that ends with whoever started it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often a server is asked whether it is ready.
const PAUSE: Duration = Duration::from_millis(50);

/// A server on this machine; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Ends the server if this process is killed and drops nothing.
    watch: Option<Child>,
    log: PathBuf,
}

impl Server {
    /// Starts a server, its output into a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let error = |error: std::io::Error| format!("{program}: {error}");
        if let Some(directory) = log.parent() {
            fs::create_dir_all(directory).map_err(error)?;
        }
        let out = File::create(log).map_err(error)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(out.try_clone().map_err(error)?))
            .stderr(Stdio::from(out))
            .spawn()
            .map_err(error)?;
        // Its input ends when this process does, in whatever way.
        let watch = Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -9 \"$0\" 2>/dev/null"])
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .spawn()
            .ok();
        Ok(Self {
            child,
            watch,
            log: log.to_path_buf(),
        })
    }

    /// Asks until there is an answer; fails where the server has ended or `patience` is over.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut answer: impl FnMut() -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = answer() {
                return Ok(answer);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended with {status} before {what}{}", self.said()));
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "waited {} s in vain for {what}{}",
                    patience.as_secs(),
                    self.said()
                ));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(12)..];
        format!("; {}:\n{}", self.log.display(), last.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            let _ = watch.kill();
            let _ = watch.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that nobody had a moment ago, all different.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        let (number, listener) = listener.map_err(|error| format!("no free port: {error}"))?;
        *port = number;
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ() {
        let [a, b, c] = free_ports().expect("ports");
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn a_server_that_ends_says_what_it_printed() {
        let log = std::env::temp_dir().join(format!("xtask-server-{}.log", std::process::id()));
        let mut server = Server::start(
            Command::new("sh").args(["-c", "echo no such option; exit 3"]),
            &log,
        )
        .expect("started");
        let message = server
            .wait_for("an answer", Duration::from_secs(60), || None::<()>)
            .expect_err("it ends");
        assert!(message.contains("no such option"), "{message}");
        drop(server);
        let _ = fs::remove_file(log);
    }
}
