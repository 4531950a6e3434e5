//! A real piece of work, traced through two processes, and drawn.
//!
//! The first process walks a directory, reads and counts its files on worker threads, has the words ranked by the second
//! process over HTTP, and merges the answers. Then it gathers the spans of both and draws the one trace.

mod books;
mod collected;
mod cost;
mod index;
mod ranker;
mod ranking;
mod remote;
mod report;
mod repository;
#[cfg(test)]
mod scratch;
mod terms;
mod walk;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs};

use codomyrmex_tracing::{Tracer, trace};

use crate::cli::DemoOptions;
use crate::terminal;
use books::Books;
use collected::Collected;
use index::index;
use ranking::{Question, Ranking};
use remote::Ranker;
use report::{Report, Summary};
use terms::Terms;
use walk::{Bounds, walk};

/// The first process's name in the trace.
const SERVICE: &str = "indexer";
/// Into how many questions the words are dealt.
const QUESTIONS: usize = 4;
/// Words that are ranked: the most frequent ones.
const MOST_TERMS: usize = 20_000;
/// Enough for all spans that the bounds of the walk allow, so that none is dropped however slow the exporter's thread is.
const QUEUE_BYTES: usize = 64 << 20;

/// The first process.
pub(crate) fn run(options: &DemoOptions) -> ExitCode {
    let directory = match directory(options.directory.as_deref()) {
        Ok(directory) => directory,
        Err(mistake) => return say(&mistake, 2),
    };
    let report = match work(&directory) {
        Ok(report) => report,
        Err(failure) => return say(&failure, 1),
    };
    let drawn = report.draw(&terminal::style(options.color, options.width));
    // Whoever reads may have seen enough.
    let _ = io::stdout().lock().write_all(drawn.as_bytes());
    if report.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The second process.
pub(crate) fn serve() -> ExitCode {
    match ranker::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => say(&format!("the second process: {failure}"), 1),
    }
}

fn say(message: &dyn fmt::Display, code: u8) -> ExitCode {
    let message = message.to_string();
    eprintln!("codomyrmex-trace: {}", codomyrmex_draw::escape(&message));
    ExitCode::from(code)
}

/// What to index.
fn directory(chosen: Option<&Path>) -> Result<PathBuf, String> {
    let Some(chosen) = chosen else {
        let current = env::current_dir();
        let current = current.map_err(|error| format!("the current directory: {error}"))?;
        return Ok(repository::around(&current));
    };
    match fs::read_dir(chosen) {
        Ok(_) => Ok(chosen.to_owned()),
        Err(error) => Err(format!("cannot index {}: {error}", chosen.display())),
    }
}

fn work(directory: &Path) -> Result<Report, String> {
    let collected = Collected::default();
    let tracer = Tracer::builder(SERVICE)
        .exporter(collected.clone())
        .queue_bytes(QUEUE_BYTES)
        .build();
    let mut ranker = Ranker::start().map_err(|error| format!("the second process: {error}"))?;
    let summary = indexed(&tracer, directory, &mut ranker)?;

    let theirs = ranker.hand_over().map_err(|error| error.to_string())?;
    let own = Books::close(&tracer);
    let request = [collected.request(), theirs.request].concat();
    let spans =
        collected::spans(&request).map_err(|error| format!("spans cannot be read: {error}"))?;
    Ok(Report {
        summary,
        spans,
        books: [(SERVICE, own), (ranker::SERVICE, theirs.books)],
        cost: cost::measure(),
    })
}

/// The work, in the trace's root span.
#[trace("index directory", tracer = tracer, attributes(dir = directory.display()))]
fn indexed(tracer: &Tracer, directory: &Path, ranker: &mut Ranker) -> Result<Summary, String> {
    let in_directory = |error: io::Error| format!("{}: {error}", directory.display());
    let walk = walk(tracer, directory, Bounds::default()).map_err(in_directory)?;
    let index = index(tracer, directory, &walk.files);
    let mut summary = Summary {
        directory: directory.to_owned(),
        files: index.terms.files,
        failed: index.failed,
        bytes: walk.bytes,
        words: index.terms.words,
        terms: index.terms.len(),
        telling: Vec::new(),
    };
    let questions = partition(tracer, index.terms);
    let address = ranker.address().map_err(|error| error.to_string())?;
    let answers = remote::ask(tracer, address, questions).map_err(|error| error.to_string())?;
    summary.telling = merge(tracer, answers);
    Ok(summary)
}

/// The questions to ask about these words.
#[trace("partition", tracer = tracer, attributes(terms = terms.len()))]
fn partition(tracer: &Tracer, terms: Terms) -> Vec<Question> {
    let files = terms.files;
    let parts = terms.deal(QUESTIONS, MOST_TERMS).into_iter();
    parts.map(|terms| Question { files, terms }).collect()
}

/// The most telling words of all answers.
#[trace("merge", tracer = tracer)]
fn merge(tracer: &Tracer, answers: Vec<Ranking>) -> Vec<String> {
    let all = answers.into_iter().flat_map(|answer| answer.0);
    let merged = Ranking::of(all.collect()).0;
    merged
        .into_iter()
        .map(|scored| scored.word.into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scratch::Scratch;

    #[test]
    fn only_directories_are_indexed() {
        let scratch = Scratch::new("directory");
        scratch.write("file", b"text");
        let of = |path: &Path| directory(Some(path));
        assert_eq!(of(scratch.path()), Ok(scratch.path().to_owned()));
        assert!(
            of(&scratch.path().join("file"))
                .unwrap_err()
                .contains("ot a directory")
        );
        assert!(
            of(&scratch.path().join("nowhere"))
                .unwrap_err()
                .contains("No such file")
        );
    }
}
