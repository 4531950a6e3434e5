//! What ConsoleExporter prints, as text; Python writes it to its standard output.

use codomyrmex_core::{FinishedSpan, drawn};
use pyo3::prelude::*;

use crate::finished::{Secrets, finished};
use crate::settings;
use crate::span::SpanObject;

/// The spans without their secrets, by the rules of each one's tracer, or the environment's for a span made by hand.
fn read(spans: &Bound<'_, PyAny>) -> PyResult<Vec<FinishedSpan>> {
    let mut read = Vec::new();
    for span in spans.try_iter()? {
        let span = span?;
        read.push(match SpanObject::of(&span).and_then(SpanObject::tracer) {
            Some(tracer) => {
                let rules = tracer.engine().rules();
                finished(
                    &span,
                    Some(&Secrets {
                        redact: &rules.redact,
                        count: &|| rules.count_redacted(),
                    }),
                )
            }
            None => finished(
                &span,
                Some(&Secrets {
                    redact: settings::default_redact(),
                    count: &|| {},
                }),
            ),
        }?);
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
    Ok(codomyrmex_draw::tree(&drawn(&read(spans)?), &style))
}

/// Spans as a drawing without times, for tests, with the values of some attributes.
#[pyfunction]
#[pyo3(signature = (spans, attributes = Vec::new()))]
pub(crate) fn shape_text(spans: &Bound<'_, PyAny>, attributes: Vec<String>) -> PyResult<String> {
    let names: Vec<&str> = attributes.iter().map(String::as_str).collect();
    Ok(codomyrmex_draw::shape(&drawn(&read(spans)?), &names))
}
