use std::borrow::Cow;
use std::process::Command;

use crate::propagation::{HeaderSink, HeaderSource};

/// Names and values that are environment variables: `traceparent` is `TRACEPARENT` there, `x-trace-id` is `X_TRACE_ID`.
///
/// A [`Command`] is a sink by itself. For any other environment, this stands between it and a propagator.
///
/// Source of the names: OpenTelemetry's "Environment Variables as Context Propagation Carriers".
///
/// ```
/// use std::collections::BTreeMap;
/// use codomyrmex_core::{AsVariables, Propagator, Propagators, SpanContext, SpanId, TraceId};
///
/// let context = SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
/// let mut environment = BTreeMap::new();
/// Propagators::default().inject(&context, &mut AsVariables(&mut environment));
/// assert!(environment["TRACEPARENT"].ends_with("-01"));
///
/// let back = Propagators::default().extract_from(&AsVariables(&environment));
/// assert_eq!(back, Some(context));
/// ```
#[derive(Debug)]
pub struct AsVariables<C>(pub C);

impl<S: HeaderSink + ?Sized> HeaderSink for AsVariables<&mut S> {
    fn set(&mut self, name: &str, value: &str) {
        self.0.set(&variable_name(name), value);
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(&variable_name(name));
    }
}

impl<S: HeaderSource + ?Sized> HeaderSource for AsVariables<&S> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.0.each(&variable_name(name), visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        self.0.each_beginning(&variable_name(prefix), visit);
    }
}

/// Sets the variables of the process that the command will start.
impl HeaderSink for Command {
    fn set(&mut self, name: &str, value: &str) {
        // No value that a propagator writes holds a NUL, which no environment takes.
        self.env(&*variable_name(name), value);
    }

    fn remove(&mut self, name: &str) {
        self.env_remove(&*variable_name(name));
    }
}

/// The variable that stands for a header.
///
/// ```
/// assert_eq!(codomyrmex_core::variable_name("X-B3-TraceId"), "X_B3_TRACEID");
/// ```
pub fn variable_name(header: &str) -> Cow<'static, str> {
    // The usual ones are at hand.
    let known = ["TRACEPARENT", "TRACESTATE", "BAGGAGE"];
    if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(header)) {
        return Cow::Borrowed(name);
    }
    let digit_first = header.as_bytes().first().is_none_or(u8::is_ascii_digit);
    let underscore = if digit_first { "_" } else { "" };
    let letters = header.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
        _ => '_',
    });
    Cow::Owned(underscore.chars().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::{Propagator, SpanContext, TraceContext};

    #[test]
    fn names_are_what_an_environment_takes() {
        for (header, variable) in [
            ("traceparent", "TRACEPARENT"),
            ("Baggage", "BAGGAGE"),
            ("X-B3-TraceId", "X_B3_TRACEID"),
            ("b3", "B3"),
            ("9é", "_9_"),
            ("", "_"),
        ] {
            assert_eq!(variable_name(header), variable);
        }
    }

    #[test]
    fn a_child_process_gets_its_parents_context_and_nothing_older() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut command = Command::new("true");
        let context = SpanContext::from_traceparent(parent).unwrap();
        TraceContext.inject(&context, &mut command);
        let variables: Vec<_> = command.get_envs().collect();
        assert_eq!(
            variables,
            [
                (OsStr::new("TRACEPARENT"), Some(OsStr::new(parent))),
                (OsStr::new("TRACESTATE"), None),
            ]
        );
    }
}
