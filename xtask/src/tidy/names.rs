//! A file and a type are named for the one thing in them.

use super::finding::Finding;
use super::source::{Language, Source};

/// Names that say nothing.
const EMPTY: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "manager", "misc", "stuff",
];

/// Directories of one person's or one builder's machine.
const MACHINE: [&str; 7] = [
    "home",
    "root",
    "Users",
    "tmp",
    "work",
    "workspace",
    "builds",
];

/// People of our examples.
const INVENTED: [&str; 2] = ["ann", "user"];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in source.path.split('/') {
        let stem = part.split_once('.').map_or(part, |(stem, _)| stem);
        if stem.split(['_', '-']).any(|word| EMPTY.contains(&word)) {
            findings.push(Finding::file(
                &source.path,
                format!("`{part}` does not say what is in it"),
            ));
        }
    }
    if source.language != Language::Other {
        for (index, line) in source.code.lines().enumerate() {
            if let Some(name) = declared(line).filter(|name| says_nothing(name)) {
                findings.push(Finding::line(
                    &source.path,
                    index,
                    format!("`{name}` does not say what it is"),
                ));
            }
        }
    }
    for (index, line) in source.text.lines().enumerate() {
        if let Some(directory) = machine_path(line) {
            findings.push(Finding::line(
                &source.path,
                index,
                format!("a path of one machine: /{directory}/"),
            ));
        }
    }
    findings
}

/// The name of the type that this line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.find(|word| ["struct", "enum", "trait", "class"].contains(word))?;
    let name = words.next()?;
    Some(
        name.split(|char: char| !char.is_alphanumeric() && char != '_')
            .next()
            .unwrap_or(name),
    )
}

/// `SpanManager`, `Utils`; a context manager is a term of Python's.
fn says_nothing(name: &str) -> bool {
    let name = name.strip_suffix("ContextManager").unwrap_or(name);
    ["Manager", "Helper", "Helpers", "Util", "Utils", "Common"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// A path that begins at the root of the file system, in one of the directories above.
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE.into_iter().find(|directory| {
        let wanted = format!("/{directory}/");
        line.match_indices(&wanted).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let begins =
                before.is_none_or(|char| !char.is_alphanumeric() && !"/._-}~*$".contains(char));
            let rest = &line[at + wanted.len()..];
            let end = rest.find(|char: char| !char.is_alphanumeric() && !"._-".contains(char));
            let next = &rest[..end.unwrap_or(rest.len())];
            begins && !next.is_empty() && !INVENTED.contains(&next)
        })
    })
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

    #[test]
    fn good_names_pass() {
        assert_eq!(
            messages(
                "crates/core/src/ring.rs",
                "pub struct Ring<T>;\nstruct SpanContextManager;\n"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn empty_names_are_found() {
        assert_eq!(messages("crates/core/src/utils.rs", "").len(), 1);
        assert_eq!(messages("crates/common/src/ring.rs", "").len(), 1);
        assert_eq!(
            messages("tests/test_helpers.py", "class SpanManager(Base):\n").len(),
            2
        );
        assert_eq!(
            messages("a.rs", "pub(crate) struct RingHelper<'a> {"),
            ["a.rs:1: `RingHelper` does not say what it is"]
        );
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let own = format!("open(\"/{}/bob/x\")", "home");
        assert_eq!(
            messages("a.md", &own),
            ["a.md:1: a path of one machine: /home/"]
        );
        assert_eq!(messages("a.md", "/home/ann/src"), Vec::<String>::new());
        let of_an_address = format!("GET https://example.com/{}/bob", "home");
        assert_eq!(messages("a.md", &of_an_address), Vec::<String>::new());
        assert_eq!(
            messages("a.md", "~/work/x target/tmp/x"),
            Vec::<String>::new()
        );
    }
}
