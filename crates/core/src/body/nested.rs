//! What in a span has attributes of its own: events and links.

use codomyrmex_wire::{self as wire, AttributeValue, Field};

use super::SpanBody;
use crate::context::SpanContext;
use crate::key_facts::{self, Verdict};
use crate::record::{REMOTE, REMOTE_KNOWN};
use crate::rules::Rules;

impl SpanBody {
    /// Adds an event at `time_ns` (nanoseconds since the Unix epoch).
    pub fn add_event(
        &mut self,
        rules: &Rules,
        time_ns: u64,
        name: &str,
        attributes: &[(&str, AttributeValue<'_>)],
    ) {
        self.count();
        if self.events >= rules.limits.events || self.end as usize + name.len() > rules.largest_body
        {
            self.dropped_events += 1;
            return rules.count_dropped();
        }
        self.events += 1;
        let mark = self.grow(|bytes| wire::begin_event(bytes, time_ns, name));
        let dropped = self.push_nested(
            rules,
            Field::Event,
            rules.limits.attributes_per_event,
            attributes,
        );
        self.grow(|bytes| wire::end_event(bytes, mark, dropped));
        self.counted = self.end;
    }

    /// Adds a link to another span.
    pub fn add_link(
        &mut self,
        rules: &Rules,
        to: &SpanContext,
        attributes: &[(&str, AttributeValue<'_>)],
    ) {
        self.count();
        if self.links >= rules.limits.links || self.end as usize > rules.largest_body {
            self.dropped_links += 1;
            return rules.count_dropped();
        }
        self.links += 1;
        let flags =
            u32::from(to.trace_flags()) | REMOTE_KNOWN | if to.is_remote { REMOTE } else { 0 };
        let state = to.trace_state.as_str();
        let mark = self.grow(|bytes| {
            wire::begin_link(
                bytes,
                to.trace_id.to_bytes(),
                to.span_id.to_bytes(),
                state,
                flags,
            )
        });
        let dropped = self.push_nested(
            rules,
            Field::Link,
            rules.limits.attributes_per_link,
            attributes,
        );
        self.grow(|bytes| wire::end_link(bytes, mark, dropped));
        self.counted = self.end;
    }

    fn push_nested(
        &mut self,
        rules: &Rules,
        field: Field,
        most: u32,
        attributes: &[(&str, AttributeValue<'_>)],
    ) -> u32 {
        let mut kept = 0;
        for (at, (key, value)) in attributes.iter().enumerate() {
            // The last value of an equal key wins.
            if attributes[at + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            if kept >= most {
                rules.count_dropped();
                return (attributes.len() - at) as u32;
            }
            kept += 1;
            match if rules.redact.is_on() {
                key_facts::judge(key, &rules.redact)
            } else {
                Verdict::Plain
            } {
                Verdict::Plain if !matches!(value, AttributeValue::Value(_)) => {
                    self.push(rules, field, key, *value)
                }
                verdict => self.push_guarded(rules, field, verdict, key, *value),
            }
        }
        0
    }
}
