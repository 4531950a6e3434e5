//! Runs the steps in order, tells where it is, and stops at the first that fails.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::cpython;
use crate::journal::Journal;
use crate::session::Session;
use crate::steps::{self, Step};

/// What the command line asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    only: Vec<String>,
    list: bool,
    verbose: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => options.list = true,
                "--verbose" => options.verbose = true,
                "--only" => {
                    let step = arguments
                        .next()
                        .ok_or("--only needs the name of a step; --list names them")?;
                    options.only.push(step.clone());
                }
                other => match other.strip_prefix("--only=") {
                    Some(step) => options.only.push(step.to_owned()),
                    None => return Err(format!("unknown argument: {other}")),
                },
            }
        }
        Ok(options)
    }

    /// Whether a step of this name was asked for; `python` asks for `python-3.12` too.
    fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|asked| asks_for(asked, step))
    }
}

fn asks_for(asked: &str, step: &str) -> bool {
    step.strip_prefix(asked)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Runs what was asked for.
pub(crate) fn run(root: &Path, options: &Options) -> ExitCode {
    let session = Session::new(root, cpython::find());
    let all = steps::all(&session);
    if let Some(unknown) = options
        .only
        .iter()
        .find(|asked| !all.iter().any(|step| asks_for(asked, &step.name)))
    {
        eprintln!("no step is called {unknown}; `cargo xtask test --list` names them");
        return ExitCode::from(2);
    }
    let chosen: Vec<Step> = all
        .into_iter()
        .filter(|step| options.wants(&step.name))
        .collect();
    let width = chosen.iter().map(|step| step.name.len()).max().unwrap_or(0);
    if options.list {
        for step in &chosen {
            println!("{:width$}  {}", step.name, step.about);
        }
        return ExitCode::SUCCESS;
    }
    match go_through(&session, &chosen, width, options.verbose) {
        Ok(()) => ExitCode::SUCCESS,
        Err(()) => ExitCode::FAILURE,
    }
}

fn go_through(session: &Session, steps: &[Step], width: usize, verbose: bool) -> Result<(), ()> {
    let began = Instant::now();
    let versions: Vec<&str> = session
        .pythons()
        .iter()
        .map(|python| python.version.as_str())
        .collect();
    println!(
        "CPython: {}",
        if versions.is_empty() {
            "none found".to_owned()
        } else {
            versions.join(", ")
        }
    );
    let total = steps.len();
    let mut times = Vec::with_capacity(total);
    for (number, step) in steps.iter().enumerate() {
        let number = number + 1;
        print!(
            "[{number:>2}/{total}] {:width$}  {} ",
            step.name, step.about
        );
        if verbose {
            println!();
        }
        let _ = std::io::stdout().flush();
        let started = Instant::now();
        let mut journal = Journal::open(&session.target().join("xtask"), &step.name, verbose)
            .map_err(|error| println!("\ncannot write below target/xtask: {error}"))?;
        let outcome = (step.work)(session, &mut journal);
        let took = started.elapsed();
        match outcome {
            Ok(()) => {
                println!("... ok, {}", seconds(took));
                for test in journal.skipped() {
                    println!("        SKIPPED {test}");
                }
            }
            Err(message) => {
                println!("... {}, {}\n", failed(), seconds(took));
                print!("{}", journal.text());
                println!("\nstep `{}` failed: {message}", step.name);
                println!("its output: {}", journal.path().display());
                println!("this step alone: cargo xtask test --only {}", step.name);
                return Err(());
            }
        }
        times.push((step.name.as_str(), took));
    }
    print!("{}", summary(&times, began.elapsed(), width));
    Ok(())
}

fn failed() -> &'static str {
    if std::io::stdout().is_terminal() {
        "\u{1b}[31mFAILED\u{1b}[0m"
    } else {
        "FAILED"
    }
}

fn summary(times: &[(&str, Duration)], total: Duration, width: usize) -> String {
    let mut text = format!("\nall {} steps passed in {}\n", times.len(), seconds(total));
    let mut slowest = times.to_vec();
    slowest.sort_by_key(|&(_, took)| std::cmp::Reverse(took));
    for (name, took) in slowest {
        text.push_str(&format!("  {name:width$}  {:>10}\n", seconds(took)));
    }
    text
}

/// `0.4 s`, `12.0 s`, `3 min 05 s`
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn arguments_are_understood() {
        assert_eq!(parse("").expect("valid"), Options::default());
        let options = parse("--only tidy --only=python --list").expect("valid");
        assert_eq!(options.only, ["tidy", "python"]);
        assert!(options.list);
        assert!(parse("--only").is_err());
        assert!(parse("tidy").is_err());
    }

    #[test]
    fn a_group_stands_for_its_versions_and_for_nothing_else() {
        let options = parse("--only python").expect("valid");
        assert!(options.wants("python-3.12") && options.wants("python"));
        assert!(!options.wants("pythonic") && !options.wants("wheel-3.12"));
        assert!(parse("").expect("valid").wants("anything"));
    }

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(432)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn the_summary_puts_the_slowest_first() {
        let text = summary(
            &[("a", Duration::from_secs(1)), ("b", Duration::from_secs(9))],
            Duration::from_secs(10),
            1,
        );
        assert!(
            text.find("b  ").expect("b") < text.find("a  ").expect("a"),
            "{text}"
        );
    }
}
