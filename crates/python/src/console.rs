//! What ConsoleExporter prints, as text; Python writes it to its standard output.

use codomyrmex_core::{FinishedSpan, Limits, drawn};
use pyo3::prelude::*;

use crate::finished::{Shown, finished};
use crate::settings;
use crate::span::SpanObject;

/// The spans as they are shown, by the rules of each one's tracer, or the environment's for a span made by hand.
fn read(spans: &Bound<'_, PyAny>) -> PyResult<Vec<FinishedSpan>> {
    let mut read = Vec::new();
    for span in spans.try_iter()? {
        let span = span?;
        let rules = SpanObject::of(&span)
            .and_then(SpanObject::tracer)
            .map(|tracer| tracer.engine().rules());
        let shown = match rules {
            Some(rules) => Shown {
                redact: &rules.redact,
                limits: &rules.limits,
                rules: Some(rules),
            },
            None => Shown {
                redact: settings::default_redact(),
                limits: &Limits::DEFAULT,
                rules: None,
            },
        };
        read.push(finished(&span, Some(&shown))?);
    }
    Ok(read)
}

/// The spans as they are drawn: one without an end has no length.
fn read_to_draw(spans: &Bound<'_, PyAny>) -> PyResult<Vec<FinishedSpan>> {
    let mut read = read(spans)?;
    for span in &mut read {
        if span.end_ns == 0 {
            span.end_ns = span.start_ns;
        }
    }
    Ok(read)
}

/// Spans as JSON, indented or a line each, with a line break behind each.
#[pyfunction]
pub(crate) fn json_text(spans: &Bound<'_, PyAny>, pretty: bool) -> PyResult<String> {
    let mut text = String::new();
    for span in read(spans)? {
        text += &if pretty {
            span.to_json_pretty()
        } else {
            span.to_json()
        };
        text.push('\n');
    }
    Ok(text)
}

/// Spans as a drawn tree.
#[pyfunction]
#[pyo3(signature = (spans, width = 80, color = false))]
pub(crate) fn tree_text(spans: &Bound<'_, PyAny>, width: usize, color: bool) -> PyResult<String> {
    let style = codomyrmex_draw::Style {
        width,
        color,
        ..codomyrmex_draw::Style::default()
    };
    Ok(codomyrmex_draw::tree(&drawn(&read_to_draw(spans)?), &style))
}

/// Spans as a drawing without times, for tests, with the values of some attributes.
#[pyfunction]
#[pyo3(signature = (spans, attributes = Vec::new()))]
pub(crate) fn shape_text(spans: &Bound<'_, PyAny>, attributes: Vec<String>) -> PyResult<String> {
    let names: Vec<&str> = attributes.iter().map(String::as_str).collect();
    Ok(codomyrmex_draw::shape(
        &drawn(&read_to_draw(spans)?),
        &names,
    ))
}
