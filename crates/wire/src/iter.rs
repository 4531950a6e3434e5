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

/// Where the first `count` spans of a batch end: an index into its bytes. Nothing but the spans' lengths is read. Where there
/// are no more spans, or the batch breaks off, it is the end of the bytes.
///
/// ```
/// use codomyrmex_wire::{end_of_spans, encode_span, SpanHead};
/// let mut batch = vec![0; 200];
/// let one = encode_span(&mut batch, &SpanHead::default(), b"").unwrap();
/// let two = one + encode_span(&mut batch[one..], &SpanHead::default(), b"").unwrap();
/// assert_eq!([0, 1, 2, 3].map(|count| end_of_spans(&batch[..two], count)), [0, one, two, two]);
/// ```
pub fn end_of_spans(bytes: &[u8], count: usize) -> usize {
    if count == 0 {
        return 0;
    }
    let spans = Fields::new(bytes).filter_map(|field| match field {
        Ok(Field {
            number: 2,
            payload: Payload::Bytes(span),
            offset,
        }) => Some(offset + span.len()),
        _ => None,
    });
    spans.into_iter().nth(count - 1).unwrap_or(bytes.len())
}
