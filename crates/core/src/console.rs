//! The exporter that prints finished spans.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use codomyrmex_draw::Style;

use crate::drawing::drawn;
use crate::exporter::{Batch, ExportError, SpanExporter};
use crate::finished::FinishedSpan;

/// Prints spans to standard output, or to any other writer: as indented JSON, as JSON lines, or as drawn trees.
///
/// ```
/// use codomyrmex_core::{ConsoleExporter, Tracer};
/// let tracer = Tracer::builder("shop").exporter(ConsoleExporter::tree()).build();
/// tracer.span("checkout").finish();
/// ```
pub struct ConsoleExporter {
    form: Form,
    out: Mutex<Box<dyn Write + Send>>,
}

#[derive(Clone, Debug)]
enum Form {
    Pretty,
    Compact,
    Tree(Style),
}

impl Default for ConsoleExporter {
    fn default() -> Self {
        Self::new()
    }
}

impl ConsoleExporter {
    fn with(form: Form) -> Self {
        Self {
            form,
            out: Mutex::new(Box::new(io::stdout())),
        }
    }

    /// Indented JSON.
    pub fn new() -> Self {
        Self::with(Form::Pretty)
    }

    /// JSON, one line a span.
    pub fn compact() -> Self {
        Self::with(Form::Compact)
    }

    /// The spans of a batch as a drawn tree, 80 columns wide and without colour.
    pub fn tree() -> Self {
        Self::tree_in(Style::default())
    }

    /// As [`tree`](Self::tree), in a style of one's own.
    pub fn tree_in(style: Style) -> Self {
        Self::with(Form::Tree(style))
    }

    /// Prints to `writer` instead of standard output.
    #[must_use]
    pub fn to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.out = Mutex::new(Box::new(writer));
        self
    }
}

impl SpanExporter for ConsoleExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let service: Arc<str> = batch.service_name().into();
        let spans: Vec<_> = batch
            .spans()
            .map(|view| FinishedSpan::from_view(&view, &service))
            .collect();
        let mut text = String::new();
        match &self.form {
            Form::Pretty => spans
                .iter()
                .for_each(|span| text += &(span.to_json_pretty() + "\n")),
            Form::Compact => spans
                .iter()
                .for_each(|span| text += &(span.to_json() + "\n")),
            Form::Tree(style) => text = codomyrmex_draw::tree(&drawn(&spans), style),
        }
        let mut out = self.out.lock().unwrap_or_else(|e| e.into_inner());
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| ExportError::permanent(format!("standard output: {error}")))
    }

    fn name(&self) -> &str {
        "console"
    }
}

impl fmt::Debug for ConsoleExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleExporter")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
