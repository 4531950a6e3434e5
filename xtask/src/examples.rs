//! The code that the documents show: what stands in a README has to run.

use std::fs;
use std::path::{Path, PathBuf};

/// Documents whose Python code is run as it stands.
const DOCUMENTS: [&str; 3] = [
    "README.md",
    "src/codomyrmex/telemetry/tracing/README.md",
    "src/codomyrmex/telemetry/tracing/SPEC.md",
];

/// One piece of Python, and where it stands.
pub(crate) struct Example {
    /// `README.md:12`
    pub(crate) place: String,
    pub(crate) code: String,
}

/// The Python blocks of the documents, and the scripts in `examples/`.
pub(crate) fn python(root: &Path) -> Result<Vec<Example>, String> {
    let mut examples = Vec::new();
    for document in DOCUMENTS {
        let path = root.join(document);
        if path.is_file() {
            let blocks = blocks(&read(&path)?, "python");
            examples.extend(blocks.into_iter().map(|(line, code)| Example {
                place: format!("{document}:{line}"),
                code,
            }));
        }
    }
    let mut scripts: Vec<PathBuf> = fs::read_dir(root.join("examples"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "py"))
        .collect();
    scripts.sort();
    for script in scripts {
        examples.push(Example {
            place: script.display().to_string(),
            code: read(&script)?,
        });
    }
    Ok(examples)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The fenced blocks in one language, each with the line of its first line of code. `python no_run` is another language.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut elsewhere = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(mark) = line.strip_prefix("```") {
            if let Some(block) = open.take() {
                found.push(block);
            } else if elsewhere {
                elsewhere = false;
            } else if mark.trim() == language {
                open = Some((index + 2, String::new()));
            } else {
                elsewhere = true;
            }
        } else if let Some((_, code)) = &mut open {
            code.push_str(line);
            code.push('\n');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_language_are_found() {
        let text = "# A\n```python\na = 1\n```\n```rust\nlet a;\n```\n\n```python no_run\nb\n```\n```python\nc\n\nd\n```\n";
        let found = blocks(text, "python");
        assert_eq!(
            found,
            [(3, "a = 1\n".to_owned()), (13, "c\n\nd\n".to_owned())]
        );
    }
}
