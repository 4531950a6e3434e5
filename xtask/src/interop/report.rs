//! What was verified, as a table for the terminal and as a document.

use std::collections::BTreeMap;

use super::checks::{Outcome, Row};

/// A line each check.
pub(crate) fn table(rows: &[Row]) -> String {
    let width = |text: fn(&Row) -> &str| {
        rows.iter()
            .map(|row| text(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (backend, way) = (width(|row| &row.backend), width(|row| &row.way));
    rows.iter()
        .map(|row| {
            let outcome = match &row.outcome {
                Outcome::Verified => "verified".to_owned(),
                Outcome::Skipped(reason) => format!("SKIPPED: {reason}"),
                Outcome::Failed(message) => format!("FAILED: {message}"),
            };
            format!(
                "{:backend$}  {:way$}  {:6}  {outcome}\n",
                row.backend, row.way, row.sender
            )
        })
        .collect()
}

/// The same for `interop/RESULTS.md`; the senders of one way share a line.
pub(crate) fn document(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Real backends\n\n\
         Written by `cargo xtask interop`: the trace of `trace.json` (all kinds, parents, attributes of all types, arrays, bytes, events,\n\
         links, status, custom times, a span with the program's own clock) goes through the SDK to each backend, and is read back through the\n\
         backend's own query interface. *Verified* means that all of it was equal; what a backend does not keep is not compared.\n\
         Times in Python are seconds in a double, so they are compared to half a microsecond, and to one where a backend counts microseconds.\n\
         A span of no duration is a nanosecond long in Jaeger, and a microsecond in Zipkin.\n\n\
         | backend | way | Rust | Python | compared |\n|---|---|---|---|---|\n",
    );
    let mut order = Vec::new();
    let mut lines: BTreeMap<(&str, &str), BTreeMap<&str, &Row>> = BTreeMap::new();
    for row in rows {
        let line = (row.backend.as_str(), row.way.as_str());
        if !order.contains(&line) {
            order.push(line);
        }
        lines.entry(line).or_default().insert(row.sender, row);
    }
    for line in order {
        let senders = &lines[&line];
        let cell = |sender: &str| {
            senders
                .get(sender)
                .or_else(|| senders.get(""))
                .map_or("–", |row| match row.outcome {
                    Outcome::Verified => "verified",
                    Outcome::Skipped(_) => "not verified",
                    Outcome::Failed(_) => "**failed**",
                })
        };
        let compared = senders
            .values()
            .map(|row| row.compared.as_str())
            .next()
            .unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {compared} |\n",
            line.0,
            line.1,
            cell("Rust"),
            cell("Python")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(sender: &'static str, outcome: Outcome) -> Row {
        Row {
            backend: "Jaeger 1".to_owned(),
            way: "OTLP grpc".to_owned(),
            sender,
            compared: "ids".to_owned(),
            outcome,
        }
    }

    #[test]
    fn senders_share_a_line_and_nothing_is_claimed_of_what_was_skipped() {
        let rows = [
            row("Rust", Outcome::Verified),
            row("Python", Outcome::Skipped("no wheel".to_owned())),
        ];
        let text = document(&rows);
        assert!(
            text.ends_with("| Jaeger 1 | OTLP grpc | verified | not verified | ids |\n"),
            "{text}"
        );
        assert!(table(&rows).contains("SKIPPED: no wheel"));
    }

    #[test]
    fn a_failure_is_told() {
        let rows = [row("Rust", Outcome::Failed("span a is missing".to_owned()))];
        assert!(table(&rows).contains("FAILED: span a is missing"));
        assert!(document(&rows).contains("**failed** | – |"));
    }
}
