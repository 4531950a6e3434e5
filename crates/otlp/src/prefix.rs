//! What stands in front of a batch's spans, for fewer of them.

use crate::answer::AnswerError;
use crate::protobuf::{Fields, push_varint};

/// `TracesData.resource_spans` and `ResourceSpans.scope_spans`: the two lengths that count the spans.
const RESOURCE_SPANS: u64 = 1 << 3 | 2;
const SCOPE_SPANS: u64 = 2 << 3 | 2;

/// Resource and scope of a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Prefix<'a> {
    resource: &'a [u8],
    scope: &'a [u8],
}

impl<'a> Prefix<'a> {
    /// Takes a prefix apart. The lengths in it count spans that are not there.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, AnswerError> {
        let mut fields = Fields::new(bytes);
        if fields.varint()? != RESOURCE_SPANS {
            return Err(AnswerError::Tag);
        }
        fields.varint()?;
        let resource = fields.rest();
        loop {
            let before = resource.len() - fields.rest().len();
            let tag = fields.varint()?;
            let length = fields.varint()?;
            if tag == SCOPE_SPANS {
                return Ok(Self {
                    resource: &resource[..before],
                    scope: fields.rest(),
                });
            }
            if tag & 7 != 2 {
                return Err(AnswerError::Tag);
            }
            fields.chunk(length)?;
        }
    }

    /// The prefix of this many bytes of spans.
    pub(crate) fn before(&self, spans: usize) -> Vec<u8> {
        let mut scope = Vec::with_capacity(self.scope.len() + 12);
        push_varint(&mut scope, SCOPE_SPANS);
        push_varint(&mut scope, (self.scope.len() + spans) as u64);
        scope.extend_from_slice(self.scope);

        let mut bytes = Vec::with_capacity(self.resource.len() + scope.len() + 12);
        push_varint(&mut bytes, RESOURCE_SPANS);
        push_varint(
            &mut bytes,
            (self.resource.len() + scope.len() + spans) as u64,
        );
        bytes.extend_from_slice(self.resource);
        bytes.extend_from_slice(&scope);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codomyrmex_wire::ScopeHeader;

    #[test]
    fn a_prefix_of_other_spans_is_what_the_encoder_would_write() {
        let resource = [("service.name".to_owned(), "shop".into())];
        for header in [
            ScopeHeader::new(&resource, "cart", "1.0", "https://schema", &[]),
            ScopeHeader::new(&[], "", "", "", &[]),
        ] {
            for from in [0, 1, 200, 70_000] {
                let bytes = header.prefix(from);
                let prefix = Prefix::parse(&bytes).unwrap();
                for to in [0, 90, 127, 128, 16_384] {
                    assert_eq!(prefix.before(to), header.prefix(to), "{from} {to}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_prefix_is_an_error() {
        for bytes in [
            &b""[..],
            b"\x0a",
            b"\x12\x00",
            b"\x0a\x05\x0a\x01",
            b"\x0a\x05\x08\x01",
        ] {
            assert!(Prefix::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
