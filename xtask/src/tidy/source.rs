//! The tree's own files: what git tracks, and what it would track.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::masked;

/// The language of a file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    Other,
}

/// One text file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root, with `/` between.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) language: Language,
    /// Rust and Python: the text with comments and the insides of literals blanked, line for line.
    pub(crate) code: String,
    /// `code` without the test modules in it; empty for a file of tests.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let language = match path.rsplit_once('.') {
            Some((_, "rs")) => Language::Rust,
            Some((_, "py" | "pyi")) => Language::Python,
            _ => Language::Other,
        };
        let code = match language {
            Language::Rust => masked::rust(text),
            Language::Python => masked::python(text),
            Language::Other => String::new(),
        };
        let product = match language {
            _ if is_test(path) => String::new(),
            Language::Rust => masked::without_test_modules(&code),
            _ => code.clone(),
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            language,
            code,
            product,
        }
    }

    /// The name without directories.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Tests, measurements and examples: they may do what the product may not.
fn is_test(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    parts
        .iter()
        .any(|part| ["tests", "benches", "bench", "examples", "fuzz"].contains(part))
        || stem == "tests"
        || stem == "conftest"
        || stem.starts_with("test_")
        || stem.ends_with("_tests")
}

/// Reads every text file of the tree.
pub(crate) fn read(root: &Path) -> Result<Vec<Source>, String> {
    let listed = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .map_err(|error| {
            format!("tidy reads the list of files from git, which cannot be started: {error}")
        })?;
    if !listed.status.success() {
        return Err(format!(
            "git ls-files failed: {}",
            String::from_utf8_lossy(&listed.stderr).trim()
        ));
    }
    let mut sources = Vec::new();
    for path in String::from_utf8_lossy(&listed.stdout)
        .split('\0')
        .filter(|path| !path.is_empty())
    {
        // A file that was deleted and not yet committed is still listed; pictures and the like are no text.
        if let Ok(text) = fs::read_to_string(root.join(path)) {
            sources.push(Source::new(path, &text));
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_no_product() {
        for path in [
            "crates/core/tests/fork.rs",
            "crates/core/src/ring/tests.rs",
            "src/x/tests/unit/test_a.py",
            "bench/src/main.rs",
        ] {
            assert_eq!(Source::new(path, "fn main() {}").product, "", "{path}");
        }
        assert_eq!(
            Source::new("crates/core/src/ring.rs", "fn f() {}").product,
            "fn f() {}"
        );
    }

    #[test]
    fn names_are_taken_apart() {
        let source = Source::new("crates/core/src/ring.rs", "");
        assert_eq!(
            (source.name(), source.language),
            ("ring.rs", Language::Rust)
        );
        assert_eq!(Source::new("_native.pyi", "").language, Language::Python);
    }
}
