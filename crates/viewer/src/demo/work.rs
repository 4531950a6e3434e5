//! The work of the first process, and what is gathered when it is done.

use std::io;
use std::path::Path;

use codomyrmex_tracing::{Tracer, trace};

use crate::demo::books::Books;
use crate::demo::collected::{self, Collected};
use crate::demo::index::index;
use crate::demo::ranking::{Question, Ranking};
use crate::demo::remote::{self, Ranker};
use crate::demo::report::{Report, Summary};
use crate::demo::terms::Terms;
use crate::demo::walk::{Bounds, walk};
use crate::demo::{cost, ranker};

/// The first process's name in the trace.
const SERVICE: &str = "indexer";
/// Into how many questions the words are dealt.
const QUESTIONS: usize = 4;
/// Words that are ranked: the most frequent ones.
const MOST_TERMS: usize = 20_000;
/// Enough for all spans that the bounds of the walk allow, so that none is dropped however slow the exporter's thread is.
const QUEUE_BYTES: usize = 64 << 20;

/// Indexes the directory, and gathers what both processes recorded.
///
/// # Errors
///
/// What went wrong, to be told to the user.
pub(crate) fn work(directory: &Path) -> Result<Report, String> {
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
