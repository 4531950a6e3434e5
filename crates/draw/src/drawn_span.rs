//! A span as the caller hands it over.

/// One span as it is to be drawn: plain texts and times, and its place in the slice it stands in.
///
/// Texts may hold anything; control and bidirectional characters are shown escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawnSpan {
    /// The span's name.
    pub name: String,
    /// The service that recorded it; it decides the colour. May be empty.
    pub service: String,
    /// `"server"`, `"client"`, `"producer"`, `"consumer"`; empty or `"internal"` draws nothing.
    pub kind: &'static str,
    /// Start, nanoseconds since any epoch that all spans of one drawing share.
    pub start_ns: u64,
    /// End, nanoseconds since the same epoch. An end before the start is drawn as a negative duration.
    pub end_ns: u64,
    /// The error's message if the span failed; it may be empty.
    pub error: Option<String>,
    /// Attributes in the order in which they are to be drawn.
    pub attributes: Vec<(String, String)>,
    /// Events and links, a line each.
    pub notes: Vec<String>,
    /// The parent's index in the slice; `None` for a root or where `missing_parent` is set.
    /// An index outside of the slice counts as a missing parent.
    pub parent: Option<usize>,
    /// The span has a parent, but it is not among these spans.
    pub missing_parent: bool,
}
