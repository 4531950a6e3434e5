/// The fixed part of a span.
///
/// The ids are the bytes of the id read as native-endian words (`u64::from_ne_bytes`), so that they are
/// stored without swapping.
///
/// ```
/// use codomyrmex_wire::SpanHead;
/// let id = *b"0123456789abcdef";
/// let head = SpanHead::default().with_trace_id(id);
/// assert_eq!(head.trace_id[0].to_ne_bytes(), id[..8]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanHead {
    /// The 16 bytes of the trace id as two words.
    pub trace_id: [u64; 2],
    /// The 8 bytes of the span id as a word.
    pub span_id: u64,
    /// The 8 bytes of the parent's span id as a word; 0 in a root span.
    pub parent_span_id: u64,
    /// OTLP's number of the kind: internal 1, server 2, client 3, producer 4, consumer 5.
    pub kind: u8,
    /// OTLP's number of the status: unset 0, ok 1, error 2.
    pub status: u8,
    /// OTLP's `Span.flags`: the W3C trace flags, `0x100` where it is known whether the parent is remote,
    /// `0x200` where it is.
    pub flags: u32,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_ns: u64,
}

impl SpanHead {
    /// The same head with the trace id of these bytes.
    #[inline]
    #[must_use]
    pub fn with_trace_id(mut self, id: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = id;
        self.trace_id = [
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ];
        self
    }

    /// The same head with the span id of these bytes.
    #[inline]
    #[must_use]
    pub fn with_span_id(mut self, id: [u8; 8]) -> Self {
        self.span_id = u64::from_ne_bytes(id);
        self
    }

    /// The same head with the parent's span id of these bytes; all zero means none.
    #[inline]
    #[must_use]
    pub fn with_parent_span_id(mut self, id: [u8; 8]) -> Self {
        self.parent_span_id = u64::from_ne_bytes(id);
        self
    }
}
