//! Reading files and counting their words, on worker threads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::Utf8Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use codomyrmex_tracing::{SpanContext, SpanOptions, Tracer, trace};

use crate::demo::terms::Terms;
use crate::demo::walk::Found;

/// How long files are read before the rest is left; on a slow disk the demo ends soon all the same.
const PATIENCE: Duration = Duration::from_secs(3);
const MOST_WORKERS: usize = 4;

/// What the workers came to.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) terms: Terms,
    /// Files that could not be read, or were no valid UTF-8.
    pub(crate) failed: usize,
    /// Files that nobody came to in time.
    pub(crate) left: usize,
}

/// Reads the files and counts their words.
pub(crate) fn index(tracer: &Tracer, root: &Path, files: &[Found]) -> Index {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.clamp(2, MOST_WORKERS);
    let span = tracer.span("index files");
    span.set_attribute("workers", workers);
    let shared = Shared {
        tracer,
        root,
        files,
        parent: span.context(),
        next: AtomicUsize::new(0),
        deadline: Instant::now() + PATIENCE,
    };
    let mut index = Index::default();
    thread::scope(|scope| {
        let work = |number| {
            let name = format!("worker-{number}");
            let worker = thread::Builder::new().name(name.clone());
            let shared = &shared;
            worker.spawn_scoped(scope, move || shared.work(&name))
        };
        let workers: Vec<_> = (1..=workers).map(work).collect();
        for worker in workers {
            match worker.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(part)) => index.add(part),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // Without this thread the others have more to do.
                Err(error) => drop(span.record_error(&error)),
            }
        }
    });
    index.left = files.len() - index.failed - index.terms.files as usize;
    if index.left > 0 {
        span.add_event("out of time", &[("files.left", index.left.into())]);
    }
    index
}

impl Index {
    fn add(&mut self, other: Self) {
        self.terms.add(other.terms);
        self.failed += other.failed;
    }
}

/// What the workers share.
struct Shared<'a> {
    tracer: &'a Tracer,
    root: &'a Path,
    files: &'a [Found],
    /// The span that the workers' spans stand under: they are on other threads, where it is not current.
    parent: SpanContext,
    next: AtomicUsize,
    deadline: Instant,
}

impl Shared<'_> {
    /// Takes one file after the other until none is left.
    fn work(&self, worker: &str) -> Index {
        let mut index = Index::default();
        while Instant::now() < self.deadline {
            let Some(file) = self.files.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            match self.file(file, worker) {
                Ok(terms) => index.terms.add(terms),
                // Recorded on its span; the others are indexed all the same.
                Err(_) => index.failed += 1,
            }
        }
        index
    }

    fn file(&self, file: &Found, worker: &str) -> Result<Terms, FileError> {
        let under = SpanOptions::new().parent(&self.parent);
        let span = self.tracer.span_with("index file", under);
        span.set_attribute("file.path", &*file.path.to_string_lossy())
            .set_attribute("file.size", file.bytes);
        let terms = read(self.tracer, &self.root.join(&file.path), file.bytes)
            .map_err(FileError::Unreadable)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.utf8_error().into()))
            .map(|text| count(self.tracer, &text));
        match &terms {
            Ok(terms) => span.set_attribute("words", terms.words),
            Err(error) => span.record_error(error),
        };
        span.set_attribute("thread.name", worker);
        terms
    }
}

/// Reads a file up to the length that it had when it was found: some grow without end.
#[trace("read", tracer = tracer, err = false)]
fn read(tracer: &Tracer, path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length as usize);
    File::open(path)?.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[trace("count words", tracer = tracer)]
fn count(tracer: &Tracer, text: &str) -> Terms {
    Terms::of(text)
}

/// Why a file is not in the index.
#[derive(Debug)]
enum FileError {
    Unreadable(io::Error),
    NoText(Utf8Error),
}

impl From<Utf8Error> for FileError {
    fn from(error: Utf8Error) -> Self {
        Self::NoText(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::NoText(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scratch::Scratch;
    use codomyrmex_tracing::InMemoryExporter;

    fn found(paths: &[&str]) -> Vec<Found> {
        let found = |path: &&str| Found {
            path: path.into(),
            bytes: 100,
        };
        paths.iter().map(found).collect()
    }

    #[test]
    fn files_are_counted_and_failures_recorded() {
        let scratch = Scratch::new("index");
        scratch.write("a.txt", b"a span and a span");
        scratch.write("b.txt", b"span \xff");
        let spans = InMemoryExporter::new();
        let tracer = Tracer::builder("test").exporter(spans.clone()).build();

        let index = index(
            &tracer,
            scratch.path(),
            &found(&["a.txt", "b.txt", "c.txt"]),
        );

        tracer.flush();
        assert_eq!((index.failed, index.left), (2, 0));
        assert_eq!((index.terms.files, index.terms.words), (1, 2));
        let of_file = |path: &str| {
            let spans = spans.spans();
            let is_path = |value: &codomyrmex_tracing::Value| value.as_str() == Some(path);
            let span = spans
                .iter()
                .find(|span| span.attribute("file.path").is_some_and(is_path));
            span.map(|span| span.status_message.clone())
        };
        assert_eq!(of_file("a.txt").as_deref(), Some(""));
        let invalid = "invalid utf-8 sequence of 1 bytes from index 5";
        assert_eq!(of_file("b.txt").as_deref(), Some(invalid));
        assert!(of_file("c.txt").is_some_and(|message| message.contains("No such file")));
        assert_eq!(spans.spans().len(), 1 + 3 + 3 + 1);
    }
}
