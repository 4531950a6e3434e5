//! Dependencies between the rooms run one way, and the inner rooms take little from outside.

use toml::{Table, Value};

use super::finding::Finding;
use super::source::Source;

/// One room: its directory below `crates/`, and what it may depend on.
struct Room {
    directory: &'static str,
    /// Packages of this workspace.
    rooms: &'static [&'static str],
    /// Packages of others; `None` leaves them free.
    others: Option<&'static [&'static str]>,
}

const WIRE: &str = "codomyrmex-wire";
const DRAW: &str = "codomyrmex-draw";
const CORE: &str = "codomyrmex-core";
const OTLP: &str = "codomyrmex-otlp";
const ZIPKIN: &str = "codomyrmex-zipkin";
const MACROS: &str = "codomyrmex-tracing-macros";
const TRACING: &str = "codomyrmex-tracing";

/// All arrows. A new room gets a row.
const ROOMS: &[Room] = &[
    Room {
        directory: "wire",
        rooms: &[],
        others: Some(&[]),
    },
    Room {
        directory: "draw",
        rooms: &[],
        others: Some(&["unicode-width"]),
    },
    Room {
        directory: "core",
        rooms: &[WIRE, DRAW],
        // http only where the feature of its name asks for it.
        others: Some(&["getrandom", "http", "libc", "pin-project-lite", "sha2"]),
    },
    Room {
        directory: "otlp",
        rooms: &[WIRE, CORE],
        others: Some(&[
            "base64",
            "bytes",
            "flate2",
            "http",
            "http-body-util",
            "httpdate",
            "hyper",
            "hyper-util",
            "rustls-native-certs",
            "tokio",
            "tokio-rustls",
            "tonic",
            "tower-service",
            "tracing-core",
            "zstd",
        ]),
    },
    Room {
        directory: "zipkin",
        rooms: &[WIRE, CORE, OTLP],
        others: Some(&[]),
    },
    Room {
        directory: "macros",
        rooms: &[],
        others: Some(&["proc-macro2", "quote", "syn"]),
    },
    Room {
        directory: "tracing",
        rooms: &[CORE, OTLP, ZIPKIN, MACROS],
        others: Some(&[]),
    },
    Room {
        directory: "python",
        rooms: &[WIRE, DRAW, CORE, TRACING],
        others: Some(&["libc", "pyo3", "pyo3-build-config"]),
    },
    Room {
        directory: "viewer",
        rooms: &[WIRE, DRAW, TRACING],
        others: None,
    },
];

/// Reads the manifest of one room. Dev-dependencies are free: tests may look at a room from outside.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let Some(directory) = directory(&source.path) else {
        return Vec::new();
    };
    let Some(room) = ROOMS.iter().find(|room| room.directory == directory) else {
        return vec![Finding::file(
            &source.path,
            "this room has no row in xtask/src/tidy/arrows.rs that says what it may depend on",
        )];
    };
    let manifest: Table = match source.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Finding::file(
                &source.path,
                format!("no valid manifest: {error}"),
            )];
        }
    };
    let mut findings = Vec::new();
    for name in dependencies(&manifest) {
        let allowed = if name.starts_with("codomyrmex-") {
            room.rooms.contains(&name.as_str())
        } else {
            room.others
                .is_none_or(|others| others.contains(&name.as_str()))
        };
        if !allowed {
            findings.push(Finding::file(
                &source.path,
                format!("{directory} may not depend on {name}"),
            ));
        }
    }
    if manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        != Some(&Value::Boolean(true))
    {
        findings.push(Finding::file(
            &source.path,
            "the workspace's lints are not taken over: [lints] workspace = true",
        ));
    }
    findings
}

/// Rows whose room is gone.
pub(crate) fn missing(sources: &[Source]) -> Vec<Finding> {
    ROOMS
        .iter()
        .filter(|room| {
            !sources
                .iter()
                .any(|source| directory(&source.path) == Some(room.directory))
        })
        .map(|room| {
            Finding::file(
                &format!("crates/{}", room.directory),
                "xtask/src/tidy/arrows.rs has a row for a room that is gone",
            )
        })
        .collect()
}

fn directory(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?
        .strip_suffix("/Cargo.toml")
        .filter(|directory| !directory.contains('/'))
}

/// The packages named under `dependencies` and `build-dependencies`, also those of one target.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = std::iter::once(manifest).chain(
        targets
            .into_iter()
            .flatten()
            // Models of interleavings are tests.
            .filter(|(target, _)| *target != "cfg(loom)")
            .filter_map(|(_, table)| table.as_table()),
    );
    let mut names = Vec::new();
    for table in tables {
        for kind in ["dependencies", "build-dependencies"] {
            for (name, value) in table
                .get(kind)
                .and_then(Value::as_table)
                .into_iter()
                .flatten()
            {
                names.push(
                    value
                        .get("package")
                        .and_then(Value::as_str)
                        .unwrap_or(name)
                        .to_owned(),
                );
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn allowed_arrows_pass() {
        let text = format!(
            "{LINTS}[dependencies]\ncodomyrmex-wire.workspace = true\nlibc = \"0.2\"\n[dev-dependencies]\nproptest = \"1\"\n[target.'cfg(loom)'.dependencies]\nloom = \"0.7\"\n"
        );
        assert_eq!(
            messages("crates/core/Cargo.toml", &text),
            Vec::<String>::new()
        );
        assert_eq!(messages("Cargo.toml", "nonsense ["), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_against_the_stream_is_found() {
        let text = format!("{LINTS}[dependencies]\ncodomyrmex-core.workspace = true\n");
        assert_eq!(
            messages("crates/wire/Cargo.toml", &text),
            ["crates/wire/Cargo.toml: wire may not depend on codomyrmex-core"]
        );
        assert_eq!(
            messages("crates/viewer/Cargo.toml", &text),
            ["crates/viewer/Cargo.toml: viewer may not depend on codomyrmex-core"]
        );
    }

    #[test]
    fn a_heavy_or_renamed_or_conditional_dependency_is_found() {
        let text = format!(
            "{LINTS}[dependencies]\nrt = {{ package = \"tokio\", version = \"1\" }}\n[target.'cfg(unix)'.build-dependencies]\ncc = \"1\"\n"
        );
        let found = messages("crates/core/Cargo.toml", &text);
        assert_eq!(
            found,
            [
                "crates/core/Cargo.toml: core may not depend on tokio",
                "crates/core/Cargo.toml: core may not depend on cc"
            ]
        );
    }

    #[test]
    fn unknown_rooms_and_missing_lints_are_found() {
        assert!(messages("crates/cellar/Cargo.toml", LINTS)[0].contains("no row"));
        assert!(messages("crates/wire/Cargo.toml", "[package]\n")[0].contains("lints"));
        assert_eq!(missing(&[]).len(), ROOMS.len());
    }
}
