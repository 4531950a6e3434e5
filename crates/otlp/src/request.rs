//! What is sent: a batch, cut where it is too large for one request.

use std::ops::Range;

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use codomyrmex_core::Batch;
use codomyrmex_wire::{TracesView, json};

use crate::answer::AnswerError;
use crate::compress::compress;
use crate::prefix::Prefix;
use crate::protobuf::Fields;
use crate::protocol::{Compression, Protocol};
use crate::settings::Settings;

/// The tag of `ScopeSpans.spans`, which stands before each span of a batch.
const SPANS: u64 = 2 << 3 | 2;

/// One request: what stands in front of the spans, and the spans, which are not copied.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    front: Bytes,
    spans: Bytes,
    /// How many spans there are.
    pub(crate) len: u64,
    /// How the body is compressed.
    pub(crate) compression: Compression,
}

impl Request {
    pub(crate) fn body(&self) -> Chain<Bytes, Bytes> {
        self.front.clone().chain(self.spans.clone())
    }

    fn size(&self) -> usize {
        self.front.len() + self.spans.len()
    }

    fn compressed(mut self, compression: Compression) -> Self {
        if let Ok(Some(bytes)) = compress(compression, [&self.front, &self.spans]) {
            (self.front, self.spans) = (bytes.into(), Bytes::new());
            self.compression = compression;
        }
        self
    }

    fn json(&self) -> Result<Bytes, ()> {
        let protobuf = [&*self.front, &*self.spans].concat();
        let traces = TracesView::parse(&protobuf).map_err(drop)?;
        // JSON takes two to three times the space.
        let mut text = String::with_capacity(protobuf.len() * 3);
        json::write_traces(&traces, &mut text);
        Ok(text.into())
    }
}

/// A batch as requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) requests: Vec<Request>,
    /// Spans that are too large for any request.
    pub(crate) oversized: u64,
}

/// A batch's spans, shared and not copied.
struct Shared(Batch);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// A body that was made elsewhere.
pub(crate) fn made(body: Vec<u8>, spans: u64) -> Requests {
    let request = Request {
        front: body.into(),
        spans: Bytes::new(),
        len: spans,
        compression: Compression::None,
    };
    Requests {
        requests: vec![request],
        oversized: 0,
    }
}

/// Makes requests of a batch. None where its bytes are no spans.
pub(crate) fn requests(settings: &Settings, batch: &Batch) -> Option<Requests> {
    let whole = Request {
        front: batch.request_prefix().into(),
        spans: Bytes::from_owner(Shared(batch.clone())),
        len: batch.len() as u64,
        compression: Compression::None,
    };
    let mut cut = Cut {
        settings,
        made: Requests::default(),
    };
    cut.add(&whole)?;
    Some(cut.made)
}

struct Cut<'s> {
    settings: &'s Settings,
    made: Requests,
}

impl Cut<'_> {
    /// Adds the request, or the parts of it that are small enough.
    fn add(&mut self, request: &Request) -> Option<()> {
        let limit = self.settings.max_request_bytes;
        let mut ready = request.clone();
        if self.settings.protocol == Protocol::HttpJson && request.size() <= limit {
            (ready.front, ready.spans) = (request.json().ok()?, Bytes::new());
        }
        if ready.size() <= limit {
            // gRPC compresses messages by itself.
            if self.settings.protocol != Protocol::Grpc {
                ready = ready.compressed(self.settings.compression);
            }
            self.made.requests.push(ready);
            return Some(());
        }
        if request.len <= 1 {
            self.made.oversized += request.len;
            return Some(());
        }
        let spans = extents(&request.spans).ok()?;
        let half = request.spans.len() / 2;
        let middle = spans
            .iter()
            .position(|span| span.end > half)
            .unwrap_or(0)
            .clamp(1, spans.len().checked_sub(1).filter(|last| *last > 0)?);
        let prefix = Prefix::parse(&request.front).ok()?;
        for part in [&spans[..middle], &spans[middle..]] {
            let (Some(first), Some(last)) = (part.first(), part.last()) else {
                continue;
            };
            let spans = request.spans.slice(first.start..last.end);
            self.add(&Request {
                front: prefix.before(spans.len()).into(),
                spans,
                len: part.len() as u64,
                compression: Compression::None,
            })?;
        }
        Some(())
    }
}

/// Where each span lies, with its tag.
fn extents(spans: &[u8]) -> Result<Vec<Range<usize>>, AnswerError> {
    let mut extents = Vec::new();
    let mut fields = Fields::new(spans);
    while !fields.rest().is_empty() {
        let start = spans.len() - fields.rest().len();
        if fields.varint()? != SPANS {
            return Err(AnswerError::Tag);
        }
        let length = fields.varint()?;
        fields.chunk(length)?;
        extents.push(start..spans.len() - fields.rest().len());
    }
    Ok(extents)
}
