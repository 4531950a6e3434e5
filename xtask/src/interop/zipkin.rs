//! Zipkin with its memory store, read through `/api/v2/trace/{id}`.

use std::process::Command;
use std::time::Duration;

use super::backend::{Backend, Way};
use super::cache::Place;
use super::compare::Keeps;
use super::process::{Server, free_ports};
use super::seen::Seen;
use super::{http, zipkin_json};

/// Java takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What Zipkin's own format holds; its server writes names in lower case.
const KEEPS: Keeps = Keeps {
    time_ns: 1000,
    shortest_ns: 1000,
    types: false,
    links: false,
    resource: false,
    event_attributes: false,
    status_ok: true,
    upper_case: false,
};

/// A Zipkin that runs.
pub(crate) struct Zipkin {
    server: Server,
    port: u16,
}

impl Zipkin {
    pub(crate) fn start(place: &Place) -> Result<Self, String> {
        let [port] = free_ports()?;
        let mut command = Command::new("java");
        command
            .args(["-Xmx256m", "-jar"])
            .arg(place.program())
            .env("QUERY_PORT", port.to_string())
            .env("STORAGE_TYPE", "mem")
            .env("SELF_TRACING_ENABLED", "false");
        let mut server = Server::start(&mut command, &place.log("zipkin"))?;
        server.wait_for("it was ready", PATIENCE, || {
            http::get(port, "/health")
                .ok()
                .filter(|answer| answer.status == 200)
        })?;
        Ok(Self { server, port })
    }
}

impl Backend for Zipkin {
    fn ways(&self) -> Vec<Way> {
        vec![Way {
            protocol: "zipkin",
            endpoint: format!("http://127.0.0.1:{}/api/v2/spans", self.port),
            compression: "none",
            keeps: KEEPS,
        }]
    }

    fn read(&mut self, trace_id: &str, count: usize) -> Result<Vec<Seen>, String> {
        let path = format!("/api/v2/trace/{trace_id}");
        let port = self.port;
        self.server.wait_for("the trace was there", PATIENCE, || {
            let answer = http::get(port, &path).ok()?;
            if answer.status != 200 {
                return None;
            }
            match zipkin_json::spans(&answer.body) {
                Ok(spans) if spans.len() < count => None,
                read => Some(read),
            }
        })?
    }
}
