//! What the demo says.

use std::collections::HashSet;
use std::path::PathBuf;

use codomyrmex_draw::{DrawnSpan, Style, escape};
use codomyrmex_tracing::{FinishedSpan, drawn};

use crate::demo::books::Books;
use crate::demo::cost::{self, Cost};

/// What came of the work itself.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) directory: PathBuf,
    pub(crate) files: u64,
    pub(crate) failed: usize,
    pub(crate) bytes: u64,
    pub(crate) words: u64,
    /// Different words.
    pub(crate) terms: usize,
    /// The most telling words.
    pub(crate) telling: Vec<String>,
}

/// All there is to say.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) summary: Summary,
    /// Of both processes.
    pub(crate) spans: Vec<FinishedSpan>,
    /// Of both processes, with their names.
    pub(crate) books: [(&'static str, Books); 2],
    pub(crate) cost: Cost,
}

impl Report {
    /// Whether the books of both processes balance without loss, and the spans that they speak of are here, in one
    /// trace.
    pub(crate) fn is_complete(&self) -> bool {
        self.problems().is_empty()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (service, books) in &self.books {
            if !books.complete() {
                let Books {
                    started,
                    exported,
                    dropped,
                    ..
                } = books;
                problems.push(format!(
                    "The books of {service} do not balance: started {started}, exported {exported}, dropped {dropped}."
                ));
            }
        }
        let exported = self.total().exported;
        if exported != self.spans.len() as u64 {
            let here = self.spans.len();
            problems.push(format!(
                "{exported} spans were exported, but {here} arrived."
            ));
        }
        let traces: HashSet<_> = self
            .spans
            .iter()
            .map(|span| span.context.trace_id)
            .collect();
        if traces.len() != 1 {
            problems.push(format!("The spans are of {} traces.", traces.len()));
        }
        problems
    }

    fn total(&self) -> Books {
        let [(_, first), (_, second)] = self.books;
        first.with(second)
    }

    /// The whole report.
    pub(crate) fn draw(&self, style: &Style) -> String {
        let mut out = String::new();
        out += &codomyrmex_draw::tree(&self.drawn(), style);
        let paragraphs = [self.found(), self.accounts(), self.price()];
        for paragraph in paragraphs {
            out.push('\n');
            for line in paragraph {
                out += &wrapped(&line, style.width);
            }
        }
        out
    }

    /// The spans as they are drawn: without the names of functions, for the spans are named already.
    fn drawn(&self) -> Vec<DrawnSpan> {
        let mut spans = drawn(&self.spans);
        for span in &mut spans {
            span.attributes.retain(|(key, _)| key != "function.name");
        }
        spans
    }

    fn found(&self) -> Vec<String> {
        let Summary {
            directory,
            files,
            failed,
            bytes,
            words,
            terms,
            telling,
        } = &self.summary;
        let directory = escape(&directory.to_string_lossy()).into_owned();
        let files = match files {
            0 => "no text file".to_owned(),
            1 => "1 text file".to_owned(),
            files => format!("{} text files", grouped(*files)),
        };
        let mut lines = vec![format!(
            "Indexed {files} ({}) below {directory}: {} words, {} of them different.",
            size(*bytes),
            grouped(*words),
            grouped(*terms as u64),
        )];
        if *failed > 0 {
            let failed = grouped(*failed as u64);
            lines.push(format!("Could not be read as text: {failed}, see ✗ above."));
        }
        if !telling.is_empty() {
            lines.push(format!("Most telling: {}.", telling.join(", ")));
        }
        lines
    }

    fn accounts(&self) -> Vec<String> {
        let total = self.total();
        let mut lines = vec![
            format!("started {}", total.started),
            format!("exported {}", total.exported),
            format!("dropped {}", total.dropped),
        ];
        let problems = self.problems();
        if problems.is_empty() {
            let of = |(service, books): &(&str, Books)| format!("{service} {}", books.started);
            let each: Vec<_> = self.books.iter().map(of).collect();
            lines.push(format!(
                "The books of both processes balance: {}.",
                each.join(", ")
            ));
        }
        lines.extend(problems);
        lines
    }

    fn price(&self) -> Vec<String> {
        let Cost {
            clock,
            empty,
            with_attributes,
            lossless,
        } = self.cost;
        let mut lines = vec![
            format!(
                "cost per span {empty:.1} ns, {:.2} × two clock readings ({clock:.1} ns)",
                empty / clock
            ),
            format!(
                "with 3 attributes {with_attributes:.1} ns, {:.2} ×",
                with_attributes / clock
            ),
            format!(
                "Child spans on one thread, from start to encoded bytes; medians of {} rounds of {}.",
                cost::ROUNDS,
                grouped(cost::REPETITIONS.into()),
            ),
        ];
        if cfg!(debug_assertions) {
            lines.push("This is a debug build: with --release they cost far less.".to_owned());
        }
        if !lossless {
            lines.push(
                "Some of the spans measured were dropped: these figures are too low.".to_owned(),
            );
        }
        lines
    }
}

/// The text in lines of at most `width` columns (if its words allow), each with a newline.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut columns = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > width {
            out.push('\n');
            columns = 0;
        } else if columns > 0 {
            out.push(' ');
            columns += 1;
        }
        out += word;
        columns += length;
    }
    out.push('\n');
    out
}

/// With a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in decimal units, three digits.
fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["bytes", "kB", "MB", "GB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if size < 999.5 {
            break;
        }
        size /= 1000.0;
        unit = larger;
    }
    let digits = match size {
        _ if unit == "bytes" => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{size:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::collected::{self, Collected};
    use codomyrmex_tracing::Tracer;

    /// A report of one span of each service, whose books say `exported` each.
    fn report(exported: u64) -> Report {
        let collected = Collected::default();
        let tracer = |service| Tracer::builder(service).exporter(collected.clone()).build();
        let (first, second) = (tracer("indexer"), tracer("ranker"));
        {
            let _outer = first.span("outer");
            second.span("inner").finish();
        }
        first.flush();
        second.flush();
        let books = Books {
            started: 1,
            exported,
            dropped: 1 - exported,
            balanced: true,
        };
        Report {
            summary: Summary {
                directory: "some\u{202e}where".into(),
                files: 1_234,
                failed: 2,
                bytes: 5_000,
                words: 6_000,
                terms: 700,
                telling: vec!["span".to_owned(), "tree".to_owned()],
            },
            spans: collected::spans(&collected.request()).unwrap(),
            books: [("indexer", books), ("ranker", books)],
            cost: Cost {
                clock: 20.0,
                empty: 24.0,
                with_attributes: 30.0,
                lossless: true,
            },
        }
    }

    #[test]
    fn a_report_says_what_came_of_it() {
        let report = report(1);
        assert!(report.is_complete());
        let drawn = report.draw(&Style::default());
        let (_, said) = drawn.split_once("\n\nIndexed ").unwrap();
        let (said, cost) = said.split_once("cost per span ").unwrap();
        assert_eq!(
            said,
            "\
1,234 text files (5.00 kB) below some\\u{202e}where: 6,000 words, 700 of
them different.
Could not be read as text: 2, see ✗ above.
Most telling: span, tree.

started 2
exported 2
dropped 0
The books of both processes balance: indexer 1, ranker 1.

"
        );
        let expected =
            "24.0 ns, 1.20 × two clock readings (20.0 ns)\nwith 3 attributes 30.0 ns, 1.50 ×\n";
        assert!(cost.starts_with(expected), "{cost}");
    }

    #[test]
    fn lost_spans_are_a_problem() {
        let dropped = report(0);
        assert!(!dropped.is_complete());
        let drawn = dropped.draw(&Style {
            width: 120,
            ..Style::default()
        });
        assert!(drawn.contains("\ndropped 2\n"));
        let said = "\nThe books of ranker do not balance: started 1, exported 0, dropped 1.\n";
        assert!(drawn.contains(said), "{drawn}");
        assert!(!drawn.contains("processes balance"), "{drawn}");

        let mut missing = report(1);
        missing.spans.pop();
        assert_eq!(
            missing.problems(),
            ["2 spans were exported, but 1 arrived."]
        );
    }

    #[test]
    fn a_second_trace_is_a_problem() {
        let mut report = report(1);
        report.spans[1].context.trace_id = "0123456789abcdef0123456789abcdef".parse().unwrap();
        assert_eq!(report.problems(), ["The spans are of 2 traces."]);
    }

    #[test]
    fn figures_that_are_too_low_are_not_passed_off() {
        let mut report = report(1);
        report.cost.lossless = false;
        assert!(report.price().concat().contains("too low"));
    }

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 12, 123, 1_234, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }

    #[test]
    fn sizes_have_three_digits() {
        let shown = [0, 999, 1_000, 12_345, 999_600, 1_940_000, 33_554_432].map(size);
        assert_eq!(
            shown,
            [
                "0 bytes",
                "999 bytes",
                "1.00 kB",
                "12.3 kB",
                "1.00 MB",
                "1.94 MB",
                "33.6 MB"
            ]
        );
    }

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree\n");
        assert_eq!(wrapped("unbreakable", 4), "unbreakable\n");
        assert_eq!(wrapped("a unbreakable b", 4), "a\nunbreakable\nb\n");
    }
}
