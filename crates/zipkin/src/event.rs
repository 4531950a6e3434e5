//! Events as annotations.

use codomyrmex_wire::EventView;

use crate::object::Object;
use crate::span::micros;
use crate::value::write_json;

/// Appends one annotation.
pub(crate) fn write_annotation(event: &EventView<'_>, out: &mut String) {
    let mut annotation = Object::begin(out);
    annotation.number("timestamp", micros(event.time_ns()));
    annotation.text("value", &called(event));
    annotation.end();
}

/// An annotation is one text: the event's name, with its attributes behind it where it has some.
fn called(event: &EventView<'_>) -> String {
    let dropped = event.dropped_attributes();
    if event.attributes().next().is_none() && dropped == 0 {
        return event.name().into_owned();
    }
    let mut text = String::new();
    codomyrmex_wire::json::write_text(&event.name(), &mut text);
    text.push(':');
    let mut attributes = Object::begin(&mut text);
    for (key, value) in event.attributes() {
        write_json(&value, attributes.member(&key));
    }
    if dropped > 0 {
        attributes.number("otel.dropped_attributes_count", dropped.into());
    }
    attributes.end();
    text
}
