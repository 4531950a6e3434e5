use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::propagation::source::begins_with;
use crate::propagation::{HeaderSink, HeaderSource};

/// Also for gRPC: `tonic`'s `MetadataMap` shows its headers with `as_ref()` and `as_mut()`.
///
/// ```
/// use codomyrmex_core::{Propagator, Propagators, SpanContext, SpanId, TraceId};
///
/// let context = SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
/// let mut request = http::Request::new("body");
/// Propagators::default().inject(&context, request.headers_mut());
/// assert_eq!(Propagators::default().extract_from(request.headers()), Some(context));
/// ```
impl HeaderSink for HeaderMap {
    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        HeaderMap::remove(self, name);
    }
}

/// Values that are not visible ASCII are not seen.
impl HeaderSource for HeaderMap {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        for value in self.get_all(name) {
            if let Ok(value) = value.to_str() {
                visit(value);
            }
        }
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self {
            if let (true, Ok(value)) = (begins_with(name.as_str(), prefix), value.to_str()) {
                visit(name.as_str(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Propagator, Propagators, SpanContext};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn repeated_headers_are_all_seen() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
            ("baggage", "x=1"),
            ("baggage", "y=2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let context = Propagators::default().extract_from(&headers).unwrap();
        assert_eq!(context.trace_state.as_str(), "a=1,b=2");
        assert_eq!(context.baggage.len(), 2);
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert_eq!(Propagators::default().extract_from(&headers), None);

        let bare = SpanContext::from_traceparent(PARENT).unwrap();
        Propagators::default().inject(&bare, &mut headers);
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        assert!(!headers.contains_key("tracestate"));
    }

    #[test]
    fn what_is_no_text_is_not_there() {
        let mut headers = HeaderMap::new();
        headers.append("baggage", HeaderValue::from_bytes(b"a=\xff").unwrap());
        headers.append("uberctx-a", HeaderValue::from_static("1"));
        let mut seen = Vec::new();
        headers.each("baggage", &mut |value| seen.push(value.to_owned()));
        headers.each_beginning("Uberctx-", &mut |name, _| seen.push(name.to_owned()));
        assert_eq!(seen, ["uberctx-a"]);
        headers.set("a b", "1");
        headers.set("a", "1\n");
        assert_eq!(headers.len(), 2);
    }
}
