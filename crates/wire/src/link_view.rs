use std::borrow::Cow;

use crate::error::DecodeError;
use crate::fields::{Fields, Payload};
use crate::value_view::{Attributes, check_attribute};

/// A link of a span to another one, read in place.
#[derive(Clone, Copy, Debug)]
pub struct LinkView<'a> {
    bytes: &'a [u8],
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    trace_state: &'a [u8],
    dropped_attributes: u32,
    flags: u32,
}

impl<'a> LinkView<'a> {
    pub(crate) fn scan(bytes: &'a [u8], base: usize, check: bool) -> Result<Self, DecodeError> {
        let mut link = LinkView {
            bytes,
            trace_id: &[],
            span_id: &[],
            trace_state: &[],
            dropped_attributes: 0,
            flags: 0,
        };
        for field in Fields::at(bytes, base) {
            let field = field?;
            match (field.number, field.payload) {
                (1, Payload::Bytes(id)) => link.trace_id = id,
                (2, Payload::Bytes(id)) => link.span_id = id,
                (3, Payload::Bytes(text)) => link.trace_state = text,
                (4, Payload::Bytes(message)) if check => check_attribute(message, field.offset)?,
                (5, Payload::Varint(count)) => link.dropped_attributes = count as u32,
                (6, Payload::Fixed32(flags)) => link.flags = flags,
                _ => {}
            }
        }
        Ok(link)
    }

    /// The linked span's trace id; zero where it does not have 16 bytes.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id.try_into().unwrap_or_default()
    }

    /// The linked span's id; zero where it does not have 8 bytes.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id.try_into().unwrap_or_default()
    }

    /// The linked span's W3C trace state.
    pub fn trace_state(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.trace_state)
    }

    /// OTLP's `Link.flags`; see [`SpanHead::flags`](crate::SpanHead::flags).
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The attributes, in the order in which they stand.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.bytes, 4)
    }

    /// Attributes that a limit kept out.
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }
}
