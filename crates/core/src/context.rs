use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use codomyrmex_wire::Value;

use crate::{Baggage, SpanId, TextIds, TraceId, TraceState};

/// What of a span its children need to know, in this process or in another one.
///
/// Two contexts are equal where their ids, texts, sampling, baggage and trace state are; how they arrived
/// ([`is_remote`](SpanContext::is_remote)) does not count.
///
/// ```
/// use codomyrmex_core::SpanContext;
///
/// let context = SpanContext::from_text("trace123", "span456", None);
/// let headers = context.to_headers();
/// assert_eq!(headers[0], ("X-Trace-Id".to_owned(), "trace123".to_owned()));
/// assert_eq!(SpanContext::from_headers(&headers), Some(context));
/// ```
#[derive(Clone)]
pub struct SpanContext {
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span's parent, `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// Whether the span is recorded.
    pub sampled: bool,
    /// What travels along for the application.
    pub baggage: Baggage,
    /// What travels along for tracing systems.
    pub trace_state: TraceState,
    /// Whether it came from another process.
    pub is_remote: bool,
    random_trace_id: bool,
    text_ids: Option<Arc<TextIds>>,
}

impl SpanContext {
    /// No span: both ids are all zero. A span that starts under it is a root.
    pub const INVALID: SpanContext = SpanContext::new(TraceId::INVALID, SpanId::INVALID);

    /// A sampled context of this process, without parent, baggage and trace state.
    #[inline]
    pub const fn new(trace_id: TraceId, span_id: SpanId) -> SpanContext {
        SpanContext {
            trace_id,
            span_id,
            parent_span_id: None,
            sampled: true,
            baggage: Baggage::new(),
            trace_state: TraceState::EMPTY,
            is_remote: false,
            random_trace_id: false,
            text_ids: None,
        }
    }

    /// As [`new`](SpanContext::new), with ids of any text; see [`TraceId::from_text`]. The texts are kept.
    pub fn from_text(trace_id: &str, span_id: &str, parent_span_id: Option<&str>) -> SpanContext {
        let mut texts = TextIds::default();
        let mut context =
            SpanContext::new(texts.set_trace_id(trace_id), texts.set_span_id(span_id));
        context.parent_span_id = parent_span_id.map(|text| texts.set_parent_span_id(text));
        context.text_ids = texts.shared();
        context
    }

    /// Makes it the context of a span of another process, and leaves nothing of what it was but the baggage.
    #[inline]
    pub(crate) fn become_remote(&mut self, trace_id: TraceId, span_id: SpanId, sampled: bool) {
        self.trace_id = trace_id;
        self.span_id = span_id;
        self.parent_span_id = None;
        self.sampled = sampled;
        self.trace_state = TraceState::EMPTY;
        self.is_remote = true;
        self.random_trace_id = false;
        self.text_ids = None;
    }

    /// The context of a new child: it shares the trace with its text, sampling, baggage and trace state.
    #[must_use]
    pub fn child(&self, span_id: SpanId) -> SpanContext {
        SpanContext {
            trace_id: self.trace_id,
            span_id,
            parent_span_id: Some(self.span_id),
            sampled: self.sampled,
            baggage: self.baggage.clone(),
            trace_state: self.trace_state.clone(),
            is_remote: false,
            random_trace_id: self.random_trace_id,
            text_ids: self.text_ids.as_ref().and_then(|texts| texts.child()),
        }
    }

    /// Whether both ids are other than all zero.
    #[inline]
    pub const fn is_valid(&self) -> bool {
        self.trace_id.is_valid() && self.span_id.is_valid()
    }

    /// W3C's flags, level 2: bit 0 sampled, bit 1 random trace id.
    #[inline]
    pub const fn trace_flags(&self) -> u8 {
        self.sampled as u8 | (self.random_trace_id as u8) << 1
    }

    /// Whether the last seven bytes of the trace id are known to be random.
    #[inline]
    pub const fn random_trace_id(&self) -> bool {
        self.random_trace_id
    }

    /// Says whether the last seven bytes of the trace id are random.
    #[inline]
    pub const fn set_random_trace_id(&mut self, random: bool) {
        self.random_trace_id = random;
    }

    /// The texts of ids that are not the usual lower-case digits.
    #[inline]
    pub const fn text_ids(&self) -> Option<&Arc<TextIds>> {
        self.text_ids.as_ref()
    }

    /// Gives the ids texts; a text counts only for the bytes that it was made for.
    #[inline]
    pub fn set_text_ids(&mut self, text_ids: Option<Arc<TextIds>>) {
        self.text_ids = text_ids;
    }

    /// The trace id's own text, if it is not the usual lower-case digits.
    #[inline]
    pub fn text_trace_id(&self) -> Option<&str> {
        self.text_ids.as_ref()?.trace_id(self.trace_id)
    }

    /// The span id's own text, if it is not the usual lower-case digits.
    #[inline]
    pub fn text_span_id(&self) -> Option<&str> {
        self.text_ids.as_ref()?.span_id(self.span_id)
    }

    /// The parent id's own text, if it is not the usual lower-case digits.
    #[inline]
    pub fn text_parent_span_id(&self) -> Option<&str> {
        self.text_ids.as_ref()?.parent_span_id(self.parent_span_id?)
    }

    /// The trace id for people: its own text or 32 digits.
    pub fn trace_id_text(&self) -> Cow<'_, str> {
        match self.text_trace_id() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.trace_id.to_string()),
        }
    }

    /// The span id for people: its own text or 16 digits.
    pub fn span_id_text(&self) -> Cow<'_, str> {
        match self.text_span_id() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.span_id.to_string()),
        }
    }

    /// The parent id for people: its own text or 16 digits, `None` for a root.
    pub fn parent_span_id_text(&self) -> Option<Cow<'_, str>> {
        let id = self.parent_span_id?;
        Some(match self.text_parent_span_id() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(id.to_string()),
        })
    }

    /// `trace_id`, `span_id`, `parent_span_id` ([`Value::Empty`] for a root), `sampled` and `baggage`.
    ///
    /// Trace state and baggage metadata travel in headers only.
    pub fn to_map(&self) -> BTreeMap<String, Value> {
        let text = |text: Cow<'_, str>| Value::Str(text.into_owned());
        let baggage = self
            .baggage
            .iter()
            .map(|(key, value)| (key.to_owned(), Value::Str(value.to_owned())));
        BTreeMap::from(
            [
                ("trace_id", text(self.trace_id_text())),
                ("span_id", text(self.span_id_text())),
                (
                    "parent_span_id",
                    self.parent_span_id_text().map_or(Value::Empty, text),
                ),
                ("sampled", Value::Bool(self.sampled)),
                ("baggage", Value::Map(baggage.collect())),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        )
    }

    /// Reads what [`to_map`](SpanContext::to_map) gives. Only `trace_id` and `span_id` must be there; a context is sampled
    /// unless it says otherwise.
    ///
    /// # Errors
    ///
    /// A key that is missing or whose value is of another type.
    pub fn from_map(map: &BTreeMap<String, Value>) -> Result<SpanContext, MapError> {
        let required = |key: &'static str| match map.get(key) {
            Some(Value::Str(text)) => Ok(text.as_str()),
            Some(_) => Err(MapError::WrongType(key)),
            None => Err(MapError::Missing(key)),
        };
        let parent_span_id = match map.get("parent_span_id") {
            Some(Value::Str(text)) => Some(text.as_str()),
            Some(Value::Empty) | None => None,
            Some(_) => return Err(MapError::WrongType("parent_span_id")),
        };
        let mut context =
            SpanContext::from_text(required("trace_id")?, required("span_id")?, parent_span_id);
        context.sampled = match map.get("sampled") {
            Some(Value::Bool(sampled)) => *sampled,
            None => true,
            Some(_) => return Err(MapError::WrongType("sampled")),
        };
        match map.get("baggage") {
            Some(Value::Map(members)) => {
                for (key, value) in members {
                    let Value::Str(value) = value else {
                        return Err(MapError::WrongType("baggage"));
                    };
                    context.baggage.insert(key, value);
                }
            }
            Some(Value::Empty) | None => {}
            Some(_) => return Err(MapError::WrongType("baggage")),
        }
        Ok(context)
    }
}

impl PartialEq for SpanContext {
    fn eq(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id
            && self.span_id == other.span_id
            && self.parent_span_id == other.parent_span_id
            && self.sampled == other.sampled
            && self.baggage == other.baggage
            && self.trace_state == other.trace_state
            && self.text_trace_id() == other.text_trace_id()
            && self.text_span_id() == other.text_span_id()
            && self.text_parent_span_id() == other.text_parent_span_id()
    }
}

impl Eq for SpanContext {}

impl fmt::Debug for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanContext")
            .field("trace_id", &self.trace_id_text())
            .field("span_id", &self.span_id_text())
            .field("parent_span_id", &self.parent_span_id_text())
            .field("sampled", &self.sampled)
            .field("baggage", &self.baggage)
            .field("trace_state", &self.trace_state)
            .field("is_remote", &self.is_remote)
            .finish_non_exhaustive()
    }
}

/// Why a map is no [`SpanContext`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// This key is missing.
    Missing(&'static str),
    /// The value under this key is of another type.
    WrongType(&'static str),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::Missing(key) => write!(f, "the key {key:?} is missing"),
            MapError::WrongType(key) => write!(f, "the value under {key:?} is of a wrong type"),
        }
    }
}

impl std::error::Error for MapError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> SpanContext {
        let mut context = SpanContext::from_text("trace123", "span456", Some("00f067aa0ba902b7"));
        context.sampled = false;
        context.baggage.insert("user", "ann");
        context
    }

    #[test]
    fn maps_go_there_and_back() {
        let context = full();
        let map = context.to_map();
        assert_eq!(map["trace_id"], Value::from("trace123"));
        assert_eq!(map["parent_span_id"], Value::from("00f067aa0ba902b7"));
        assert_eq!(SpanContext::from_map(&map), Ok(context));
        let root = SpanContext::new(TraceId::from_words([1, 2]), SpanId::from_word(3));
        assert_eq!(root.to_map()["parent_span_id"], Value::Empty);
        assert_eq!(SpanContext::from_map(&root.to_map()), Ok(root));
    }

    #[test]
    fn the_missing_key_is_named() {
        for key in ["trace_id", "span_id"] {
            let mut map = full().to_map();
            map.remove(key);
            assert_eq!(SpanContext::from_map(&map), Err(MapError::Missing(key)));
        }
        assert_eq!(
            MapError::Missing("span_id").to_string(),
            "the key \"span_id\" is missing"
        );
        let mut map = full().to_map();
        for key in ["parent_span_id", "sampled", "baggage"] {
            map.remove(key);
        }
        assert_eq!(
            SpanContext::from_map(&map),
            Ok(SpanContext::from_text("trace123", "span456", None))
        );
    }

    #[test]
    fn a_value_of_another_type_is_named() {
        for key in [
            "trace_id",
            "span_id",
            "parent_span_id",
            "sampled",
            "baggage",
        ] {
            let mut map = full().to_map();
            map.insert(key.to_owned(), Value::Int(1));
            assert_eq!(SpanContext::from_map(&map), Err(MapError::WrongType(key)));
        }
    }

    #[test]
    fn a_child_inherits_what_belongs_to_the_trace() {
        let mut parent = full();
        parent.is_remote = true;
        parent.set_random_trace_id(true);
        parent.trace_state.insert("a", "1").unwrap();
        let child = parent.child(SpanId::from_word(7));
        assert_eq!(child.trace_id_text(), "trace123");
        assert_eq!(child.parent_span_id_text().as_deref(), Some("span456"));
        assert_eq!(child.text_span_id(), None);
        assert!(!child.is_remote && !child.sampled);
        assert_eq!(child.trace_flags(), 2);
        assert_eq!(
            (&child.baggage, &child.trace_state),
            (&parent.baggage, &parent.trace_state)
        );
    }

    #[test]
    fn a_text_does_not_outlive_its_id() {
        let mut context = full();
        context.trace_id = TraceId::from_words([1, 2]);
        assert_eq!(context.text_trace_id(), None);
        assert_eq!(context.trace_id_text(), context.trace_id.to_string());
    }

    #[test]
    fn texts_count_in_equality_and_the_way_of_arrival_does_not() {
        let lower =
            SpanContext::from_text("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", None);
        let upper =
            SpanContext::from_text("4BF92F3577B34DA6A3CE929D0E0E4736", "00f067aa0ba902b7", None);
        assert_eq!(lower.trace_id, upper.trace_id);
        assert_ne!(lower, upper);
        let mut remote = lower.clone();
        remote.is_remote = true;
        assert_eq!(lower, remote);
    }

    #[test]
    fn both_ids_are_needed_to_be_valid() {
        let (trace, span) = (TraceId::from_words([0, 1]), SpanId::from_word(1));
        assert!(SpanContext::new(trace, span).is_valid());
        assert!(!SpanContext::new(TraceId::INVALID, span).is_valid());
        assert!(!SpanContext::new(trace, SpanId::INVALID).is_valid());
    }
}
