use crate::propagation::traceparent::TraceParent;
use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::{SpanContext, TraceState};

/// W3C Trace Context, level 2: `traceparent` and `tracestate`.
///
/// A repeated `traceparent` is invalid. Repeated `tracestate` headers are joined in their order, and a malformed one is
/// left out as a whole. Flags that the standard does not know are not passed on.
///
/// Source: <https://www.w3.org/TR/trace-context-2/>.
///
/// ```
/// use codomyrmex_core::{Propagator, SpanContext, TraceContext};
///
/// let mut context = SpanContext::INVALID;
/// let headers = [
///     ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
///     ("tracestate", "congo=t61rcWkgMzE"),
/// ];
/// assert!(TraceContext.extract(&mut context, &headers).found);
/// assert!(context.is_valid() && context.is_remote);
/// assert_eq!(context.trace_state.get("congo"), Some("t61rcWkgMzE"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

impl Propagator for TraceContext {
    fn fields(&self) -> &[&'static str] {
        &[TRACEPARENT, TRACESTATE]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        if let Some(value) = context.traceparent() {
            sink.set(TRACEPARENT, &value);
            match context.trace_state.as_str() {
                "" => sink.remove(TRACESTATE),
                state => sink.set(TRACESTATE, state),
            }
        }
        Injected::default()
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let mut count = 0;
        let mut found = None;
        source.each(TRACEPARENT, &mut |value| {
            count += 1;
            found = TraceParent::parse(value);
        });
        let Some(parent) = found.filter(|_| count == 1) else {
            return Extracted::NOTHING;
        };
        context.become_remote(parent.trace_id, parent.span_id, parent.sampled);
        context.set_random_trace_id(parent.random);
        context.trace_state = trace_state(source);
        Extracted::IDS
    }
}

/// More than this in `tracestate` cannot be valid: 32 entries, each with a key and a value of 256 bytes.
pub(super) const LONGEST_TRACE_STATE: usize = 32 * (256 + 256 + 8);

/// Empty where any of it is malformed, as W3C asks.
pub(super) fn trace_state(source: &dyn HeaderSource) -> TraceState {
    let mut count = 0;
    let mut only = TraceState::EMPTY;
    source.each(TRACESTATE, &mut |value| {
        count += 1;
        if count == 1 && value.len() <= LONGEST_TRACE_STATE {
            only = value.parse().unwrap_or_default();
        }
    });
    if count > 1 { joined(source) } else { only }
}

/// Several headers are as good as one with all of it.
#[cold]
fn joined(source: &dyn HeaderSource) -> TraceState {
    let mut joined = String::new();
    let mut too_long = false;
    source.each(TRACESTATE, &mut |value| {
        too_long |= joined.len() + value.len() > LONGEST_TRACE_STATE;
        if !too_long {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(value);
        }
    });
    if too_long {
        return TraceState::EMPTY;
    }
    joined.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn old() -> SpanContext {
        let mut old = SpanContext::from_text("trace", "span", Some("parent"));
        old.baggage.insert("user", "ann");
        old.trace_state.insert("old", "1").unwrap();
        old
    }

    #[test]
    fn a_failed_extract_keeps_the_context() {
        for headers in [
            &[][..],
            &[("traceparent", "nonsense")],
            &[("tracestate", "a=1")],
            &[("traceparent", PARENT), ("Traceparent", PARENT)],
        ] {
            let mut context = old();
            let extracted = TraceContext.extract(&mut context, &headers.to_vec());
            assert_eq!(extracted, Extracted::NOTHING, "{headers:?}");
            assert_eq!(context, old());
            assert!(!context.is_remote);
        }
    }

    #[test]
    fn everything_but_the_baggage_is_replaced() {
        let mut context = old();
        assert!(
            TraceContext
                .extract(&mut context, &[("traceparent", PARENT)])
                .found
        );
        let mut expected = SpanContext::from_traceparent(PARENT).unwrap();
        expected.baggage = old().baggage;
        assert_eq!(context, expected);
        assert!(context.is_remote);
    }

    #[test]
    fn a_malformed_trace_state_is_left_out() {
        let state = |values: &[&str]| {
            let mut headers = vec![("traceparent", PARENT)];
            headers.extend(values.iter().map(|&value| ("tracestate", value)));
            let mut context = old();
            assert!(TraceContext.extract(&mut context, &headers).found);
            context.trace_state.to_string()
        };
        assert_eq!(state(&["a=1", "b=2,c=3"]), "a=1,b=2,c=3");
        assert_eq!(state(&["", "a=1"]), "a=1");
        assert_eq!(state(&["a=1", "B=2"]), "");
        assert_eq!(state(&[&",".repeat(LONGEST_TRACE_STATE + 1), "a=1"]), "");
    }

    #[test]
    fn a_trace_state_of_an_earlier_context_does_not_stay() {
        let mut headers = vec![("TraceState".to_owned(), "a=1".to_owned())];
        let context = SpanContext::from_traceparent(PARENT).unwrap();
        TraceContext.inject(&context, &mut headers);
        assert_eq!(headers, [("traceparent".to_owned(), PARENT.to_owned())]);
    }

    #[test]
    fn an_invalid_context_is_not_written() {
        let mut headers = Vec::new();
        TraceContext.inject(&SpanContext::from_text("", "span", None), &mut headers);
        assert_eq!(headers, []);
    }
}
