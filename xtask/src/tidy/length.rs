//! A long file holds more than one thing.

use super::finding::Finding;
use super::source::Source;

/// Lines of code past which a file is mentioned, and past which it fails.
const REPORTED: usize = 400;
const FAILING: usize = 600;

/// Counts lines that hold code: no blank line, comment, documentation or test.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let lines = source
        .product
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count();
    if lines > FAILING {
        vec![Finding::file(
            &source.path,
            format!("{lines} lines of code, more than {FAILING}: split it"),
        )]
    } else if lines > REPORTED {
        vec![Finding::remark(
            &source.path,
            format!("{lines} lines of code, more than {REPORTED}: it wants a split"),
        )]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, count: usize) -> Vec<Finding> {
        check(&Source::new("crates/core/src/a.rs", &line.repeat(count)))
    }

    #[test]
    fn code_is_counted_and_words_are_not() {
        assert!(of("a();\n", REPORTED).is_empty());
        assert!(of("/// words\n\n", FAILING).is_empty());
        assert!(!of("a();\n", REPORTED + 1)[0].fatal);
        assert!(of("a();\n", FAILING + 1)[0].fatal);
    }
}
