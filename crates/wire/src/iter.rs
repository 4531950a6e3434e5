use crate::error::DecodeError;
use crate::fields::{Field, Fields, Payload};
use crate::view::SpanView;

/// The spans of a batch: `ScopeSpans.spans` fields laid one behind the other.
///
/// A span that cannot be read is an error in its place, and the next one follows; where the batch itself breaks off,
/// the error is the last item. Fields of other numbers are skipped.
#[derive(Clone, Debug)]
pub struct SpanIter<'a>(Fields<'a>);

impl<'a> SpanIter<'a> {
    /// The spans in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        SpanIter(Fields::new(bytes))
    }
}

impl<'a> Iterator for SpanIter<'a> {
    type Item = Result<SpanView<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.next()? {
                Ok(Field {
                    number: 2,
                    payload: Payload::Bytes(span),
                    offset,
                }) => {
                    return Some(SpanView::scan(span, offset, true));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
