//! Gets a backend with its own language's tools.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::session::Session;

use super::cache::{Name, Place};

/// Pinned, because Maven would take whatever is newest.
const MAVEN_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// Gets the backend where it is not there yet. May take a quarter of an hour: Collectors are large.
pub(crate) fn get(session: &Session, place: &Place) -> Result<(), String> {
    if place.is_got() {
        return Ok(());
    }
    fs::create_dir_all(&place.directory)
        .map_err(|error| format!("{}: {error}", place.directory.display()))?;
    match place.name {
        Name::Zipkin => zipkin(session, place),
        Name::Jaeger => jaeger(session, place),
        Name::Collector => collector(session, place),
    }?;
    if place.is_got() {
        Ok(())
    } else {
        Err(format!("{} was not made", place.program().display()))
    }
}

fn zipkin(session: &Session, place: &Place) -> Result<(), String> {
    let artifact = format!("io.zipkin:zipkin-server:{}:jar:exec", place.version);
    let mut command = session.command("mvn");
    command
        .args(["-q", "-B", MAVEN_PLUGIN])
        .arg(format!("-Dartifact={artifact}"))
        .arg(format!("-DoutputDirectory={}", place.directory.display()));
    run(&mut command)
}

fn jaeger(session: &Session, place: &Place) -> Result<(), String> {
    let module = session.root().join("interop/jaeger");
    build(
        session,
        place,
        &module,
        "github.com/jaegertracing/jaeger/cmd/jaeger",
    )
}

fn collector(session: &Session, place: &Place) -> Result<(), String> {
    let own = session.root().join("interop/collector");
    let builder = format!(
        "go.opentelemetry.io/collector/cmd/builder@v{}",
        place.version
    );
    run(go(session)
        .args(["install", &builder])
        .env("GOBIN", &place.directory))?;
    // The modules are ours, with their sums: the builder's own `go mod tidy` wants the dependencies of other people's tests
    // as well.
    run(session
        .command(place.directory.join("builder"))
        .args(["--skip-compilation", "--skip-get-modules", "--config"])
        .arg(own.join("manifest.yaml"))
        .current_dir(&place.directory))?;
    let source = place.directory.join("source");
    for file in ["go.mod", "go.sum"] {
        fs::copy(own.join(file), source.join(file)).map_err(|error| format!("{file}: {error}"))?;
    }
    build(session, place, &source, ".")
}

/// Builds beside the program's place first, so that a build that was broken off leaves none there.
fn build(session: &Session, place: &Place, module: &Path, package: &str) -> Result<(), String> {
    let unfinished = place.directory.join("unfinished");
    run(go(session)
        .args([
            "build",
            "-mod=readonly",
            "-trimpath",
            "-ldflags",
            "-s -w",
            "-o",
        ])
        .arg(&unfinished)
        .arg(package)
        .current_dir(module))?;
    fs::rename(&unfinished, place.program())
        .map_err(|error| format!("{}: {error}", place.program().display()))
}

fn go(session: &Session) -> Command {
    let mut command = session.command("go");
    // The compiler that is here, not one fetched for the occasion.
    command.env("GOTOOLCHAIN", "local");
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}
