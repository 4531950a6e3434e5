//! What became of the spans of a process.

use std::fmt;
use std::str::FromStr;

use codomyrmex_tracing::{Stats, Tracer};

/// Spans that one process started, and where they are, after it has ended its work and flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) started: u64,
    pub(crate) exported: u64,
    pub(crate) dropped: u64,
    /// The tracer's own account of every span adds up, and none is open or on its way.
    pub(crate) balanced: bool,
}

impl Books {
    /// Flushes the tracer and takes stock of it.
    pub(crate) fn close(tracer: &Tracer) -> Self {
        tracer.flush();
        Self::of(&tracer.stats())
    }

    fn of(stats: &Stats) -> Self {
        let exporters = stats.exporters.iter();
        Self {
            started: stats.started,
            exported: exporters.clone().map(|books| books.exported).sum(),
            dropped: exporters.clone().map(|books| books.dropped.total()).sum(),
            balanced: stats.balanced()
                && stats.open == 0
                && exporters.map(|books| books.queued).sum::<u64>() == 0,
        }
    }

    /// Whether every span that started was exported.
    pub(crate) fn complete(&self) -> bool {
        self.balanced && self.dropped == 0 && self.started == self.exported
    }

    /// Those of two processes together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            exported: self.exported + other.exported,
            dropped: self.dropped + other.dropped,
            balanced: self.balanced && other.balanced,
        }
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            started,
            exported,
            dropped,
            balanced,
        } = self;
        write!(f, "{started} {exported} {dropped} {balanced}")
    }
}

impl FromStr for Books {
    type Err = InvalidBooks;

    fn from_str(line: &str) -> Result<Self, InvalidBooks> {
        let fields: Vec<_> = line.split(' ').collect();
        let [started, exported, dropped, balanced] = fields[..] else {
            return Err(InvalidBooks);
        };
        let number = |field: &str| field.parse().map_err(|_| InvalidBooks);
        Ok(Self {
            started: number(started)?,
            exported: number(exported)?,
            dropped: number(dropped)?,
            balanced: balanced.parse().map_err(|_| InvalidBooks)?,
        })
    }
}

/// The line holds no books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidBooks;

impl fmt::Display for InvalidBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of books was expected")
    }
}

impl std::error::Error for InvalidBooks {}

#[cfg(test)]
mod tests {
    use super::*;
    use codomyrmex_tracing::{Dropped, ExporterStats};

    fn stats(exported: u64, queue_full: u64, queued: u64) -> Stats {
        let recorded = exported + queue_full + queued;
        Stats {
            started: recorded,
            recorded,
            exporters: vec![ExporterStats {
                name: "collected".to_owned(),
                exported,
                dropped: Dropped {
                    queue_full,
                    ..Dropped::default()
                },
                queued,
                ..ExporterStats::default()
            }],
            ..Stats::default()
        }
    }

    #[test]
    fn only_books_without_loss_are_complete() {
        assert!(Books::of(&stats(3, 0, 0)).complete());
        assert!(!Books::of(&stats(2, 1, 0)).complete());
        assert!(!Books::of(&stats(2, 0, 1)).complete());
        let open = Stats {
            started: 4,
            open: 1,
            ..stats(3, 0, 0)
        };
        assert!(open.balanced() && !Books::of(&open).complete());
        let lost = Stats {
            started: 4,
            ..stats(3, 0, 0)
        };
        assert!(!Books::of(&lost).complete());
    }

    #[test]
    fn books_survive_the_journey() {
        let books = Books::of(&stats(2, 1, 0));
        assert_eq!(books.to_string().parse(), Ok(books));
        for line in ["", "1 2 3", "1 2 3 true 4", "1 2 x true", "1 2 3 yes"] {
            assert_eq!(line.parse::<Books>(), Err(InvalidBooks), "{line}");
        }
    }

    #[test]
    fn two_are_complete_if_both_are() {
        let (good, bad) = (Books::of(&stats(2, 0, 0)), Books::of(&stats(1, 1, 0)));
        assert!(good.with(good).complete());
        assert!(!good.with(bad).complete());
        assert_eq!(good.with(bad).started, 4);
    }
}
