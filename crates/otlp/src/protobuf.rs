//! The little of protobuf that answers need, over bytes from anybody.

use crate::answer::AnswerError;

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A number of fixed width, which no message here uses.
    Fixed,
}

/// The fields of a message in their order; after an error nothing follows.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The bytes that no field has been read from yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next varint, where something else than a field begins.
    pub(crate) fn varint(&mut self) -> Result<u64, AnswerError> {
        let mut value = 0;
        for index in 0..10 {
            let (&byte, rest) = self.rest.split_first().ok_or(AnswerError::Truncated)?;
            self.rest = rest;
            if index == 9 && byte > 1 {
                return Err(AnswerError::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(AnswerError::Varint)
    }

    pub(crate) fn chunk(&mut self, length: u64) -> Result<&'a [u8], AnswerError> {
        let length = usize::try_from(length).map_err(|_| AnswerError::Truncated)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(AnswerError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), AnswerError> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.chunk(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.chunk(length)?)
            }
            5 => self.chunk(4).map(|_| Value::Fixed)?,
            _ => return Err(AnswerError::Tag),
        };
        match tag >> 3 {
            0 => Err(AnswerError::Tag),
            number => Ok((number, value)),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), AnswerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Appends a varint.
pub(crate) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
