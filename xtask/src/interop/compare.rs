//! What a backend shows against what was sent.

use std::collections::BTreeSet;

use super::seen::{Attributes, Event, Seen, Value};

/// What a backend keeps of a span, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keeps {
    /// The finest time in nanoseconds.
    pub(crate) time_ns: u64,
    /// The shortest span; a shorter one is shown as long as this.
    pub(crate) shortest_ns: u64,
    /// Types of attributes; else all are texts.
    pub(crate) types: bool,
    pub(crate) links: bool,
    /// The resource as such; else its attributes stand among the span's.
    pub(crate) resource: bool,
    /// Attributes of events as such; else they stand in the event's name.
    pub(crate) event_attributes: bool,
    /// The status OK; else it is shown as unset.
    pub(crate) status_ok: bool,
    /// Upper case in the names of spans and services.
    pub(crate) upper_case: bool,
}

/// All of it.
pub(crate) const ALL: Keeps = Keeps {
    time_ns: 1,
    shortest_ns: 0,
    types: true,
    links: true,
    resource: true,
    event_attributes: true,
    status_ok: true,
    upper_case: true,
};

impl Keeps {
    /// In words, for the table.
    pub(crate) fn described(&self) -> String {
        let mut words = vec!["ids, parents, names, kinds, events"];
        words.push(if self.status_ok {
            "status"
        } else {
            "status but for OK"
        });
        words.push(if self.time_ns < 1000 {
            "times to the nanosecond"
        } else {
            "times to the microsecond"
        });
        words.push(if self.types {
            "attributes with their types"
        } else {
            "attributes as texts"
        });
        if self.links {
            words.push("links");
        }
        if self.resource {
            words.push("resource");
        } else {
            words.push("resource among the attributes");
        }
        words.join(", ")
    }
}

/// All differences, one sentence each. `precision_ns`: how exact the sender's times are.
pub(crate) fn differences(
    sent: &[Seen],
    shown: &[Seen],
    keeps: Keeps,
    precision_ns: u64,
) -> Vec<String> {
    let mut found = Vec::new();
    if sent.len() != shown.len() {
        let names: Vec<&str> = shown.iter().map(|span| &*span.name).collect();
        found.push(format!(
            "{} spans are shown of {}: {}",
            shown.len(),
            sent.len(),
            names.join(", ")
        ));
    }
    for wanted in sent {
        match shown.iter().find(|span| span.span_id == wanted.span_id) {
            Some(got) => {
                let name = &wanted.name;
                let comparison = Comparison {
                    keeps,
                    // What is a little too early may be cut to the unit before.
                    slack_ns: match precision_ns {
                        0 => 0,
                        precision => precision.max(keeps.time_ns),
                    },
                };
                found.extend(
                    comparison
                        .span(wanted, got)
                        .into_iter()
                        .map(|difference| format!("span {name}: {difference}")),
                );
            }
            None => found.push(format!("span {} is missing", wanted.name)),
        }
    }
    found
}

struct Comparison {
    keeps: Keeps,
    slack_ns: u64,
}

impl Comparison {
    fn span(&self, wanted: &Seen, got: &Seen) -> Vec<String> {
        let case = |text: &str| match self.keeps.upper_case {
            true => text.to_owned(),
            false => text.to_lowercase(),
        };
        let status = match &*wanted.status {
            "ok" if !self.keeps.status_ok => "unset".to_owned(),
            status => status.to_owned(),
        };
        let mut found = Vec::new();
        for (what, wanted, got) in [
            ("trace id", &wanted.trace_id, &got.trace_id),
            ("parent", &wanted.parent, &got.parent),
            ("name", &case(&wanted.name), &got.name),
            ("service", &case(&wanted.service), &got.service),
            ("kind", &wanted.kind, &got.kind),
            ("status", &status, &got.status),
            ("message", &wanted.message, &got.message),
        ] {
            if wanted != got {
                found.push(format!("{what} {got:?}, not {wanted:?}"));
            }
        }
        self.time("start", wanted.start_ns, got.start_ns, &mut found);
        self.end(wanted, got, &mut found);
        let mut attributes = wanted.attributes.clone();
        if !self.keeps.resource {
            let mut resource = wanted.resource.clone();
            resource.remove("service.name");
            attributes.extend(resource);
        }
        self.attributes("attribute", &attributes, &got.attributes, &mut found);
        if self.keeps.resource {
            // The SDK adds its own name.
            let known: BTreeSet<&String> = wanted.resource.keys().collect();
            let got = got
                .resource
                .iter()
                .filter(|(key, _)| known.contains(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            self.attributes("resource attribute", &wanted.resource, &got, &mut found);
        }
        self.events(&wanted.events, &got.events, &mut found);
        if self.keeps.links && wanted.links != got.links {
            found.push(format!("links {:?}, not {:?}", got.links, wanted.links));
        }
        found
    }

    fn time(&self, what: &str, wanted: u64, got: u64, found: &mut Vec<String>) {
        let unit = self.keeps.time_ns;
        if (wanted / unit * unit).abs_diff(got) > self.slack_ns {
            found.push(format!("{what} at {got} ns, not {wanted} ns"));
        }
    }

    fn end(&self, wanted: &Seen, got: &Seen, found: &mut Vec<String>) {
        let unit = self.keeps.time_ns;
        let duration = (wanted.end_ns - wanted.start_ns) / unit * unit;
        let shown = got.end_ns.saturating_sub(got.start_ns);
        if duration.max(self.keeps.shortest_ns).abs_diff(shown) > self.slack_ns {
            found.push(format!("takes {shown} ns, not {duration} ns"));
        }
    }

    fn attributes(
        &self,
        what: &str,
        wanted: &Attributes,
        got: &Attributes,
        found: &mut Vec<String>,
    ) {
        let keys: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
        for key in keys {
            let shown = got.get(key);
            match wanted.get(key) {
                None => found.push(format!("{what} {key} was never set: {shown:?}")),
                Some(value) => {
                    let value = self.value(value);
                    if shown != Some(&value) {
                        found.push(format!("{what} {key} is {shown:?}, not {value:?}"));
                    }
                }
            }
        }
    }

    fn value(&self, value: &Value) -> Value {
        if self.keeps.types {
            value.clone()
        } else {
            Value::Text(value.to_string())
        }
    }

    fn events(&self, wanted: &[Event], got: &[Event], found: &mut Vec<String>) {
        if wanted.len() != got.len() {
            found.push(format!("{} events, not {}", got.len(), wanted.len()));
        }
        for (wanted, got) in wanted.iter().zip(got) {
            self.time(
                &format!("event {}", wanted.name),
                wanted.time_ns,
                got.time_ns,
                found,
            );
            if !self.keeps.event_attributes {
                if !same_event(wanted, &got.name) {
                    found.push(format!("event {:?}, not {wanted:?}", got.name));
                }
                continue;
            }
            if wanted.name != got.name {
                found.push(format!("event {:?}, not {:?}", got.name, wanted.name));
            }
            let what = format!("event {}: attribute", wanted.name);
            self.attributes(&what, &wanted.attributes, &got.attributes, found);
        }
    }
}

/// Whether `shown` is the event as the Zipkin exporter's specification writes it: `"name": {"key": "value"}`.
fn same_event(wanted: &Event, shown: &str) -> bool {
    if wanted.attributes.is_empty() {
        return shown == wanted.name;
    }
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(&format!("{{{shown}}}"));
    let attributes: serde_json::Value = wanted
        .attributes
        .iter()
        .map(|(key, value)| (key.clone(), value.json()))
        .collect();
    parsed.is_ok_and(|parsed| parsed[&wanted.name] == attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Seen {
        Seen {
            span_id: "1".to_owned(),
            name: "A".to_owned(),
            start_ns: 5_000,
            end_ns: 9_500,
            attributes: [("k".to_owned(), Value::Int(1))].into(),
            events: vec![Event {
                name: "e".to_owned(),
                time_ns: 6_000,
                attributes: [("a".to_owned(), Value::Bool(true))].into(),
            }],
            ..Seen::default()
        }
    }

    type Change = (&'static str, fn(&mut Seen));

    #[test]
    fn each_difference_is_told() {
        assert_eq!(differences(&[span()], &[span()], ALL, 0), [""; 0]);
        let changes: [Change; 7] = [
            ("name", |span| span.name = "B".to_owned()),
            ("start", |span| {
                span.start_ns += 1;
                span.end_ns += 1;
            }),
            ("takes", |span| span.end_ns += 1),
            ("attribute k", |span| {
                span.attributes
                    .insert("k".to_owned(), Value::Text("1".to_owned()));
            }),
            ("never set", |span| {
                span.attributes.insert("x".to_owned(), Value::Empty);
            }),
            ("events", |span| span.events.clear()),
            ("event e: attribute a", |span| {
                span.events[0].attributes.clear()
            }),
        ];
        for (what, change) in changes {
            let mut got = span();
            change(&mut got);
            let found = differences(&[span()], &[got], ALL, 0);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(what), "{found:?}");
        }
        assert_eq!(differences(&[span()], &[], ALL, 0).len(), 2);
    }

    #[test]
    fn a_backend_of_texts_is_held_to_texts() {
        let keeps = Keeps {
            time_ns: 1000,
            shortest_ns: 1000,
            types: false,
            event_attributes: false,
            upper_case: false,
            ..ALL
        };
        let mut got = span();
        got.name = "a".to_owned();
        got.end_ns = 9_000;
        got.attributes
            .insert("k".to_owned(), Value::Text("1".to_owned()));
        got.events[0].name = "\"e\": { \"a\" : true }".to_owned();
        got.events[0].attributes.clear();
        assert_eq!(differences(&[span()], &[got.clone()], keeps, 0), [""; 0]);
        got.events[0].name = "e".to_owned();
        assert_eq!(differences(&[span()], &[got], keeps, 0).len(), 1);
    }
}
