//! `cargo xtask interop`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::cpython;
use crate::session::Session;

use super::cache::{ALL, Name, Place};
use super::checks::{Outcome, Row, check, missing};
use super::{get, report, send};

/// Gets what is missing, runs all checks or those of the named backends, and writes `interop/RESULTS.md` after all.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let chosen = match chosen(arguments) {
        Ok(chosen) => chosen,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let session = Session::new(root, cpython::find());
    match all(&session, &chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn chosen(arguments: &[String]) -> Result<Vec<Name>, String> {
    let names: Vec<Name> = arguments
        .iter()
        .map(|argument| {
            ALL.into_iter()
                .find(|name| name.as_str() == argument)
                .ok_or_else(|| {
                    format!(
                        "there is no backend {argument}; there are collector, jaeger and zipkin"
                    )
                })
        })
        .collect::<Result<_, _>>()?;
    Ok(if names.is_empty() {
        ALL.to_vec()
    } else {
        names
    })
}

fn all(session: &Session, chosen: &[Name]) -> Result<bool, String> {
    send::prepare(session)?;
    let mut rows = Vec::new();
    for &name in chosen {
        let place = Place::of(session.root(), name)?;
        if !place.is_got() {
            println!("getting {} {} ...", name.title(), place.version);
            let began = Instant::now();
            match get::get(session, &place) {
                Ok(()) => println!("... got in {} s", began.elapsed().as_secs()),
                Err(message) => println!("... not got: {message}"),
            }
        }
        match missing(&place) {
            Some(reason) => rows.push(Row {
                backend: format!("{} {}", name.title(), place.version),
                way: "all".to_owned(),
                sender: "",
                compared: String::new(),
                outcome: Outcome::Skipped(reason),
            }),
            None => rows.extend(check(session, &place)),
        }
    }
    print!("{}", report::table(&rows));
    if chosen.len() == ALL.len() {
        let path = session.root().join("interop/RESULTS.md");
        std::fs::write(&path, report::document(&rows))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        println!("\nwritten: {}", path.display());
    }
    Ok(rows
        .iter()
        .all(|row| !matches!(row.outcome, Outcome::Failed(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_chosen_by_name() {
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(chosen(&words("")), Ok(ALL.to_vec()));
        assert_eq!(
            chosen(&words("zipkin collector")),
            Ok(vec![Name::Zipkin, Name::Collector])
        );
        assert!(
            chosen(&words("tempo"))
                .expect_err("unknown")
                .contains("tempo")
        );
    }
}
