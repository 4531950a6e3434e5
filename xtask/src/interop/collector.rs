//! The OpenTelemetry Collector: what it receives, read from the file that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::backend::{Backend, Way, otlp_ways};
use super::cache::Place;
use super::compare::ALL;
use super::otlp_json;
use super::process::{Server, free_ports};
use super::seen::Seen;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What a Collector prints when its receivers listen.
const READY: &str = "Everything is ready";

/// A Collector that runs.
pub(crate) struct Collector {
    server: Server,
    file: PathBuf,
    ways: Vec<Way>,
}

impl Collector {
    pub(crate) fn start(place: &Place, root: &Path) -> Result<Self, String> {
        let [grpc, http] = free_ports()?;
        let file = place.directory.join("received.jsonl");
        let _ = fs::remove_file(&file);
        let log = place.log("collector");
        let mut command = Command::new(place.program());
        command
            .arg("--config")
            .arg(root.join("interop/collector/config.yaml"))
            .env("GRPC_PORT", grpc.to_string())
            .env("HTTP_PORT", http.to_string())
            .env("FILE", &file);
        let mut server = Server::start(&mut command, &log)?;
        server.wait_for("it was ready", PATIENCE, || is_ready(&log))?;
        Ok(Self {
            server,
            file,
            ways: otlp_ways(grpc, http, ALL),
        })
    }
}

/// Whether a Collector with this output listens.
pub(crate) fn is_ready(log: &Path) -> Option<()> {
    fs::read_to_string(log).ok()?.contains(READY).then_some(())
}

/// The spans of one trace in a file that a Collector writes.
pub(crate) fn spans_in(file: &Path, trace_id: &str) -> Result<Vec<Seen>, String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut spans = Vec::new();
    // The last line may not be whole yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in whole.lines() {
        let data: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{}: {error}", file.display()))?;
        spans.extend(otlp_json::spans(&data)?);
    }
    spans.retain(|span| span.trace_id == trace_id);
    Ok(spans)
}

impl Backend for Collector {
    fn ways(&self) -> Vec<Way> {
        self.ways.clone()
    }

    fn read(&mut self, trace_id: &str, count: usize) -> Result<Vec<Seen>, String> {
        let file = &self.file;
        self.server.wait_for("the trace was there", PATIENCE, || {
            match spans_in(file, trace_id) {
                Ok(spans) if spans.len() < count => None,
                read => Some(read),
            }
        })?
    }
}
