//! Reads variables one by one.

use std::str::FromStr;

use codomyrmex_core::{Limits, ParseRedactError, Redact, Resource, Sampler};

use super::names::{OURS, OWN, STANDARD, unknown};
use super::snapshot::Environment;

/// Reads variables, and remembers what was wrong with them.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The variable's values, ours before the standard's, each with its full name.
    pub(super) fn both(&self, name: &str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
        let prefixes: &[&str] = if OURS.contains(&name) {
            &[OWN]
        } else {
            &[OWN, STANDARD]
        };
        let environment = self.environment;
        let names: Vec<String> = prefixes
            .iter()
            .map(|prefix| format!("{prefix}{name}"))
            .collect();
        names.into_iter().filter_map(|name| {
            let value = environment.variables.get(&name)?;
            Some((name, value.trim()))
        })
    }

    pub(super) fn first(&self, name: &str) -> Option<(String, &'a str)> {
        self.both(name).next()
    }

    /// The first of the variable's values that can be parsed; those before it are warned of. A warning shows no value
    /// unless `parse` says that it may be shown.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.named(name, parse).map(|(_, value)| value)
    }

    /// As [`parsed`](Self::parsed), with the full name of the variable that had it.
    pub(super) fn named<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<(String, T)> {
        for (name, text) in self.both(name) {
            match parse(text) {
                Ok(value) => return Some((name, value)),
                Err(reason) => self.warnings.push(format!("{name} is ignored: {reason}")),
            }
        }
        None
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.parsed(name, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is no whole number, or too large"))
        })
    }

    pub(super) fn resource(&mut self) -> Resource {
        self.parsed("RESOURCE_ATTRIBUTES", |text| {
            Resource::parse(text).map_err(|error| error.to_string())
        })
        .unwrap_or_default()
    }

    pub(super) fn redact(&mut self) -> Option<Redact> {
        self.parsed("REDACT", |text| {
            text.parse()
                .map_err(|error: ParseRedactError| error.to_string())
        })
    }

    pub(super) fn limits(&mut self) -> Limits {
        let default = Limits::default();
        Limits {
            attributes: self
                .number("SPAN_ATTRIBUTE_COUNT_LIMIT")
                .or_else(|| self.number("ATTRIBUTE_COUNT_LIMIT"))
                .unwrap_or(default.attributes),
            events: self
                .number("SPAN_EVENT_COUNT_LIMIT")
                .unwrap_or(default.events),
            links: self
                .number("SPAN_LINK_COUNT_LIMIT")
                .unwrap_or(default.links),
            attributes_per_event: self
                .number("EVENT_ATTRIBUTE_COUNT_LIMIT")
                .unwrap_or(default.attributes_per_event),
            attributes_per_link: self
                .number("LINK_ATTRIBUTE_COUNT_LIMIT")
                .unwrap_or(default.attributes_per_link),
            attribute_value_length: self
                .number("SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")
                .or_else(|| self.number("ATTRIBUTE_VALUE_LENGTH_LIMIT"))
                .or(default.attribute_value_length),
        }
    }

    pub(super) fn sampler(&mut self) -> Option<Sampler> {
        let mut sampler = self.parsed("TRACES_SAMPLER", |name| {
            Sampler::parse(name, None)
                .map(|_| name.to_owned())
                .map_err(|error| error.to_string())
        })?;
        sampler.make_ascii_lowercase();
        let takes_argument = !sampler.ends_with("always_on") && !sampler.ends_with("always_off");
        if takes_argument {
            let with_argument = self.parsed("TRACES_SAMPLER_ARG", |argument| {
                Sampler::parse(&sampler, Some(argument)).map_err(|error| error.to_string())
            });
            if with_argument.is_some() {
                return with_argument;
            }
        }
        Sampler::parse(&sampler, None).ok()
    }

    /// Warns of names that begin as ours do and are none.
    pub(super) fn unknown(&mut self) {
        let own = self
            .environment
            .variables
            .keys()
            .filter_map(|name| name.strip_prefix(OWN));
        self.warnings.extend(own.filter_map(unknown));
    }
}

/// A time in milliseconds that leaves some for an answer.
#[cfg(feature = "otlp")]
pub(super) fn parse_millis(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("a time of zero leaves none for an answer".to_owned()),
        Ok(millis) => Ok(millis),
        Err(_) => Err(format!("{text:?} is no whole number of milliseconds")),
    }
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(format!("{text:?} is neither true nor false"))
    }
}
