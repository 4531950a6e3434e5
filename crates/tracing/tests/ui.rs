//! What the compiler says about mistakes in `#[trace]`, and where.

use std::process::Command;

/// The compiler whose own words stand in the files of `tests/ui/types`. Others say the same in other words.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_reported_where_they_are() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    let compiler = Command::new(option_env!("RUSTC").unwrap_or("rustc"))
        .arg("--version")
        .output()
        .expect("rustc runs");
    if compiler.stdout.starts_with(COMPILER.as_bytes()) {
        cases.compile_fail("tests/ui/types/*.rs");
    }
}
