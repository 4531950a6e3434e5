use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::{SpanContext, SpanId, TraceId};

/// B3, as Zipkin's instrumentation speaks it: one header `b3`, or several `X-B3-…`.
///
/// Either form reads both, and the single header first. Trace ids of 16 digits are read as their last half. A context
/// without a sampling decision is taken as sampled. The debug flag counts as sampled, and is not passed on; neither is the
/// parent's id. A decision without ids (`b3: 0`) is not read.
///
/// Source: <https://github.com/openzipkin/b3-propagation>, and OpenTelemetry's rules for it.
///
/// ```
/// use codomyrmex_core::{B3, Propagators};
///
/// let propagators = Propagators::none().with(B3::Single);
/// let header = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-05e3ac9a4f6e3b90";
/// let context = propagators.extract_from(&[("b3", header)]).unwrap();
/// assert_eq!(context.span_id.to_string(), "00f067aa0ba902b7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum B3 {
    /// Writes the header `b3`.
    Single,
    /// Writes `X-B3-TraceId`, `X-B3-SpanId` and `X-B3-Sampled`.
    Multi,
}

const SINGLE: &str = "b3";
const TRACE_ID: &str = "X-B3-TraceId";
const SPAN_ID: &str = "X-B3-SpanId";
const SAMPLED: &str = "X-B3-Sampled";
const FLAGS: &str = "X-B3-Flags";

impl Propagator for B3 {
    fn fields(&self) -> &[&'static str] {
        &[SINGLE, TRACE_ID, SPAN_ID, SAMPLED, FLAGS]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        if !context.is_valid() {
            return Injected::default();
        }
        let (trace, span) = (&mut [0; 32], &mut [0; 16]);
        let trace = context.trace_id.write_hex(trace);
        let span = context.span_id.write_hex(span);
        let sampled = if context.sampled { "1" } else { "0" };
        match self {
            B3::Single => sink.set(SINGLE, &format!("{trace}-{span}-{sampled}")),
            B3::Multi => {
                sink.remove(SINGLE);
                sink.set(TRACE_ID, trace);
                sink.set(SPAN_ID, span);
                sink.set(SAMPLED, sampled);
                sink.remove(FLAGS);
            }
        }
        Injected::default()
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let found = only(source, SINGLE, single).or_else(|| multi(source));
        let Some((trace_id, span_id, sampled)) = found else {
            return Extracted::NOTHING;
        };
        context.become_remote(trace_id, span_id, sampled);
        Extracted::IDS
    }
}

type Found = (TraceId, SpanId, bool);

fn single(value: &str) -> Option<Found> {
    let mut parts = value.trim_matches([' ', '\t']).split('-');
    let trace_id = trace_id(parts.next()?)?;
    let span_id = span_id(parts.next()?)?;
    let sampled = parts.next().map_or(Some(true), sampled)?;
    // The parent's id.
    parts.next().map_or(Some(()), span_id_or_none)?;
    parts
        .next()
        .is_none()
        .then_some((trace_id, span_id, sampled))
}

fn multi(source: &dyn HeaderSource) -> Option<Found> {
    let trace_id = only(source, TRACE_ID, trace_id)?;
    let span_id = only(source, SPAN_ID, span_id)?;
    let debug = only(source, FLAGS, |flags| (flags.trim() == "1").then_some(true));
    let sampled = debug.or_else(|| only(source, SAMPLED, sampled));
    Some((trace_id, span_id, sampled.unwrap_or(true)))
}

/// What a header's only value says.
pub(super) fn only<T>(
    source: &dyn HeaderSource,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let mut count = 0;
    let mut found = None;
    source.each(name, &mut |value| {
        count += 1;
        found = read(value);
    });
    found.filter(|_| count == 1)
}

/// 32 digits, or 16 that are the last half.
fn trace_id(text: &str) -> Option<TraceId> {
    let text = text.trim_matches([' ', '\t']).as_bytes();
    let mut digits = [b'0'; 32];
    if text.len() != 16 && text.len() != 32 {
        return None;
    }
    digits[32 - text.len()..].copy_from_slice(text);
    TraceId::from_hex(&digits).ok().filter(|id| id.is_valid())
}

fn span_id(text: &str) -> Option<SpanId> {
    let text = text.trim_matches([' ', '\t']);
    SpanId::from_hex(text.as_bytes()).ok()?.valid()
}

fn span_id_or_none(text: &str) -> Option<()> {
    SpanId::from_hex(text.as_bytes()).ok().map(|_| ())
}

fn sampled(text: &str) -> Option<bool> {
    match text.trim_matches([' ', '\t']) {
        "1" | "d" | "true" | "True" => Some(true),
        "0" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Propagators;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn from(headers: &[(&str, &str)]) -> Option<(String, String, bool)> {
        let single = Propagators::none().with(B3::Single).extract_from(headers);
        let multi = Propagators::none().with(B3::Multi).extract_from(headers);
        assert_eq!(single, multi);
        single.map(|found| {
            (
                found.trace_id.to_string(),
                found.span_id.to_string(),
                found.sampled,
            )
        })
    }

    fn found(trace: &str, sampled: bool) -> Option<(String, String, bool)> {
        Some((trace.to_owned(), SPAN.to_owned(), sampled))
    }

    #[test]
    fn the_single_header_is_read() {
        for (end, sampled) in [
            ("", true),
            ("-1", true),
            ("-d", true),
            ("-0", false),
            ("-0-05e3ac9a4f6e3b90", false),
        ] {
            let header = format!("{TRACE}-{SPAN}{end}");
            assert_eq!(from(&[("B3", &header)]), found(TRACE, sampled), "{end}");
        }
        let short = format!("{}-{SPAN}", &TRACE[16..]);
        let padded = format!("{}{}", "0".repeat(16), &TRACE[16..]);
        assert_eq!(from(&[("b3", &short)]), found(&padded, true));
        for wrong in [
            "0",
            "",
            "-",
            &TRACE[1..],
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-1-x"),
            &format!("{}-{SPAN}-1", "0".repeat(32)),
        ] {
            assert_eq!(from(&[("b3", wrong)]), None, "{wrong}");
        }
    }

    #[test]
    fn several_headers_are_read_where_the_single_one_is_not_there() {
        let ids = [("x-b3-traceid", TRACE), ("X-B3-SPANID", SPAN)];
        assert_eq!(from(&ids), found(TRACE, true));
        for (name, value, sampled) in [
            ("X-B3-Sampled", "0", false),
            ("X-B3-Sampled", "false", false),
            ("X-B3-Sampled", "1", true),
            ("X-B3-Flags", "1", true),
            ("X-B3-Flags", "0", true),
        ] {
            let headers = [ids[0], ids[1], (name, value)];
            assert_eq!(from(&headers), found(TRACE, sampled), "{name}: {value}");
        }
        let debug = [ids[0], ids[1], ("X-B3-Sampled", "0"), ("X-B3-Flags", "1")];
        assert_eq!(from(&debug), found(TRACE, true));
        let other = format!("{}-{SPAN}-0", "1".repeat(32));
        let both = [ids[0], ids[1], ("b3", other.as_str())];
        assert_eq!(from(&both), found(&"1".repeat(32), false));
        assert_eq!(from(&ids[1..]), None);
        assert_eq!(from(&[ids[0], ids[0], ids[1]]), None);
    }

    #[test]
    fn either_form_is_written() {
        let mut context = SpanContext::from_text(TRACE, SPAN, Some("05e3ac9a4f6e3b90"));
        let headers = |form: B3, context: &SpanContext| {
            let mut headers: Vec<(String, String)> = Vec::new();
            form.inject(context, &mut headers);
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            headers(B3::Single, &context),
            [format!("b3: {TRACE}-{SPAN}-1")]
        );
        context.sampled = false;
        assert_eq!(
            headers(B3::Multi, &context),
            [
                format!("X-B3-TraceId: {TRACE}"),
                format!("X-B3-SpanId: {SPAN}"),
                "X-B3-Sampled: 0".to_owned(),
            ]
        );
        assert_eq!(headers(B3::Multi, &SpanContext::INVALID), [""; 0]);
    }
}
