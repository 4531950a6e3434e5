//! Each backend, each way to it, each sender: sent, read back, compared.

use std::process::{Command, Stdio};

use crate::journal::Journal;
use crate::session::Session;

use super::backend::{Backend, Way};
use super::cache::{ALL, Name, Place};
use super::collector::Collector;
use super::compare::differences;
use super::jaeger::Jaeger;
use super::send::{Parcel, Sender};
use super::trace::{expected, read};
use super::zipkin::Zipkin;
use super::{many_hosts, send};

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Verified,
    Skipped(String),
    Failed(String),
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) backend: String,
    pub(crate) way: String,
    pub(crate) sender: &'static str,
    /// What was compared.
    pub(crate) compared: String,
    pub(crate) outcome: Outcome,
}

/// What the trace's service is called.
const SERVICE: &str = "Interop-Shop";

/// All checks of one backend, which has been got.
pub(crate) fn check(session: &Session, place: &Place) -> Vec<Row> {
    let title = format!("{} {}", place.name.title(), place.version);
    let failed = |message: String| {
        vec![Row {
            backend: title.clone(),
            way: "start".to_owned(),
            sender: "",
            compared: String::new(),
            outcome: Outcome::Failed(message),
        }]
    };
    let mut backend = match start(session, place) {
        Ok(backend) => backend,
        Err(message) => return failed(message),
    };
    let mut rows = Vec::new();
    for way in backend.ways() {
        for sender in [Sender::Rust, Sender::Python] {
            let outcome = match send::missing(session, sender) {
                Some(reason) => Outcome::Skipped(reason),
                None => match there_and_back(session, &mut *backend, &way, sender) {
                    Ok(()) => Outcome::Verified,
                    Err(message) => Outcome::Failed(message),
                },
            };
            rows.push(Row {
                backend: title.clone(),
                way: way.name(),
                sender: sender.as_str(),
                compared: way.keeps.described(),
                outcome,
            });
        }
    }
    drop(backend);
    if place.name == Name::Collector {
        rows.push(many_hosts::check(session, place, &title));
    }
    rows
}

fn start(session: &Session, place: &Place) -> Result<Box<dyn Backend>, String> {
    Ok(match place.name {
        Name::Collector => Box::new(Collector::start(place, session.root())?),
        Name::Jaeger => Box::new(Jaeger::start(place, session.root())?),
        Name::Zipkin => Box::new(Zipkin::start(place)?),
    })
}

fn there_and_back(
    session: &Session,
    backend: &mut dyn Backend,
    way: &Way,
    sender: Sender,
) -> Result<(), String> {
    let file = session.root().join("interop/trace.json");
    let trace = read(&file)?;
    let parcel = Parcel {
        trace: &file,
        service: SERVICE,
        traceparent: None,
    };
    let sent = send::send(session, sender, way, parcel)?;
    let wanted = expected(&trace, &sent, SERVICE)?;
    let shown = backend.read(sent.trace_id()?, wanted.len())?;
    let found = differences(&wanted, &shown, way.keeps, sender.precision_ns());
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("; "))
    }
}

/// Why a backend cannot be run here, if so.
pub(crate) fn missing(place: &Place) -> Option<String> {
    if !place.is_got() {
        return Some(format!(
            "{} {} is not in the cache; `cargo xtask interop` gets it",
            place.name.title(),
            place.version
        ));
    }
    let program = place.name.runs_with()?;
    let there = Command::new(program)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    (!there).then(|| format!("there is no {program} on PATH"))
}

/// The step of `cargo xtask test`: what is in the cache already, and nothing is got.
pub(crate) fn step(session: &Session, journal: &mut Journal) -> Result<(), String> {
    let mut failures = 0;
    let mut prepared = false;
    for name in ALL {
        let place = Place::of(session.root(), name)?;
        if let Some(reason) = missing(&place) {
            journal.skip(&format!("interop-{}", name.as_str()), &reason);
            continue;
        }
        if !prepared {
            send::prepare(session)?;
            prepared = true;
        }
        for row in check(session, &place) {
            let what = format!("{} {} {}", row.backend, row.way, row.sender);
            match row.outcome {
                Outcome::Verified => journal.note(&format!("{what}: verified")),
                Outcome::Skipped(reason) => journal.skip(&what, &reason),
                Outcome::Failed(message) => {
                    failures += 1;
                    journal.note(&format!("{what}: FAILED: {message}"));
                }
            }
        }
    }
    match failures {
        0 => Ok(()),
        count => Err(format!("{count} checks failed")),
    }
}
