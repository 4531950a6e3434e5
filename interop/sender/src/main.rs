//! Records the trace that a file describes with the SDK, sends it, and prints what was sent:
//!
//! ```text
//! base 1700000000000000000
//! span 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 - 1700000000000000000 1700000000250000000 POST /checkout
//! exported 6
//! ```
//!
//! `base` is the file's time 0; a `span` line has ids, parent or `-`, start, end and name. The exit code is 0 only if all
//! of it was exported.

#![forbid(unsafe_code)]

mod arguments;
mod exporter;
mod record;

use std::process::ExitCode;
use std::time::Duration;

use codomyrmex_core::{FinishedSpan, InMemoryExporter, Tracer, diagnostics};

use arguments::Arguments;

/// The longest that sending may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::parse(&arguments).and_then(|arguments| send(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn send(arguments: &Arguments) -> Result<(), String> {
    diagnostics::set_hook(|_, message| eprintln!("{message}"));
    let text = std::fs::read_to_string(&arguments.trace)
        .map_err(|error| format!("{}: {error}", arguments.trace.display()))?;
    let trace: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| format!("{}: {error}", arguments.trace.display()))?;
    let kept = InMemoryExporter::new();
    let tracer = Tracer::builder(arguments.service.as_str())
        .resource(record::resource(&trace)?)
        .exporter(kept.clone())
        .boxed_exporter(exporter::build(arguments)?)
        .build();
    let base = record::record(&tracer, &trace, arguments.traceparent.as_deref())?;
    let flushed = tracer.shutdown_within(PATIENCE);
    println!("base {base}");
    for span in &kept.spans() {
        println!("{}", line(span));
    }
    let stats = tracer.stats();
    let sent = stats
        .exporters
        .iter()
        .find(|exporter| exporter.name != "in_memory")
        .ok_or("there is no exporter")?;
    println!("exported {}", sent.exported);
    if flushed.is_done() && sent.exported == stats.recorded && stats.balanced() {
        Ok(())
    } else {
        Err(stats.to_string())
    }
}

fn line(span: &FinishedSpan) -> String {
    let parent = span
        .context
        .parent_span_id
        .map_or_else(|| "-".to_owned(), |id| id.to_string());
    format!(
        "span {} {} {parent} {} {} {}",
        span.context.trace_id, span.context.span_id, span.start_ns, span.end_ns, span.name
    )
}
