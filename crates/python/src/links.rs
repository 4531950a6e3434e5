//! Links of a span to other spans: a list of pairs of SpanContext and dict.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::events;
use crate::inherit;
use crate::span::SpanObject;
use crate::span_context::SpanContext;

/// Adds a link to a Span or a SpanContext; anything else is ignored.
pub(crate) fn add(
    span: &SpanObject,
    to: &Bound<'_, PyAny>,
    attributes: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if !events::takes(span) {
        return Ok(());
    }
    let py = to.py();
    let to = match SpanObject::of(to) {
        Some(other) => inherit::context(py, other)?,
        None if to.is_instance_of::<SpanContext>() => to.clone(),
        None => {
            crate::attributes::ignored(span);
            return Ok(());
        }
    };
    let limits = span.tracer().map(|tracer| tracer.limits());
    let list = list(py, span)?;
    if limits.is_some_and(|limits| list.len() >= limits.links as usize) {
        let count = &span.make_rare().dropped_links;
        count.set(count.get().saturating_add(1));
        return Ok(());
    }
    let most = limits.map_or(usize::MAX, |limits| limits.attributes_per_link as usize);
    let (attributes, over) = events::own_attributes(attributes, most);
    events::count_dropped(span, over);
    list.append((to, attributes.unwrap_or_else(|| PyDict::new(py))))
}

/// Adds every link of an iterable: Spans, SpanContexts, or pairs of one of them and attributes.
pub(crate) fn add_all(span: &Bound<'_, PyAny>, links: &Bound<'_, PyAny>) {
    let object = SpanObject::borrow(span);
    let Ok(links) = links.try_iter() else {
        return crate::attributes::ignored(object);
    };
    for link in links {
        let added = link.and_then(|link| match link.cast::<PyTuple>() {
            Ok(pair) => add(object, &pair.get_item(0)?, pair.get_item(1).ok().as_ref()),
            Err(_) => add(object, &link, None),
        });
        if added.is_err() {
            return crate::attributes::ignored(object);
        }
    }
}

/// The list of links, made now if there was none.
pub(crate) fn list<'py>(py: Python<'py>, span: &SpanObject) -> PyResult<Bound<'py, PyList>> {
    let rare = span.make_rare();
    if let Some(list) = rare.links.get(py) {
        return Ok(list.cast_into()?);
    }
    let list = PyList::empty(py);
    rare.links.store(list.clone().into_any());
    Ok(list)
}
