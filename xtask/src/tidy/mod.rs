//! Holds the walls of ARCHITECTURE.md: what may depend on what, where `unsafe`, the clock and the environment may stand,
//! how long a file may be, and how files are named. Each rule is a function from one source to its findings.

mod arrows;
mod documents;
mod finding;
mod length;
mod masked;
mod names;
mod one_place;
mod roots;
mod source;
mod unsafe_code;

use std::path::Path;
use std::process::ExitCode;

pub(crate) use finding::Finding;
use source::Source;

/// The command: prints what was found.
pub(crate) fn run(root: &Path) -> ExitCode {
    match findings(root) {
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            let fatal = findings.iter().filter(|finding| finding.fatal).count();
            println!("tidy: {fatal} findings, {} remarks", findings.len() - fatal);
            if fatal == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// All that is wrong in the tree, in the order of files.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>, String> {
    let sources = source::read(root)?;
    let mut findings: Vec<Finding> = sources.iter().flat_map(of).collect();
    findings.extend(
        sources
            .iter()
            .flat_map(|source| documents::check(source, &sources)),
    );
    findings.extend(arrows::missing(&sources));
    findings.extend(unsafe_code::gone(&sources));
    Ok(findings)
}

fn of(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in [
        arrows::check,
        unsafe_code::check,
        length::check,
        names::check,
        one_place::check,
        roots::check,
    ] {
        findings.extend(rule(source));
    }
    findings
}
