use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

/// Where outgoing headers are written.
///
/// Maps and lists of pairs find a name in any case and replace its values. A closure is handed each name and value:
///
/// ```
/// use codomyrmex_core::{Propagator, SpanContext, SpanId, TraceContext, TraceId};
///
/// let context = SpanContext::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
/// let mut request = "GET / HTTP/1.1\r\n".to_owned();
/// TraceContext.inject(&context, &mut |name: &str, value: &str| {
///     request += &format!("{name}: {value}\r\n");
/// });
/// assert!(request.contains("traceparent: 00-0101"));
/// ```
pub trait HeaderSink {
    /// Sets the header `name`, which is given as it is usually written, in place of any value that it has.
    fn set(&mut self, name: &str, value: &str);

    /// Takes away what an earlier context left under `name`. Without effect where nothing can have been left.
    fn remove(&mut self, name: &str) {
        let _ = name;
    }
}

impl<F: FnMut(&str, &str)> HeaderSink for F {
    fn set(&mut self, name: &str, value: &str) {
        self(name, value);
    }
}

impl HeaderSink for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: &str) {
        HeaderSink::remove(self, name);
        self.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl<S: BuildHasher> HeaderSink for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: &str) {
        HeaderSink::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
}

impl HeaderSink for BTreeMap<String, String> {
    fn set(&mut self, name: &str, value: &str) {
        HeaderSink::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn rewritten<S: HeaderSink>(mut sink: S) -> S {
        sink.set("X-Sampled", "new");
        sink.remove("tracestate");
        sink
    }

    #[test]
    fn a_name_in_any_case_is_replaced() {
        let old = [
            pair("x-sampled", "old"),
            pair("X-SAMPLED", "older"),
            pair("TraceState", "a=1"),
            pair("other", "kept"),
        ];
        let new = [pair("other", "kept"), pair("X-Sampled", "new")];
        assert_eq!(rewritten(Vec::from(old.clone())), new);
        assert_eq!(rewritten(BTreeMap::from(old.clone())), new.clone().into());
        assert_eq!(rewritten(HashMap::from(old)), new.into());
    }
}
