//! `unsafe` stands only in the modules named here, and each use says why it is sound.

use super::finding::Finding;
use super::source::{Language, Source};

/// The modules that may hold `unsafe`: a file, or a directory with a `/` at its end.
const ALLOWED: &[&str] = &[
    "crates/core/src/chunk.rs",
    "crates/core/src/clock.rs",
    "crates/core/src/finish.rs",
    "crates/core/src/fork.rs",
    "crates/core/src/loom_models.rs",
    "crates/core/src/per_process.rs",
    "crates/core/src/ring.rs",
    "crates/core/src/signal/sigterm.rs",
    "crates/core/src/span.rs",
    "crates/core/src/start.rs",
    "crates/core/src/thread.rs",
    "crates/python/src/args.rs",
    "crates/python/src/attributes.rs",
    "crates/python/src/convert.rs",
    "crates/python/src/current.rs",
    "crates/python/src/decorator.rs",
    "crates/python/src/decorator/",
    "crates/python/src/driven.rs",
    "crates/python/src/driven/",
    "crates/python/src/encode.rs",
    "crates/python/src/events.rs",
    "crates/python/src/exception.rs",
    "crates/python/src/heap_type.rs",
    "crates/python/src/hooks.rs",
    "crates/python/src/hot/",
    "crates/python/src/inherit.rs",
    "crates/python/src/kind.rs",
    "crates/python/src/lanes.rs",
    "crates/python/src/module.rs",
    "crates/python/src/place.rs",
    "crates/python/src/sampling.rs",
    "crates/python/src/span.rs",
    "crates/python/src/span_data.rs",
    "crates/python/src/span_fields.rs",
    "crates/python/src/span_methods.rs",
    "crates/python/src/status.rs",
    "crates/python/src/text.rs",
    "crates/python/src/times.rs",
    "crates/python/src/traceback.rs",
    "crates/python/src/tracer.rs",
    "crates/python/src/user_code.rs",
];

/// Crate roots whose crate has no such module, and so forbids `unsafe` to the compiler too.
const FORBIDDING: [&str; 7] = [
    "crates/wire/src/lib.rs",
    "crates/draw/src/lib.rs",
    "crates/otlp/src/lib.rs",
    "crates/macros/src/lib.rs",
    "crates/tracing/src/lib.rs",
    "crates/viewer/src/main.rs",
    "xtask/src/main.rs",
];

/// How far above a use its reason may begin, where a statement runs over several lines.
const REACH: usize = 12;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if source.language != Language::Rust {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if FORBIDDING.contains(&source.path.as_str())
        && !source.code.contains("#![forbid(unsafe_code)]")
    {
        findings.push(Finding::file(
            &source.path,
            "#![forbid(unsafe_code)] is missing",
        ));
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let code: Vec<&str> = source.code.lines().collect();
    let product: Vec<&str> = source.product.lines().collect();
    let mut outside = !ALLOWED.iter().any(|place| covers(place, &source.path));
    for (index, line) in code.iter().enumerate() {
        let next = code.get(index + 1).copied().unwrap_or_default();
        let Some(what) = after_unsafe(line, next) else {
            continue;
        };
        let in_product = product
            .get(index)
            .is_some_and(|line| !line.trim().is_empty());
        if outside && in_product {
            let message = "unsafe outside the modules named in xtask/src/tidy/unsafe_code.rs";
            findings.push(Finding::line(&source.path, index, message));
            // The first one of a file says enough.
            outside = false;
        }
        // A function's or trait's own contract stands in its documentation; clippy asks for it.
        if (what.starts_with('{') || what.starts_with("impl")) && !explained(&lines, &code, index) {
            let message = "unsafe without a SAFETY comment right above it";
            findings.push(Finding::line(&source.path, index, message));
        }
    }
    findings
}

/// Whether this row of the list means this file.
fn covers(place: &str, path: &str) -> bool {
    place == path || place.ends_with('/') && path.starts_with(place)
}

/// Modules of the list that hold no `unsafe` any more, or are gone.
pub(crate) fn gone(sources: &[Source]) -> Vec<Finding> {
    ALLOWED
        .iter()
        .filter(|&&place| {
            !sources.iter().any(|source| {
                covers(place, &source.path)
                    && source
                        .code
                        .lines()
                        .any(|line| after_unsafe(line, "").is_some())
            })
        })
        .map(|&place| {
            Finding::file(
                place,
                "named in xtask/src/tidy/unsafe_code.rs, but holds no unsafe",
            )
        })
        .collect()
}

/// What follows the keyword on this line, or on the next where the keyword ends the line.
fn after_unsafe<'a>(line: &'a str, next: &'a str) -> Option<&'a str> {
    let mut rest = line;
    let mut before = ' ';
    while let Some(at) = rest.find("unsafe") {
        before = rest[..at].chars().next_back().unwrap_or(before);
        rest = &rest[at + "unsafe".len()..];
        let alone = !is_word(before) && !rest.chars().next().is_some_and(is_word);
        // `#[unsafe(no_mangle)]` is an attribute.
        if alone && !rest.starts_with('(') {
            let rest = rest.trim_start();
            return Some(if rest.is_empty() {
                next.trim_start()
            } else {
                rest
            });
        }
        before = 'e';
    }
    None
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Whether the line, the comment above it, or the comment above the statement that it belongs to says why.
fn explained(lines: &[&str], code: &[&str], index: usize) -> bool {
    if lines[index].contains("SAFETY:") {
        return true;
    }
    for above in (index.saturating_sub(REACH)..index).rev() {
        if lines[above].contains("SAFETY:") {
            return true;
        }
        let code = code[above].trim();
        let ends = code.ends_with([';', '}']) || code.ends_with('{') && !code.ends_with("({");
        if ends || lines[above].trim().is_empty() {
            return false;
        }
    }
    false
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

    const PLACE: &str = ALLOWED[0];

    #[test]
    fn a_named_module_with_reasons_passes() {
        let text = "// SAFETY: it is.\nunsafe { a() }\nlet x = y\n    // SAFETY: also.\n    .map(|b| unsafe { c(b) });\nunsafe fn f() {}\n";
        assert_eq!(messages(PLACE, text), Vec::<String>::new());
        assert_eq!(
            messages(
                PLACE,
                "// SAFETY: the statement's.\nlet x =\n    unsafe { a() };\n"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_missing_reason_is_found() {
        assert_eq!(
            messages(PLACE, "// SAFETY: other.\na();\nunsafe { b() }\n"),
            [format!(
                "{PLACE}:3: unsafe without a SAFETY comment right above it"
            )]
        );
        assert_eq!(messages(PLACE, "unsafe impl Send for A {}\n").len(), 1);
        assert_eq!(messages(PLACE, "unsafe\n{ b() }\n").len(), 1);
    }

    #[test]
    fn another_module_is_found_and_its_tests_are_not() {
        let path = "crates/core/src/stats.rs";
        assert!(
            messages(path, "// SAFETY: x.\nunsafe { a() }\n")[0].contains("outside the modules")
        );
        assert_eq!(
            messages(
                path,
                "#[cfg(test)]\nmod tests {\n // SAFETY: x.\n unsafe impl A for B {}\n}\n"
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            messages(
                path,
                "let unsafe_count = \"unsafe\"; // unsafe\n#[unsafe(no_mangle)]\n"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn roots_forbid_it() {
        assert!(messages("crates/wire/src/lib.rs", "//! Docs.\n")[0].contains("forbid"));
        assert_eq!(
            messages("crates/wire/src/lib.rs", "#![forbid(unsafe_code)]\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_row_without_unsafe_is_found() {
        assert_eq!(gone(&[]).len(), ALLOWED.len());
        assert_eq!(
            gone(&[Source::new(PLACE, "unsafe { a() }")]).len(),
            ALLOWED.len() - 1
        );
    }
}
