use std::borrow::Cow;
use std::fmt;

use crate::error::DecodeError;
use crate::event_view::EventView;
use crate::fields::{Fields, Messages, Payload};
use crate::link_view::LinkView;
use crate::value_view::{Attributes, ValueView, check_attribute};

/// A span in encoded bytes, read in place: those of [`encode_span`](crate::encode_span), or anybody's.
///
/// One scan checks the bytes; after it no accessor fails. Fields may stand in any order; unknown ones are skipped;
/// where a field that is not repeated stands several times, the last one counts; bad UTF-8 is replaced by `U+FFFD`.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    bytes: &'a [u8],
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    status_message: &'a [u8],
    start_ns: u64,
    end_ns: u64,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    kind: u8,
    status: u8,
}

impl<'a> SpanView<'a> {
    /// Reads a `Span` message, without tag and length.
    ///
    /// # Errors
    ///
    /// Where the bytes are no protobuf message, or values are nested more than 100 levels deep.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        SpanView::scan(bytes, 0, true)
    }

    /// Reads a span that has been checked.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        SpanView::scan(bytes, 0, false).ok()
    }

    pub(crate) fn scan(bytes: &'a [u8], base: usize, check: bool) -> Result<Self, DecodeError> {
        let mut span = SpanView {
            bytes,
            trace_id: &[],
            span_id: &[],
            parent_span_id: &[],
            trace_state: &[],
            name: &[],
            status_message: &[],
            start_ns: 0,
            end_ns: 0,
            flags: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            kind: 0,
            status: 0,
        };
        for field in Fields::at(bytes, base) {
            let field = field?;
            match (field.number, field.payload) {
                (1, Payload::Bytes(id)) => span.trace_id = id,
                (2, Payload::Bytes(id)) => span.span_id = id,
                (3, Payload::Bytes(text)) => span.trace_state = text,
                (4, Payload::Bytes(id)) => span.parent_span_id = id,
                (5, Payload::Bytes(text)) => span.name = text,
                (6, Payload::Varint(kind)) => span.kind = known(kind, 5),
                (7, Payload::Fixed64(time)) => span.start_ns = time,
                (8, Payload::Fixed64(time)) => span.end_ns = time,
                (9, Payload::Bytes(message)) if check => check_attribute(message, field.offset)?,
                (10, Payload::Varint(count)) => span.dropped_attributes = count as u32,
                (11, Payload::Bytes(message)) if check => {
                    EventView::scan(message, field.offset, true)?;
                }
                (12, Payload::Varint(count)) => span.dropped_events = count as u32,
                (13, Payload::Bytes(message)) if check => {
                    LinkView::scan(message, field.offset, true)?;
                }
                (14, Payload::Varint(count)) => span.dropped_links = count as u32,
                (15, Payload::Bytes(message)) => span.read_status(message, field.offset)?,
                (16, Payload::Fixed32(flags)) => span.flags = flags,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, message: &'a [u8], base: usize) -> Result<(), DecodeError> {
        for field in Fields::at(message, base) {
            let field = field?;
            match (field.number, field.payload) {
                (2, Payload::Bytes(text)) => self.status_message = text,
                (3, Payload::Varint(code)) => self.status = known(code, 2),
                _ => {}
            }
        }
        Ok(())
    }

    /// The message's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether trace id and span id have 16 and 8 bytes and neither is all zero.
    pub fn has_valid_ids(&self) -> bool {
        self.trace_id() != [0; 16] && self.span_id() != [0; 8]
    }

    /// The trace id; zero where it does not have 16 bytes.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id.try_into().unwrap_or_default()
    }

    /// The span id; zero where it does not have 8 bytes.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id.try_into().unwrap_or_default()
    }

    /// The parent's span id; none where it is absent, zero, or does not have 8 bytes.
    pub fn parent_span_id(&self) -> Option<[u8; 8]> {
        self.parent_span_id
            .try_into()
            .ok()
            .filter(|id| *id != [0; 8])
    }

    /// W3C trace state, as it stands in the header.
    pub fn trace_state(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.trace_state)
    }

    /// The name.
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    /// OTLP's number of the kind: internal 1, server 2, client 3, producer 4, consumer 5; 0 where it is unspecified or
    /// unknown.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// OTLP's `Span.flags`; see [`SpanHead::flags`](crate::SpanHead::flags).
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Start, in nanoseconds since the Unix epoch.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// End, in nanoseconds since the Unix epoch.
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// OTLP's number of the status: unset 0, ok 1, error 2; 0 also where it is unknown.
    pub fn status_code(&self) -> u8 {
        self.status
    }

    /// The status's description.
    pub fn status_message(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.status_message)
    }

    /// The attributes, in the order in which they stand.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.bytes, 9)
    }

    /// The value of this attribute; the last one if the key stands several times.
    pub fn attribute(&self, key: &str) -> Option<ValueView<'a>> {
        self.attributes()
            .filter(|(found, _)| found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// The events, in the order in which they stand.
    pub fn events(&self) -> Events<'a> {
        Events(Fields::new(self.bytes).messages(11))
    }

    /// The links, in the order in which they stand.
    pub fn links(&self) -> Links<'a> {
        Links(Fields::new(self.bytes).messages(13))
    }

    /// Attributes that a limit kept out.
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }

    /// Events that a limit kept out.
    pub fn dropped_events(&self) -> u32 {
        self.dropped_events
    }

    /// Links that a limit kept out.
    pub fn dropped_links(&self) -> u32 {
        self.dropped_links
    }
}

impl fmt::Debug for SpanView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::json::span_to_string(self))
    }
}

/// The number of an enumeration, or 0 where it is none of ours.
fn known(number: u64, highest: u8) -> u8 {
    // Protobuf cuts what it reads for an enumeration to 32 bits.
    u8::try_from(number as u32)
        .ok()
        .filter(|number| *number <= highest)
        .unwrap_or(0)
}

/// The events of a span.
#[derive(Clone, Debug)]
pub struct Events<'a>(Messages<'a>);

impl<'a> Iterator for Events<'a> {
    type Item = EventView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        EventView::scan(self.0.next()?, 0, false).ok()
    }
}

/// The links of a span.
#[derive(Clone, Debug)]
pub struct Links<'a>(Messages<'a>);

impl<'a> Iterator for Links<'a> {
    type Item = LinkView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        LinkView::scan(self.0.next()?, 0, false).ok()
    }
}
