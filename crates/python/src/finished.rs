//! A Span object as the engine's own value: what the console prints and draws.

use std::sync::Arc;

use codomyrmex_core::binding::Rules;
use codomyrmex_core::{
    FinishedEvent, FinishedSpan, Limits, Redact, SpanContext as Core, SpanKind, SpanStatus, Value,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::events;
use crate::span::SpanObject;
use crate::span_context::SpanContext;
use crate::times;

/// How a span is shown to people: without its secrets, no longer than its limits, and no value so long that it hides the rest.
pub(crate) struct Shown<'a> {
    pub(crate) redact: &'a Redact,
    pub(crate) limits: &'a Limits,
    /// Where it is counted what was left out; nowhere for a span made by hand.
    pub(crate) rules: Option<&'a Rules>,
}

/// So many bytes of one text are shown.
const LONGEST: usize = 64 << 10;

type Attributes = Vec<(String, Value)>;

/// Reads a span, of a tracer or made by hand; to be shown, or whole.
pub(crate) fn finished(
    span: &Bound<'_, PyAny>,
    shown: Option<&Shown<'_>>,
) -> PyResult<FinishedSpan> {
    let py = span.py();
    let Some(object) = SpanObject::of(span) else {
        return Err(pyo3::exceptions::PyTypeError::new_err(
            "exporters take Span objects",
        ));
    };
    let context = match span.getattr("context")?.cast::<SpanContext>() {
        Ok(context) => context.borrow().to_core(py),
        Err(_) => Core::from_text("", "", None),
    };
    let mut attributes = match span.getattr("attributes")?.cast::<PyDict>() {
        Ok(dict) => convert::attributes(dict),
        Err(_) => Attributes::new(),
    };
    if let Some(shown) = shown {
        // `service.name` stands in every tracer's dict and does not count.
        let own = usize::from(!object.tracer.is_empty());
        let most = shown.limits.attributes as usize;
        shown.clean(&mut attributes, most.saturating_add(own));
    }
    let service = attributes
        .iter()
        .find(|(key, _)| key == "service.name")
        .and_then(|(_, value)| value.as_str());
    let service_name: Arc<str> = service.unwrap_or_default().into();
    let mut read = Vec::new();
    if let Ok(list) = span.getattr("events")?.try_iter() {
        // Somebody may have assigned what never ends.
        for event in list.take(events::most(object)).flatten() {
            read.push(read_event(&event, shown));
        }
    }
    let text = |name: &str| -> PyResult<String> {
        let mut text = convert::text(&span.getattr(name)?);
        if let Some(shown) = shown {
            shown.cut(&mut text);
        }
        Ok(text)
    };
    Ok(FinishedSpan {
        name: text("name")?,
        context,
        kind: SpanKind::from_otlp(object.kind.get()),
        status: SpanStatus::from_otlp(object.status.get()),
        status_message: text("status_message")?,
        start_ns: times::start_ns(object),
        end_ns: times::end_ns(object).unwrap_or(0),
        service_name,
        attributes,
        events: read,
        links: Vec::new(),
    })
}

fn read_event(event: &Bound<'_, PyAny>, shown: Option<&Shown<'_>>) -> FinishedEvent {
    let get = |key: &str| event.get_item(key).ok();
    let mut attributes = match get("attributes").map(|attributes| attributes.cast_into::<PyDict>())
    {
        Some(Ok(dict)) => convert::attributes(&dict),
        _ => Attributes::new(),
    };
    let mut name = get("name").map_or_else(String::new, |name| convert::text(&name));
    if let Some(shown) = shown {
        shown.clean(&mut attributes, shown.limits.attributes_per_event as usize);
        shown.cut(&mut name);
    }
    FinishedEvent {
        name,
        time_ns: get("timestamp")
            .and_then(|time| convert::time_ns(&time))
            .unwrap_or(0),
        attributes,
    }
}

impl Shown<'_> {
    fn clean(&self, attributes: &mut Attributes, most: usize) {
        let over = attributes.len().saturating_sub(most);
        if over > 0 {
            attributes.truncate(most);
            self.count(|rules| rules.count_over_limit(over as u64));
        }
        for (key, value) in attributes {
            if self.redact.is_on() {
                for _ in 0..self.redact.clean(key, value) {
                    self.count(Rules::count_redacted);
                }
            }
            self.cut(key);
            if self.shorten(value, &mut { LONGEST }) {
                self.count(Rules::count_truncated);
            }
        }
    }

    /// Leaves so many bytes in all texts and bytes of a value, and gives whether anything had to go.
    fn shorten(&self, value: &mut Value, left: &mut usize) -> bool {
        *left = left.saturating_sub(1);
        match value {
            Value::Str(text) => {
                let short = shorten(text, self.limits.value_length(), *left);
                *left = left.saturating_sub(text.len());
                short
            }
            Value::Bytes(bytes) => {
                let short = bytes.len() > *left;
                bytes.truncate(*left);
                *left -= bytes.len();
                short
            }
            Value::Array(items) => {
                let mut short = false;
                let mut kept = 0;
                for item in items.iter_mut() {
                    if *left == 0 {
                        break;
                    }
                    short |= self.shorten(item, left);
                    kept += 1;
                }
                short |= kept < items.len();
                items.truncate(kept);
                short
            }
            Value::Map(pairs) => {
                let mut short = false;
                let mut kept = 0;
                for (key, value) in pairs.iter_mut() {
                    if *left == 0 {
                        break;
                    }
                    short |= shorten(key, usize::MAX, *left);
                    *left = left.saturating_sub(key.len());
                    short |= self.shorten(value, left);
                    kept += 1;
                }
                short |= kept < pairs.len();
                pairs.truncate(kept);
                short
            }
            _ => false,
        }
    }

    fn cut(&self, text: &mut String) {
        if shorten(text, usize::MAX, LONGEST) {
            self.count(Rules::count_truncated);
        }
    }

    fn count(&self, count: impl FnOnce(&Rules)) {
        if let Some(rules) = self.rules {
            count(rules);
        }
    }
}

/// Leaves at most so many characters and so many bytes of a text, and gives whether any went. Where it was the bytes, the
/// text says so.
fn shorten(text: &mut String, characters: usize, bytes: usize) -> bool {
    let limit = if text.len() > characters {
        text.char_indices().nth(characters).map(|(at, _)| at)
    } else {
        None
    };
    let mut end = limit.unwrap_or(text.len());
    let too_long = end > bytes;
    if too_long {
        end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
    let left_out = text.len() - end;
    text.truncate(end);
    if too_long {
        text.push_str(&format!("… [{left_out} bytes left out]"));
    }
    left_out > 0
}
