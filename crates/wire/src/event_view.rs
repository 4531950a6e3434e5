use std::borrow::Cow;

use crate::error::DecodeError;
use crate::fields::{Fields, Payload};
use crate::value_view::{Attributes, check_attribute};

/// An event of a span, read in place.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    bytes: &'a [u8],
    name: &'a [u8],
    time_ns: u64,
    dropped_attributes: u32,
}

impl<'a> EventView<'a> {
    pub(crate) fn scan(bytes: &'a [u8], base: usize, check: bool) -> Result<Self, DecodeError> {
        let mut event = EventView {
            bytes,
            name: &[],
            time_ns: 0,
            dropped_attributes: 0,
        };
        for field in Fields::at(bytes, base) {
            let field = field?;
            match (field.number, field.payload) {
                (1, Payload::Fixed64(time)) => event.time_ns = time,
                (2, Payload::Bytes(text)) => event.name = text,
                (3, Payload::Bytes(message)) if check => check_attribute(message, field.offset)?,
                (4, Payload::Varint(count)) => event.dropped_attributes = count as u32,
                _ => {}
            }
        }
        Ok(event)
    }

    /// When it happened, in nanoseconds since the Unix epoch.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The name.
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    /// The attributes, in the order in which they stand.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.bytes, 3)
    }

    /// Attributes that a limit kept out.
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }
}
