//! How many instructions a span costs the thread that records it, in the release profile, as valgrind counts them. Without
//! valgrind this says that it was skipped.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Form of `examples/hot_path.rs`, and the most instructions a span: 15 % more than when it was last measured.
const BOUNDS: [(&str, u64); 7] = [
    ("0", 270),
    ("3", 515),
    ("root", 360),
    ("moved", 255),
    ("async", 325),
    ("unsampled", 82),
    ("disabled", 11),
];
/// Two sizes, so that what comes once does not count.
const FEW: u64 = 5_000;
const MANY: u64 = 25_000;

fn has_valgrind() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Builds the example where this test was built, in the release profile.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // …/target/debug/deps/instructions-…
    let target = test.ancestors().nth(3).unwrap();
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            env!("CARGO_PKG_NAME"),
            "--example",
            "hot_path",
        ])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    target.join("release/examples/hot_path")
}

fn instructions(program: &Path, form: &str, spans: u64) -> u64 {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*measured*",
        ])
        .arg(program)
        .args([form, &spans.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    match collected {
        Some((_, count)) if output.status.success() => count.trim().parse().unwrap(),
        _ => panic!("{said}"),
    }
}

#[test]
fn a_span_costs_no_more_than_it_did() {
    if !has_valgrind() {
        return eprintln!("skipped: there is no valgrind here");
    }
    if std::env::var("RUSTFLAGS").is_ok_and(|flags| !flags.is_empty()) {
        return eprintln!("skipped: RUSTFLAGS ask for another program");
    }
    let program = build();
    let mut over = Vec::new();
    for (form, most) in BOUNDS {
        let [few, many] = [FEW, MANY].map(|spans| instructions(&program, form, spans));
        let each = (many - few) as f64 / (MANY - FEW) as f64;
        println!("{form}: {each:.1} instructions a span, at most {most}");
        if each > most as f64 {
            over.push((form, each, most));
        }
    }
    assert!(over.is_empty(), "{over:?}");
}
