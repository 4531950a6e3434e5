//! What a span can be started with beside its name.

use std::fmt;
use std::time::SystemTime;

use codomyrmex_wire::AttributeValue;

use crate::clock;
use crate::context::SpanContext;
use crate::kind::SpanKind;

/// Kind, parent, attributes, links and start time of a span that is about to start.
///
/// ```
/// use codomyrmex_core::{SpanKind, SpanOptions, Tracer};
/// let tracer = Tracer::builder("shop").build();
/// let span = tracer.span_with("GET /cart", SpanOptions::new().kind(SpanKind::Server).attribute("http.route", "/cart"));
/// ```
#[derive(Default)]
pub struct SpanOptions<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) parent: Parent<'a>,
    pub(crate) attributes: Vec<(&'a str, AttributeValue<'a>)>,
    pub(crate) links: Vec<&'a SpanContext>,
    pub(crate) start_time: Option<u64>,
}

/// Under which span a new one starts.
#[derive(Debug, Default)]
pub(crate) enum Parent<'a> {
    /// The thread's current span, if there is one.
    #[default]
    Current,
    /// None: a new trace.
    Root,
    /// This one.
    Explicit(&'a SpanContext),
}

impl<'a> SpanOptions<'a> {
    /// An internal span under the current one, starting now.
    pub fn new() -> Self {
        Self::default()
    }

    /// The span's kind.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// The parent: a span's context, or one that came in from elsewhere. An invalid context makes a root span.
    #[must_use]
    pub fn parent(mut self, parent: &'a SpanContext) -> Self {
        self.parent = Parent::Explicit(parent);
        self
    }

    /// Starts a new trace, whatever span is current.
    #[must_use]
    pub fn root(mut self) -> Self {
        self.parent = Parent::Root;
        self
    }

    /// An attribute that the sampler can see. Attributes that no sampler asks for are cheaper set after the start.
    #[must_use]
    pub fn attribute(mut self, key: &'a str, value: impl Into<AttributeValue<'a>>) -> Self {
        self.attributes.push((key, value.into()));
        self
    }

    /// A link to another span.
    #[must_use]
    pub fn link(mut self, to: &'a SpanContext) -> Self {
        self.links.push(to);
        self
    }

    /// Another start than now. Times before the Unix epoch become the epoch.
    #[must_use]
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start_time = Some(clock::unix_ns_of(time));
        self
    }

    /// Another start than now, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn start_time_ns(mut self, unix_ns: u64) -> Self {
        self.start_time = Some(unix_ns);
        self
    }
}

impl fmt::Debug for SpanOptions<'_> {
    /// Attributes by their keys alone: nothing has been redacted yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.attributes.iter().map(|(key, _)| key).collect();
        f.debug_struct("SpanOptions")
            .field("kind", &self.kind)
            .field("parent", &self.parent)
            .field("attributes", &keys)
            .field("links", &self.links)
            .field("start_time", &self.start_time)
            .finish()
    }
}
