use crate::propagation::b3::only;
use crate::propagation::{Extracted, HeaderSink, HeaderSource, Injected, Propagator};
use crate::{SpanContext, SpanId, TraceId};

/// AWS X-Ray's header `X-Amzn-Trace-Id`: `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=<0 or 1>`.
///
/// A context without a sampling decision, or that asks for one (`?`), is taken as sampled. Other parts are not passed on.
///
/// Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>.
///
/// ```
/// use codomyrmex_core::{Propagators, XRay};
///
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let context = Propagators::none().with(XRay).extract_from(&[("X-Amzn-Trace-Id", header)]).unwrap();
/// assert_eq!(context.trace_id.to_string(), "5759e988bd862e3fe1be46a994272793");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct XRay;

const HEADER: &str = "X-Amzn-Trace-Id";

impl Propagator for XRay {
    fn fields(&self) -> &[&'static str] {
        &[HEADER]
    }

    fn inject(&self, context: &SpanContext, sink: &mut dyn HeaderSink) -> Injected {
        if context.is_valid() {
            let digits = &mut [0; 32];
            let (time, rest) = context.trace_id.write_hex(digits).split_at(8);
            let (span, sampled) = (context.span_id, u8::from(context.sampled));
            let value = format!("Root=1-{time}-{rest};Parent={span};Sampled={sampled}");
            sink.set(HEADER, &value);
        }
        Injected::default()
    }

    fn extract(&self, context: &mut SpanContext, source: &dyn HeaderSource) -> Extracted {
        let Some((trace_id, span_id, sampled)) = only(source, HEADER, parts) else {
            return Extracted::NOTHING;
        };
        context.become_remote(trace_id, span_id, sampled);
        Extracted::IDS
    }
}

fn parts(value: &str) -> Option<(TraceId, SpanId, bool)> {
    let (mut trace_id, mut span_id, mut sampled) = (None, None, true);
    for part in value.split(';') {
        let Some((key, value)) = part.trim_matches([' ', '\t']).split_once('=') else {
            continue;
        };
        match key {
            "Root" => trace_id = Some(root(value)?),
            "Parent" => span_id = Some(SpanId::from_hex(value.as_bytes()).ok()?.valid()?),
            "Sampled" => {
                sampled = match value {
                    "0" => false,
                    "1" | "?" => true,
                    _ => return None,
                }
            }
            _ => {}
        }
    }
    Some((trace_id?, span_id?, sampled))
}

fn root(value: &str) -> Option<TraceId> {
    let (time, rest) = value.strip_prefix("1-")?.split_once('-')?;
    let mut digits = [0; 32];
    if time.len() != 8 || rest.len() != 24 {
        return None;
    }
    digits[..8].copy_from_slice(time.as_bytes());
    digits[8..].copy_from_slice(rest.as_bytes());
    TraceId::from_hex(&digits).ok().filter(|id| id.is_valid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Propagators;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
    const PARENT: &str = "Parent=53995c3f42cd8ad8";

    fn from(value: &str) -> Option<SpanContext> {
        Propagators::none()
            .with(XRay)
            .extract_from(&[("x-amzn-trace-id", value)])
    }

    #[test]
    fn parts_are_read_in_any_order() {
        let expected = |sampled| {
            let trace = "5759e988bd862e3fe1be46a994272793";
            let mut context = SpanContext::from_text(trace, "53995c3f42cd8ad8", None);
            context.sampled = sampled;
            Some(context)
        };
        assert_eq!(from(&format!("{ROOT};{PARENT};Sampled=1")), expected(true));
        assert_eq!(
            from(&format!("{PARENT}; Sampled=0 ;{ROOT}")),
            expected(false)
        );
        assert_eq!(
            from(&format!("{ROOT};{PARENT};Sampled=?;Lineage=a:1")),
            expected(true)
        );
        assert_eq!(from(&format!("Self=x;;{ROOT};{PARENT}")), expected(true));
        for wrong in [
            "",
            ROOT,
            PARENT,
            &format!("{ROOT};{PARENT};Sampled=2"),
            &format!("{ROOT};Parent=0000000000000000"),
            &format!("{};{PARENT}", ROOT.replace("=1-", "=2-")),
            &format!("{};{PARENT}", ROOT.replace("-bd", "bd-")),
            &format!("Root=1-00000000-{};{PARENT}", "0".repeat(24)),
            &format!("Root=1-0000é000-{};{PARENT}", "0".repeat(24)),
        ] {
            assert_eq!(from(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let value = format!("{ROOT};{PARENT};Sampled=0");
        let context = from(&value).unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        XRay.inject(&context, &mut headers);
        assert_eq!(headers, [("X-Amzn-Trace-Id".to_owned(), value)]);
    }
}
