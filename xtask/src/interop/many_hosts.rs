//! The configurations of `deploy/`, with addresses of this machine: two hosts with an agent each, two gateways behind them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::session::Session;

use super::backend::Way;
use super::cache::Place;
use super::checks::{Outcome, Row};
use super::collector::{PATIENCE, is_ready, spans_in};
use super::compare::{ALL, differences};
use super::process::{Server, free_ports};
use super::seen::Seen;
use super::send::{self, Parcel, Sender};
use super::trace::{expected, read};

/// The services of one trace, in the order in which they call each other, and the host of each.
const SERVICES: [(&str, usize); 3] = [("front", 0), ("orders", 1), ("stock", 0)];

/// Which gateway a trace belongs to is chance; as many traces in a row belong to the same one in one of 2^31 runs.
const MOST_TRACES: usize = 32;

pub(crate) fn check(session: &Session, place: &Place, title: &str) -> Row {
    Row {
        backend: title.to_owned(),
        way: "deploy/: two agents, two gateways".to_owned(),
        sender: Sender::Rust.as_str(),
        compared: "traces of three processes on two hosts arrive whole in one gateway each; both gateways have traces".to_owned(),
        outcome: match run(session, place) {
            Ok(()) => Outcome::Verified,
            Err(message) => Outcome::Failed(message),
        },
    }
}

struct Hosts {
    gateways: [Server; 2],
    /// What each gateway passes on.
    files: [PathBuf; 2],
    /// Dropped before the gateways.
    _agents: [Server; 2],
    agents: [u16; 2],
}

impl Hosts {
    fn start(session: &Session, place: &Place) -> Result<Self, String> {
        let gateway_ports: [u16; 2] = free_ports()?;
        let [grpc_0, grpc_1, http_0, http_1] = free_ports()?;
        let files = [0, 1].map(|n| place.directory.join(format!("gateway-{n}.jsonl")));
        let gateway = |n: usize| {
            let _ = fs::remove_file(&files[n]);
            collector(session, place, "gateway", n, |command| {
                command
                    .env("GATEWAY_PORT", gateway_ports[n].to_string())
                    .env("FILE", &files[n]);
            })
        };
        let gateways = [gateway(0)?, gateway(1)?];
        let agent = |n: usize, grpc: u16, http: u16| {
            collector(session, place, "agent", n, |command| {
                command
                    .env("GRPC_PORT", grpc.to_string())
                    .env("HTTP_PORT", http.to_string())
                    .env("GATEWAY_0_PORT", gateway_ports[0].to_string())
                    .env("GATEWAY_1_PORT", gateway_ports[1].to_string());
            })
        };
        let agents = [agent(0, grpc_0, http_0)?, agent(1, grpc_1, http_1)?];
        Ok(Self {
            gateways,
            files,
            _agents: agents,
            agents: [http_0, http_1],
        })
    }
}

/// A Collector with a configuration of `deploy/`, and over it the one of the same name with this machine's addresses.
fn collector(
    session: &Session,
    place: &Place,
    role: &str,
    number: usize,
    environment: impl FnOnce(&mut Command),
) -> Result<Server, String> {
    let log = place.log(&format!("{role}-{number}"));
    let mut command = Command::new(place.program());
    for directory in ["deploy", "interop/collector"] {
        command
            .arg("--config")
            .arg(session.root().join(directory).join(format!("{role}.yaml")));
    }
    environment(&mut command);
    let mut server = Server::start(&mut command, &log)?;
    server.wait_for("it was ready", PATIENCE, || is_ready(&log))?;
    Ok(server)
}

fn run(session: &Session, place: &Place) -> Result<(), String> {
    let mut hosts = Hosts::start(session, place)?;
    let mut used = [false; 2];
    for _ in 0..MOST_TRACES {
        let wanted = one_trace(session, &hosts)?;
        used[arrived(&mut hosts, &wanted)?] = true;
        if used == [true; 2] {
            return Ok(());
        }
    }
    Err(format!("one gateway got none of {MOST_TRACES} traces"))
}

/// One process after the other, each a child of the last one's span.
fn one_trace(session: &Session, hosts: &Hosts) -> Result<Vec<Seen>, String> {
    let file = session.root().join("interop/trace.json");
    let trace = read(&file)?;
    let mut wanted = Vec::new();
    let mut traceparent = None;
    for (service, host) in SERVICES {
        let way = Way {
            protocol: "http/protobuf",
            endpoint: format!("http://127.0.0.1:{}/v1/traces", hosts.agents[host]),
            compression: "none",
            keeps: ALL,
        };
        let parcel = Parcel {
            trace: &file,
            service,
            traceparent: traceparent.as_deref(),
        };
        let sent = send::send(session, Sender::Rust, &way, parcel)?;
        wanted.extend(expected(&trace, &sent, service)?);
        traceparent = Some(sent.traceparent("publish order")?);
    }
    Ok(wanted)
}

/// Which gateway the trace arrived in; fails where it is not whole there.
fn arrived(hosts: &mut Hosts, wanted: &[Seen]) -> Result<usize, String> {
    let trace_id = wanted.first().map_or("", |span| &span.trace_id);
    let files = &hosts.files;
    let shown = hosts.gateways[0].wait_for("the trace was whole", PATIENCE, || {
        let both: Result<Vec<_>, _> = files.iter().map(|file| spans_in(file, trace_id)).collect();
        match both {
            Ok(both) if both.iter().map(Vec::len).sum::<usize>() < wanted.len() => None,
            both => Some(both),
        }
    })??;
    match &shown[..] {
        [all, none] if none.is_empty() => whole(wanted, all).map(|()| 0),
        [none, all] if none.is_empty() => whole(wanted, all).map(|()| 1),
        _ => Err("a trace was split between the gateways".to_owned()),
    }
}

fn whole(wanted: &[Seen], shown: &[Seen]) -> Result<(), String> {
    let found = differences(wanted, shown, ALL, 0);
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("; "))
    }
}
