use crate::{SpanContext, SpanOptions};

/// What a server makes of the context that a request brings.
///
/// Whoever sends a request chooses its trace id, its sampled flag and its baggage. A service that strangers can reach keeps
/// its own traces, and remembers the caller's as a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// It is the parent: the caller's trace goes on, with its sampling and baggage.
    #[default]
    Parent,
    /// It is linked to, from a new trace with sampling of its own and without the caller's baggage.
    Link,
    /// It is forgotten: a new trace.
    Nothing,
}

impl<'a> SpanOptions<'a> {
    /// A span for a request that brought this context. Without a valid one a new trace starts, whatever span is current.
    ///
    /// ```
    /// use codomyrmex_core::{InMemoryExporter, SpanContext, SpanOptions, Tracer, Trust};
    ///
    /// let spans = InMemoryExporter::new();
    /// let tracer = Tracer::builder("gate").exporter(spans.clone()).build();
    /// let caller = SpanContext::from_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// let options = SpanOptions::new().incoming(caller.as_ref(), Trust::Link);
    /// tracer.span_with("GET /", options).finish();
    /// tracer.flush();
    ///
    /// let served = &spans.spans()[0];
    /// assert_eq!(served.context.parent_span_id, None);
    /// assert_eq!(served.links[0].context.span_id, caller.unwrap().span_id);
    /// ```
    #[must_use]
    pub fn incoming(self, context: Option<&'a SpanContext>, trust: Trust) -> Self {
        match context.filter(|context| context.is_valid()) {
            Some(context) if trust == Trust::Parent => self.parent(context),
            Some(context) if trust == Trust::Link => self.root().link(context),
            _ => self.root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tracer;

    #[test]
    fn only_a_trusted_caller_is_the_parent() {
        let tracer = Tracer::builder("gate").build();
        let _current = tracer.span("an earlier request");
        let mut caller = SpanContext::from_text("trace", "span", None);
        caller.baggage.insert("user", "root");
        for trust in [Trust::Parent, Trust::Link, Trust::Nothing] {
            let options = SpanOptions::new().incoming(Some(&caller), trust);
            let served = tracer.span_with("GET /", options).context();
            let is_child = trust == Trust::Parent;
            assert_eq!(served.parent_span_id, is_child.then_some(caller.span_id));
            assert_eq!(served.trace_id == caller.trace_id, is_child);
            assert_eq!(served.baggage.is_empty(), !is_child);
        }
    }

    #[test]
    fn without_a_valid_context_it_is_a_root() {
        let tracer = Tracer::builder("gate").build();
        let _current = tracer.span("an earlier request");
        for context in [None, Some(&SpanContext::INVALID)] {
            for trust in [Trust::Parent, Trust::Link, Trust::Nothing] {
                let options = SpanOptions::new().incoming(context, trust);
                let served = tracer.span_with("GET /", options).context();
                assert_eq!(served.parent_span_id, None);
            }
        }
    }
}
