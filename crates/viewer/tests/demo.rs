//! The demo as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of one test's own, empty at its start.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn write(path: PathBuf, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Runs the binary below `directory`, with nothing in its environment that could change what it prints.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codomyrmex-trace"));
    for variable in ["COLUMNS", "NO_COLOR", "TERM", "COLORTERM"] {
        command.env_remove(variable);
    }
    let command = command.current_dir(directory).args(arguments);
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(errors, "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The tree without what differs from run to run: bars, durations, and which of several files is the slowest.
fn shape(report: &str) -> String {
    let (tree, _) = report.split_once("\n\n").unwrap();
    let mut lines: Vec<_> = tree.lines().map(without_times).collect();
    // The legend shares its line with the time axis.
    lines[1].truncate("indexer · ranker".len());
    lines.join("\n")
}

fn without_times(line: &str) -> String {
    let is_bar = |char| matches!(char, '▁'..='▏' | '▐' | '▕' | '░');
    let mut line = line.replace(is_bar, " ").trim_end().to_owned();
    for unit in [" ns", " µs", " ms", " s"] {
        let number = line.strip_suffix(unit).unwrap_or_default();
        let number = number.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
        let number = number.trim_end_matches("Σ ").trim_end().len();
        if number > 0 {
            line.truncate(number);
        }
    }
    let mask = |word: &str| match word.split_once('=') {
        Some((key @ ("file.path" | "url.full" | "thread.name" | "workers"), _)) => {
            format!("{key}=…")
        }
        _ => word.to_owned(),
    };
    let words: Vec<_> = line.split(' ').map(mask).collect();
    words.join(" ")
}

/// The number behind the label, which stands on a line of its own.
fn number(report: &str, label: &str) -> u64 {
    let lines = report.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(label)?.strip_prefix(' '));
    values.next().unwrap().parse().unwrap()
}

#[test]
fn one_tree_of_both_processes() {
    let directory = directory("one_tree");
    for file in ["a", "b", "c", "d"] {
        write(
            directory.join(format!("input/{file}.txt")),
            b"alpha bravo delta gamma",
        );
    }
    write(directory.join("input/z.txt"), b"caf\xe9");
    write(directory.join("input/picture.bin"), b"\0\0");

    let report = stdout(&run(&directory, &["demo", "input", "--width", "100"]));

    let expected = "\
indexer · ranker
indexer › index directory  dir=input
├─ walk  files=5 bytes=96 skipped=1
├─ index files  workers=…
│  ├─ index file ×4  +8 below
│  │  ╰┄ slowest
│  │     │  file.path=… file.size=23 words=4 thread.name=…
│  │     ├─ read
│  │     ╰─ count words
│  ╰─ ✗ index file
│     │  file.path=… file.size=4 thread.name=…
│     │  ✗ incomplete utf-8 byte sequence from index 3
│     ╰─ read
├─ partition  terms=4
├─ rank terms  requests=4
│  ╰─ POST /rank ×4  +20 below
│     ╰┄ slowest
│        │  url.full=… terms=1 http.request.method=POST +1
│        ├─ connect
│        ╰─ ranker › POST /rank  server
│           │  http.route=/rank http.request.method=POST http.response.status_code=200
│           ├─ parse  bytes=12
│           ├─ score  terms=1
│           ╰─ sort
╰─ merge";
    let drawn = shape(&report);
    let (headline, drawn) = drawn.split_once('\n').unwrap();
    let mut headline: Vec<_> = headline.split(" · ").collect();
    headline.remove(1);
    assert_eq!(
        headline.join(" · "),
        "index directory · 44 spans · 2 services · ✗ 1 error"
    );
    assert_eq!(drawn, expected, "\n{report}");
    assert_eq!(number(&report, "started"), 44);
    assert_eq!(number(&report, "exported"), 44);
    assert_eq!(number(&report, "dropped"), 0);
    assert!(report.contains("The books of both processes balance: indexer 28, ranker 16.\n"));
    let found = "Indexed 4 text files (96 bytes) below input: 16 words, 4 of them different.\n";
    assert!(report.contains(found), "{report}");
    let cost = report
        .lines()
        .find_map(|line| line.strip_prefix("cost per span "));
    assert!(
        cost.is_some_and(|cost| cost.contains(" × two clock readings (")),
        "{report}"
    );
}

#[test]
fn the_repository_around_is_the_default() {
    let directory = directory("default");
    write(directory.join("repository/.git/HEAD"), b"ref");
    write(directory.join("repository/at the top"), b"text");
    write(directory.join("repository/below/deep/file"), b"text");

    let report = stdout(&run(&directory.join("repository/below/deep"), &["demo"]));

    assert!(
        report.contains("Indexed 2 text files (8 bytes) below"),
        "{report}"
    );
}

#[test]
fn an_empty_directory_is_traced_all_the_same() {
    let directory = directory("empty");
    let report = stdout(&run(&directory, &["demo", "."]));
    assert!(
        report.contains("Indexed no text file (0 bytes)"),
        "{report}"
    );
    assert!(number(&report, "started") > 16);
}

#[test]
fn colours_are_drawn_when_asked_for() {
    let directory = directory("colours");
    let plain = stdout(&run(&directory, &["demo", "."]));
    assert!(!plain.contains('\x1b'));
    let coloured = stdout(&run(&directory, &["demo", ".", "--color", "always"]));
    assert!(coloured.contains('\x1b'));
}

#[test]
fn a_missing_directory_is_the_users_mistake() {
    let directory = directory("missing");
    let output = run(&directory, &["demo", "no\x1bwhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with("codomyrmex-trace: cannot index no\\u{1b}where: "),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 1, "{errors}");
}
