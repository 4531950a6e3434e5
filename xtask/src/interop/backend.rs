//! What all backends have in common.

use super::compare::Keeps;
use super::seen::Seen;

/// One way to send spans to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// `grpc`, `http/protobuf`, `http/json` or `zipkin`.
    pub(crate) protocol: &'static str,
    pub(crate) endpoint: String,
    /// `none`, `gzip` or `zstd`.
    pub(crate) compression: &'static str,
    /// What the backend keeps of spans that come this way.
    pub(crate) keeps: Keeps,
}

impl Way {
    /// The way's name in the table.
    pub(crate) fn name(&self) -> String {
        let protocol = match self.protocol {
            "zipkin" => "Zipkin v2 JSON".to_owned(),
            otlp => format!("OTLP {otlp}"),
        };
        match self.compression {
            "none" => protocol,
            compression => format!("{protocol}, {compression}"),
        }
    }
}

/// A backend that runs.
pub(crate) trait Backend {
    /// The ways to send spans to it.
    fn ways(&self) -> Vec<Way>;

    /// The trace's spans, once there are `count` of them.
    fn read(&mut self, trace_id: &str, count: usize) -> Result<Vec<Seen>, String>;
}

/// The ways of OTLP to two ports.
pub(crate) fn otlp_ways(grpc: u16, http: u16, keeps: Keeps) -> Vec<Way> {
    let grpc = format!("http://127.0.0.1:{grpc}");
    let http = format!("http://127.0.0.1:{http}/v1/traces");
    let mut ways = Vec::new();
    for compression in ["none", "gzip", "zstd"] {
        for (protocol, endpoint) in [
            ("http/protobuf", &http),
            ("http/json", &http),
            ("grpc", &grpc),
        ] {
            ways.push(Way {
                protocol,
                endpoint: endpoint.clone(),
                compression,
                keeps,
            });
        }
    }
    ways
}
