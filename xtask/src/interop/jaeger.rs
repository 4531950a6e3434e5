//! Jaeger with its memory store, read through `/api/v3/traces`, which answers in OTLP/JSON.

use std::path::Path;
use std::process::Command;

use super::backend::{Backend, Way, otlp_ways};
use super::cache::Place;
use super::collector::{PATIENCE, is_ready};
use super::compare::{ALL, Keeps};
use super::process::{Server, free_ports};
use super::seen::{Seen, Value};
use super::{http, otlp_json};

/// Zipkin's spans become Jaeger's own when they come in.
const FROM_ZIPKIN: Keeps = Keeps {
    time_ns: 1000,
    shortest_ns: 1000,
    types: false,
    links: false,
    resource: false,
    event_attributes: false,
    status_ok: false,
    upper_case: true,
};

/// What Jaeger adds to a span, such as that it made one of no duration a nanosecond long.
const WARNINGS: &str = "@jaeger@warnings";

/// A Jaeger that runs.
pub(crate) struct Jaeger {
    server: Server,
    query: u16,
    ways: Vec<Way>,
}

impl Jaeger {
    pub(crate) fn start(place: &Place, root: &Path) -> Result<Self, String> {
        let [grpc, http, zipkin, query, query_grpc] = free_ports()?;
        let log = place.log("jaeger");
        let mut command = Command::new(place.program());
        command
            .arg("--config")
            .arg(root.join("interop/jaeger/config.yaml"))
            .env("GRPC_PORT", grpc.to_string())
            .env("HTTP_PORT", http.to_string())
            .env("ZIPKIN_PORT", zipkin.to_string())
            .env("QUERY_PORT", query.to_string())
            .env("QUERY_GRPC_PORT", query_grpc.to_string());
        let mut server = Server::start(&mut command, &log)?;
        server.wait_for("it was ready", PATIENCE, || is_ready(&log))?;
        let keeps = Keeps {
            shortest_ns: 1,
            ..ALL
        };
        let mut ways = otlp_ways(grpc, http, keeps);
        ways.push(Way {
            protocol: "zipkin",
            endpoint: format!("http://127.0.0.1:{zipkin}/api/v2/spans"),
            compression: "none",
            keeps: FROM_ZIPKIN,
        });
        Ok(Self {
            server,
            query,
            ways,
        })
    }
}

impl Backend for Jaeger {
    fn ways(&self) -> Vec<Way> {
        self.ways.clone()
    }

    fn read(&mut self, trace_id: &str, count: usize) -> Result<Vec<Seen>, String> {
        // Raw: without what the query side makes of clocks that disagree.
        let path = format!("/api/v3/traces/{trace_id}?raw_traces=true");
        let query = self.query;
        self.server.wait_for("the trace was there", PATIENCE, || {
            let answer = http::get(query, &path).ok()?;
            let read = spans(&answer.body);
            match read {
                Ok(spans) if spans.len() < count => None,
                read => Some(read),
            }
        })?
    }
}

/// A trace that is not there yet is an answer without a result.
fn spans(body: &[u8]) -> Result<Vec<Seen>, String> {
    let answer: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("Jaeger's answer: {error}"))?;
    let mut spans = otlp_json::spans(&answer["result"])?;
    for span in &mut spans {
        span.attributes.remove(WARNINGS);
        if span.attributes.contains_key("otel.scope.name") {
            undo_zipkin(span);
        }
    }
    Ok(spans)
}

/// Puts back what Jaeger's Zipkin receiver moves about: tags that mean the resource become its attributes, the remote
/// endpoint becomes an attribute, no kind becomes an unknown one, and the error's message stays a tag.
fn undo_zipkin(span: &mut Seen) {
    span.attributes
        .retain(|key, _| !key.starts_with("otel.scope.") && key != "peer.service");
    if span.kind.is_empty() {
        span.kind = "internal".to_owned();
    }
    if span.status == "error"
        && let Some(Value::Text(message)) = span.attributes.remove("error")
    {
        span.message = message;
    }
    for (key, value) in &span.resource {
        if key != "service.name" && !key.starts_with("telemetry.sdk.") {
            span.attributes.insert(key.clone(), value.clone());
        }
    }
}
