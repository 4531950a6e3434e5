//! A receiver on this machine that answers what a test tells it to.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Queue, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use codomyrmex_core::{Delivery, ExportError, SpanExporter, Stats, Tracer};
use codomyrmex_otlp::{OtlpExporter, OtlpExporterBuilder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// One request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The names of the spans of a protobuf request.
    pub(crate) fn span_names(&self) -> Vec<String> {
        span_names(&ExportTraceServiceRequest::decode(&*self.body).unwrap())
    }
}

pub(crate) fn span_names(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    scopes
        .flat_map(|scope| &scope.spans)
        .map(|span| span.name.clone())
        .collect()
}

/// What is done with one request.
pub(crate) enum Answer {
    /// These bytes, on a connection that stays.
    Bytes(Vec<u8>),
    /// These bytes, then the end of the connection.
    Last(Vec<u8>),
    /// The end of the connection, with a reset where bytes are unread.
    Break,
    /// Nothing, until the client goes away.
    Silence,
    /// These bytes again and again, until the client goes away.
    Endless(Vec<u8>, Vec<u8>),
}

/// An answer with this status, these header lines, and this body.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Answer {
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

pub(crate) fn status(status: u16) -> Answer {
    answer(status, "", b"")
}

/// Answers by script; with success where the script is at its end.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Queue<Request>,
    /// Says a word for each connection that the client has ended.
    pub(crate) ended: Queue<()>,
}

struct Shared {
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Sender<Request>>,
    ended: Mutex<Sender<()>>,
}

/// A connection as a server sees it, through TLS or not.
pub(crate) trait Side: Read + Write + Send {}

impl<T: Read + Write + Send> Side for T {}

/// Makes of a TCP connection the one that requests come on. None where that fails.
pub(crate) type Accept = Box<dyn Fn(TcpStream) -> Option<Box<dyn Side>> + Send + Sync>;

impl Receiver {
    pub(crate) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::with(script, Box::new(|stream| Some(Box::new(stream))))
    }

    pub(crate) fn with(script: impl IntoIterator<Item = Answer>, accept: Accept) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script, accept)
    }

    /// On a port that is open already.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl IntoIterator<Item = Answer>,
        accept: Accept,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (send, requests) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            requests: Mutex::new(send),
            ended: Mutex::new(end),
        });
        let accept = Arc::new(accept);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (shared, accept) = (shared.clone(), accept.clone());
                thread::spawn(move || {
                    let raw = stream.try_clone().unwrap();
                    if let Some(side) = accept(stream) {
                        shared.serve(connection, BufReader::new(side));
                    }
                    let _ = raw.shutdown(Shutdown::Both);
                });
            }
        });
        Self {
            address,
            requests,
            ended,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An exporter to this receiver that retries quickly.
    pub(crate) fn exporter(&self) -> OtlpExporterBuilder {
        quick(&self.url())
    }

    /// All requests that came so far.
    pub(crate) fn so_far(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// An exporter that retries quickly, and otherwise waits longer than any test takes.
pub(crate) fn quick(url: &str) -> OtlpExporterBuilder {
    OtlpExporter::builder()
        .endpoint(url)
        .first_backoff(std::time::Duration::from_millis(1))
        .timeout(std::time::Duration::from_secs(100))
}

impl Shared {
    fn serve(&self, connection: usize, mut side: BufReader<Box<dyn Side>>) {
        while let Some(request) = read(connection, &mut side) {
            let answer = self.script.lock().unwrap().pop_front();
            let _ = self.requests.lock().unwrap().send(request);
            let stream = side.get_mut();
            let stays = match answer.unwrap_or_else(|| status(200)) {
                Answer::Bytes(bytes) => stream.write_all(&bytes).is_ok(),
                Answer::Last(bytes) => {
                    let _ = stream.write_all(&bytes);
                    return;
                }
                Answer::Break => return,
                Answer::Silence => {
                    let _ = std::io::copy(&mut side, &mut std::io::sink());
                    false
                }
                Answer::Endless(first, again) => {
                    let _ = stream.write_all(&first);
                    while stream.write_all(&again).is_ok() {}
                    false
                }
            };
            if !stays {
                break;
            }
        }
        let _ = self.ended.lock().unwrap().send(());
    }
}

/// The next request on a connection; None at its end.
pub(crate) fn read(connection: usize, reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        connection,
        line: line.trim_end().to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length")?.parse().ok()?;
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// What an export gave, as one word and the message.
pub(crate) type Outcome = Result<(), (String, String)>;

/// An exporter whose outcomes a test sees.
pub(crate) struct Seen {
    exporter: Arc<OtlpExporter>,
    outcomes: Mutex<Sender<Outcome>>,
}

impl Seen {
    pub(crate) fn new(exporter: impl Into<Arc<OtlpExporter>>, outcomes: Sender<Outcome>) -> Self {
        Self {
            exporter: exporter.into(),
            outcomes: Mutex::new(outcomes),
        }
    }
}

impl SpanExporter for Seen {
    fn export(&self, batch: &codomyrmex_core::Batch) -> Result<(), ExportError> {
        let outcome = self.exporter.export(batch);
        let seen = match &outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let kind = match (error.rejected_spans(), error.is_retryable()) {
                    (Some(count), _) => format!("rejected {count}"),
                    (None, true) => "retryable".to_owned(),
                    (None, false) => "permanent".to_owned(),
                };
                Err((kind, error.to_string()))
            }
        };
        let _ = self.outcomes.lock().unwrap().send(seen);
        outcome
    }

    fn delivery(&self) -> Delivery {
        self.exporter.delivery()
    }

    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn flush(&self) {
        self.exporter.flush();
    }

    fn shutdown(&self) {
        self.exporter.shutdown();
    }

    fn cancel(&self) {
        self.exporter.cancel();
    }
}

/// A tracer to an exporter, and what comes of its exports.
pub(crate) struct Traced {
    pub(crate) tracer: Tracer,
    pub(crate) exporter: Arc<OtlpExporter>,
    pub(crate) outcomes: Queue<Outcome>,
}

impl Traced {
    pub(crate) fn new(exporter: OtlpExporterBuilder) -> Self {
        let exporter = Arc::new(exporter.build().unwrap());
        let (send, outcomes) = mpsc::channel();
        let seen = Seen::new(exporter.clone(), send);
        Self {
            // The exporter's own timeout is what counts.
            tracer: Tracer::builder("shop")
                .exporter(seen)
                .export_timeout(std::time::Duration::ZERO)
                .build(),
            exporter,
            outcomes,
        }
    }

    /// Exports these spans in one batch.
    pub(crate) fn export(&self, names: &[&str]) -> Outcome {
        for name in names {
            self.tracer.span(name).finish();
        }
        self.tracer.flush();
        self.outcomes.recv().unwrap()
    }

    /// Exported and failed spans, of books that balance.
    pub(crate) fn books(&self) -> (u64, u64) {
        let stats: Stats = self.tracer.stats();
        assert!(stats.balanced(), "{stats}");
        (
            stats.exporters[0].exported,
            stats.exporters[0].dropped.export_failed,
        )
    }
}
