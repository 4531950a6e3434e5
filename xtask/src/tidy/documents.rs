//! Documents name files that exist.

use super::finding::Finding;
use super::source::Source;

/// Beginnings of paths in this tree.
const TOPS: [&str; 6] = ["bench/", "crates/", "examples/", "src/", "xtask/", ".ci/"];

/// Paths between backticks in Markdown. A placeholder (`venv-3.x`, `*.rs`) is no path.
pub(crate) fn check(source: &Source, sources: &[Source]) -> Vec<Finding> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let path = word.trim_end_matches('/');
            let is_path = TOPS.iter().any(|top| word.starts_with(top))
                && !word.contains([' ', '*', '<', '$']);
            let below = format!("{path}/");
            let exists = || {
                sources
                    .iter()
                    .any(|other| other.path == path || other.path.starts_with(&below))
            };
            if is_path && !exists() {
                findings.push(Finding::line(
                    &source.path,
                    index,
                    format!("there is no {word}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_nowhere_is_found() {
        let text = "See `crates/core/src/ring.rs`, `crates/core/` and `crates/*/x`.\nNot `crates/gone.rs`, `gone.rs`.\n";
        let sources = [
            Source::new("crates/core/src/ring.rs", ""),
            Source::new("A.md", text),
        ];
        let found: Vec<String> = check(&sources[1], &sources)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["A.md:2: there is no crates/gone.rs"]);
    }
}
