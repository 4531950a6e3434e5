use crate::error::{DecodeError, DecodeReason};

/// Levels of messages, values and groups that are read.
pub(crate) const MAX_LEVELS: usize = 100;

/// The fields of a message, in the order in which they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Index of the message in what was given to be parsed.
    base: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) payload: Payload<'a>,
    /// Index of the payload in what was given to be parsed; that of a message is that of its first field.
    pub(crate) offset: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    /// A group, which no message of OTLP has.
    Group,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Fields::at(bytes, 0)
    }

    pub(crate) fn at(bytes: &'a [u8], base: usize) -> Self {
        Fields { bytes, at: 0, base }
    }

    /// The messages, texts or byte strings in fields of this number.
    pub(crate) fn messages(self, number: u32) -> Messages<'a> {
        Messages {
            fields: self,
            number,
        }
    }

    fn fail<T>(&self, at: usize, reason: DecodeReason) -> Result<T, DecodeError> {
        Err(DecodeError {
            offset: self.base + at,
            reason,
        })
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else {
                return self.fail(start, DecodeReason::Truncated);
            };
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.fail(start, DecodeReason::Varint)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .and_then(|end| self.bytes.get(self.at..end));
        match taken {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => self.fail(self.at, DecodeReason::Truncated),
        }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(N as u64)?;
        match bytes.first_chunk() {
            Some(chunk) => Ok(*chunk),
            None => self.fail(self.at, DecodeReason::Truncated),
        }
    }

    fn tag(&mut self) -> Result<(u32, u8), DecodeError> {
        let start = self.at;
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >> 3 != 0 => Ok((tag >> 3, (tag & 7) as u8)),
            _ => self.fail(start, DecodeReason::Tag),
        }
    }

    fn field(&mut self, levels: usize) -> Result<Field<'a>, DecodeError> {
        let start = self.at;
        let (number, kind) = self.tag()?;
        let mut offset = self.base + self.at;
        let payload = match kind {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(u64::from_le_bytes(self.chunk()?)),
            2 => {
                let length = self.varint()?;
                offset = self.base + self.at;
                Payload::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group(start, number, levels)?;
                Payload::Group
            }
            4 => return self.fail(start, DecodeReason::Group),
            5 => Payload::Fixed32(u32::from_le_bytes(self.chunk()?)),
            _ => return self.fail(start, DecodeReason::Tag),
        };
        Ok(Field {
            number,
            payload,
            offset,
        })
    }

    fn skip_group(&mut self, start: usize, number: u32, levels: usize) -> Result<(), DecodeError> {
        if levels == 0 {
            return self.fail(start, DecodeReason::Depth);
        }
        loop {
            if self.at == self.bytes.len() {
                return self.fail(start, DecodeReason::Group);
            }
            let before = self.at;
            let (inner, kind) = self.tag()?;
            if kind == 4 {
                return if inner == number {
                    Ok(())
                } else {
                    self.fail(before, DecodeReason::Group)
                };
            }
            self.at = before;
            self.field(levels - 1)?;
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field(MAX_LEVELS);
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

/// The byte fields of one number in a message that has been checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages<'a> {
    fields: Fields<'a>,
    number: u32,
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.fields.next()?.ok()? {
                Field {
                    number,
                    payload: Payload::Bytes(bytes),
                    ..
                } if number == self.number => return Some(bytes),
                _ => {}
            }
        }
    }
}
