//! What has one place in the product: reading the environment, and reading the clock.

use super::finding::Finding;
use super::source::{Language, Source};

/// Words, and the only places of the product where they may stand.
struct Confined {
    words: &'static [&'static str],
    /// Where the rule holds: the beginnings of paths.
    within: &'static [&'static str],
    /// Its one place, and rooms that are no part of the engine.
    allowed: &'static [&'static str],
    message: &'static str,
}

const CONFINED: [Confined; 3] = [
    Confined {
        words: &[
            "env::var",
            "env::vars",
            "env::var_os",
            "env::vars_os",
            "os.environ",
            "os.getenv",
            "getenv",
        ],
        within: &["crates/", "src/"],
        allowed: &[
            "crates/tracing/src/environment.rs",
            "crates/tracing/src/environment/",
            "crates/python/build.rs",
            // What the terminal says of itself: COLUMNS, NO_COLOR and the like.
            "crates/viewer/src/terminal.rs",
        ],
        message: "the environment is read in crates/tracing/src/environment.rs alone",
    },
    Confined {
        words: &[
            "Instant::now",
            "SystemTime::now",
            "clock_gettime",
            "_rdtsc",
            "UNIX_EPOCH.elapsed",
        ],
        within: &[
            "crates/wire/",
            "crates/draw/",
            "crates/core/",
            "crates/tracing/",
            "crates/python/",
        ],
        allowed: &["crates/core/src/clock.rs", "crates/core/src/clock/"],
        message: "the clock is read in core's clock module alone",
    },
    Confined {
        words: &[
            "time.time",
            "time.time_ns",
            "time.monotonic",
            "time.perf_counter",
            "datetime.now",
            "datetime.utcnow",
        ],
        within: &["src/"],
        allowed: &[],
        message: "the clock is read in core's clock module alone",
    },
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if source.language == Language::Other {
        return Vec::new();
    }
    let begins = |places: &[&str]| places.iter().any(|&place| source.path.starts_with(place));
    let mut findings = Vec::new();
    for rule in CONFINED
        .iter()
        .filter(|rule| begins(rule.within) && !begins(rule.allowed))
    {
        for (index, line) in source.product.lines().enumerate() {
            if rule.words.iter().any(|word| stands_in(word, line)) {
                findings.push(Finding::line(&source.path, index, rule.message));
            }
        }
    }
    findings
}

/// Whether the word stands in the line as a whole.
fn stands_in(word: &str, line: &str) -> bool {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_word)
            && !line[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn the_environment_has_one_place() {
        let text = "fn f() { std::env::var_os(\"X\"); }\n";
        assert_eq!(count("crates/tracing/src/environment.rs", text), 0);
        assert_eq!(count("crates/core/src/redact.rs", text), 1);
        assert_eq!(count("crates/core/tests/redact.rs", text), 0);
        assert_eq!(
            count(
                "src/codomyrmex/telemetry/tracing/core.py",
                "x = os.environ.get('X')\n"
            ),
            1
        );
        assert_eq!(
            count(
                "crates/core/src/redact.rs",
                "// env::var\nlet env_variable = 1;\n"
            ),
            0
        );
    }

    #[test]
    fn the_clock_has_one_place() {
        let text = "let a = Instant::now();\nlet b: SystemTime = c;\n";
        assert_eq!(count("crates/core/src/drain.rs", text), 1);
        assert_eq!(count("crates/core/src/clock.rs", text), 0);
        assert_eq!(count("crates/viewer/src/demo.rs", text), 0);
        assert_eq!(
            count(
                "src/codomyrmex/telemetry/tracing/core.py",
                "start = time.time()\n"
            ),
            1
        );
        assert_eq!(
            count(
                "src/codomyrmex/tests/unit/test_a.py",
                "start = time.time()\n"
            ),
            0
        );
    }
}
