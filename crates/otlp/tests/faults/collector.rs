//! A receiver that knows which spans it took.

use std::collections::HashSet;
use std::net::TcpListener;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::receiver::{Accept, Answer, Receiver, Request, answer, status};

/// A span's trace id and span id.
pub(crate) type SpanKey = (Vec<u8>, Vec<u8>);

/// One answer of a collector, and whether it takes the spans.
pub(crate) struct Verdict {
    answer: Answer,
    takes: bool,
}

/// It takes the spans, and this is its answer.
pub(crate) fn takes(answer: Answer) -> Verdict {
    Verdict {
        answer,
        takes: true,
    }
}

/// It takes nothing, and this is its answer.
pub(crate) fn refuses(answer: Answer) -> Verdict {
    Verdict {
        answer,
        takes: false,
    }
}

/// It takes nothing, with this status.
pub(crate) fn refuses_with(code: u16, headers: &str) -> Verdict {
    refuses(answer(code, headers, b""))
}

/// It takes the spans, and says so.
pub(crate) fn success() -> Verdict {
    takes(status(200))
}

/// Judges the requests in order, by its verdicts; takes everything once they are used up.
pub(crate) struct Collector {
    pub(crate) receiver: Receiver,
    verdicts: Vec<bool>,
    requests: Vec<Request>,
}

/// What a collector got.
#[derive(Debug, Default)]
pub(crate) struct Got {
    /// Spans in requests that it took.
    pub(crate) taken: HashSet<SpanKey>,
    /// Spans that it took more than once.
    pub(crate) twice: usize,
    /// Spans in requests of any kind.
    pub(crate) seen: HashSet<SpanKey>,
    /// Requests of any kind.
    pub(crate) requests: usize,
}

impl Collector {
    pub(crate) fn new(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        Self::with(verdicts, Box::new(|stream| Some(Box::new(stream))))
    }

    pub(crate) fn with(verdicts: impl IntoIterator<Item = Verdict>, accept: Accept) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), verdicts, accept)
    }

    pub(crate) fn on(
        listener: TcpListener,
        verdicts: impl IntoIterator<Item = Verdict>,
        accept: Accept,
    ) -> Self {
        let (answers, verdicts): (Vec<_>, Vec<_>) = verdicts
            .into_iter()
            .map(|verdict| (verdict.answer, verdict.takes))
            .unzip();
        Self {
            receiver: Receiver::on(listener, answers, accept),
            verdicts,
            requests: Vec::new(),
        }
    }

    /// Waits for the next request.
    pub(crate) fn next(&mut self) {
        self.requests.push(self.receiver.requests.recv().unwrap());
    }

    /// Everything that came so far. To be asked when no export is under way.
    pub(crate) fn got(&mut self) -> Got {
        self.requests.extend(self.receiver.so_far());
        let mut got = Got {
            requests: self.requests.len(),
            ..Got::default()
        };
        for (number, request) in self.requests.iter().enumerate() {
            let takes = self.verdicts.get(number).copied().unwrap_or(true);
            for key in span_keys(&request.body) {
                got.seen.insert(key.clone());
                if takes && !got.taken.insert(key) {
                    got.twice += 1;
                }
            }
        }
        got
    }
}

pub(crate) fn span_keys(body: &[u8]) -> Vec<SpanKey> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    scopes
        .flat_map(|scope| scope.spans)
        .map(|span| (span.trace_id, span.span_id))
        .collect()
}
