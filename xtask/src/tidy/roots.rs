//! A crate's root and a directory's `mod.rs` hold documentation and names; what they do stands in files of its own.

use super::finding::Finding;
use super::source::Source;

/// The compiler wants the entries of a macro crate in its root, and Python those of an extension.
const EXEMPT: [&str; 2] = ["crates/macros/src/lib.rs", "crates/python/src/lib.rs"];

/// xtask's `mod.rs` may hold the list of what it runs.
const WITHIN: &str = "crates/";

/// Words that begin an item with a body.
const ITEMS: [&str; 8] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "impl",
    "impl<",
    "macro_rules!",
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let root = ["lib.rs", "mod.rs"].contains(&source.name()) && source.path.starts_with(WITHIN);
    if !root || source.product.is_empty() || EXEMPT.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let holds_item = |line: &str| {
        line.split_whitespace()
            .any(|word| ITEMS.contains(&word) || word.starts_with("impl<"))
    };
    let mut findings = Vec::new();
    // The first one says enough.
    if let Some(index) = source.product.lines().position(holds_item) {
        let message = format!("{} holds documentation and names only", source.name());
        findings.push(Finding::line(&source.path, index, message));
    }
    if !source.text.trim_start().starts_with("//!") {
        findings.push(Finding::file(
            &source.path,
            "begins without documentation of what stands here",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn names_pass_and_bodies_are_found() {
        let names =
            "//! The room.\n//! fn in words.\npub mod ring;\npub use ring::{Ring, fn_ptr};\n";
        assert_eq!(count("crates/core/src/lib.rs", names), 0);
        assert_eq!(
            count("crates/core/src/lib.rs", "//! X.\npub fn f() {}\n"),
            1
        );
        for item in [
            "impl<T> A for T {}",
            "pub struct A;",
            "pub(crate) enum B {}",
        ] {
            assert_eq!(
                count("crates/core/src/lib.rs", &format!("//! X.\n{item}\n")),
                1,
                "{item}"
            );
        }
        assert_eq!(count("crates/core/src/ring/mod.rs", "pub mod a;\n"), 1);
        assert_eq!(count("crates/core/src/ring.rs", "pub fn f() {}\n"), 0);
        assert_eq!(count("crates/macros/src/lib.rs", "pub fn trace() {}\n"), 0);
    }

    #[test]
    fn tests_in_a_root_are_left_alone() {
        assert_eq!(
            count(
                "crates/core/src/lib.rs",
                "//! X.\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n"
            ),
            0
        );
    }
}
