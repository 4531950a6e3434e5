//! Everything that Zipkin has no place of its own for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use codomyrmex_wire::{Attributes, ResourceSpansView, ScopeSpansView, SpanView, ValueView};

use crate::object::Object;
use crate::value::text;

/// What all spans of one scope have in common.
pub(crate) struct Shared<'a> {
    tags: BTreeMap<Cow<'a, str>, String>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(resource: &ResourceSpansView<'a>, scope: &ScopeSpansView<'a>) -> Self {
        let mut tags = BTreeMap::new();
        for (key, value) in resource.attributes() {
            // It stands in the local endpoint.
            if key != "service.name" {
                tags.insert(key, text(&value));
            }
        }
        // The SDK's books are for receivers of OTLP.
        let of_scope = scope
            .attributes()
            .filter(|(key, _)| !key.starts_with("codomyrmex."));
        tags.extend(of_scope.map(|(key, value)| (key, text(&value))));
        for (keys, value) in [
            (["otel.scope.name", "otel.library.name"], scope.name()),
            (
                ["otel.scope.version", "otel.library.version"],
                scope.version(),
            ),
        ] {
            if !value.is_empty() {
                for key in keys {
                    tags.insert(key.into(), value.clone().into_owned());
                }
            }
        }
        Self { tags }
    }

    /// Writes the tags of one span as a member, where there are some.
    pub(crate) fn write(&self, span: &SpanView<'_>, of: &mut Object<'_>) {
        let mut own = attributes(span.attributes());
        status(span, &mut own);
        for (key, count) in [
            ("otel.dropped_attributes_count", span.dropped_attributes()),
            ("otel.dropped_events_count", span.dropped_events()),
            ("otel.dropped_links_count", span.dropped_links()),
        ] {
            if count > 0 {
                own.insert(key.into(), count.to_string());
            }
        }
        let shared = self
            .tags
            .iter()
            .filter(|(key, _)| !own.contains_key(key.as_ref()));
        let mut all = shared.chain(&own).peekable();
        if all.peek().is_none() {
            return;
        }
        let mut tags = Object::begin(of.member("tags"));
        for (key, value) in all {
            tags.text(key, value);
        }
        tags.end();
    }
}

fn attributes<'a>(attributes: Attributes<'a>) -> BTreeMap<Cow<'a, str>, String> {
    attributes
        // Zipkin takes a span with any value of `error` for one that failed.
        .filter(|(key, value)| key != "error" || !is_false(value))
        .map(|(key, value)| (key, text(&value)))
        .collect()
}

fn is_false(value: &ValueView<'_>) -> bool {
    match value {
        ValueView::Bool(value) => !value,
        ValueView::Str(text) => text.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn status(span: &SpanView<'_>, tags: &mut BTreeMap<Cow<'_, str>, String>) {
    let code = match span.status_code() {
        1 => "OK",
        2 => "ERROR",
        _ => return,
    };
    tags.insert("otel.status_code".into(), code.to_owned());
    if code == "ERROR" {
        tags.insert("error".into(), span.status_message().into_owned());
    }
}
