//! The second process as the first one sees it: started, asked, and asked for its spans at the end.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use codomyrmex_tracing::{FutureExt, Span, SpanKind, SpanOptions, Tracer, get_current_span};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::{runtime, time};

use crate::demo::books::Books;
use crate::demo::ranker::ROUTE;
use crate::demo::ranking::{Malformed, Question, Ranking};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const MOST_BYTES: usize = 1 << 20;

/// The second process. Dropped before it has handed over, it is killed.
#[derive(Debug)]
pub(crate) struct Ranker {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// What the second process hands over at its end.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) books: Books,
    /// Its spans, as an OTLP request.
    pub(crate) request: Vec<u8>,
}

impl Ranker {
    /// Starts it; it gets ready by itself.
    pub(crate) fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("demo-ranker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().map(BufReader::new);
        let out = out.ok_or_else(|| io::Error::other("the second process has no output"))?;
        Ok(Self { child, out })
    }

    /// Waits until it is ready, and says where.
    pub(crate) fn address(&mut self) -> io::Result<SocketAddr> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        let address = line.trim_end().parse();
        address.map_err(|_| io::Error::other("the second process does not say where it listens"))
    }

    /// Ends it and takes its books and spans over.
    pub(crate) fn hand_over(mut self) -> io::Result<HandedOver> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        let mut request = Vec::new();
        self.out.read_to_end(&mut request)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!(
                "the second process failed: {status}"
            )));
        }
        let books = line.trim_end().parse().map_err(io::Error::other)?;
        Ok(HandedOver { books, request })
    }
}

impl Drop for Ranker {
    fn drop(&mut self) {
        // Both fail for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks all questions at once, on this thread alone, and returns the answers in their order.
///
/// # Errors
///
/// The first question that is not answered; it is recorded on its span.
pub(crate) fn ask(
    tracer: &Tracer,
    address: SocketAddr,
    questions: Vec<Question>,
) -> Result<Vec<Ranking>, AskError> {
    let span = tracer.start_span("rank terms");
    span.set_attribute("requests", questions.len());
    let all = async {
        let mut asked = JoinSet::new();
        for (place, question) in questions.into_iter().enumerate() {
            let call = client_span(tracer, address, &question);
            let one = one(tracer.clone(), address, question).in_span(call);
            asked.spawn(async move { (place, one.await) });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(AskError::Io)?.block_on(all.in_span(span))
}

fn client_span(tracer: &Tracer, address: SocketAddr, question: &Question) -> Span {
    let client = SpanOptions::new().kind(SpanKind::Client);
    let span = tracer.start_span_with(&format!("POST {ROUTE}"), client);
    span.set_attribute("url.full", format_args!("http://{address}{ROUTE}"))
        .set_attribute("terms", question.terms.len())
        .set_attribute("http.request.method", "POST");
    span
}

/// Asks one question within the current span, which is its call.
async fn one(tracer: Tracer, address: SocketAddr, question: Question) -> Result<Ranking, AskError> {
    let exchange = time::timeout(PATIENCE, exchange(&tracer, address, question));
    let answer = exchange.await.unwrap_or(Err(AskError::TimedOut));
    if let (Err(error), Some(span)) = (&answer, get_current_span()) {
        span.record_error(error);
    }
    answer
}

async fn exchange(
    tracer: &Tracer,
    address: SocketAddr,
    question: Question,
) -> Result<Ranking, AskError> {
    let connecting = TcpStream::connect(address).in_span(tracer.start_span("connect"));
    let stream = TokioIo::new(connecting.await.map_err(AskError::Io)?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(AskError::Http)?;
    tokio::spawn(connection);

    let mut request = Request::post(ROUTE).header("host", address.to_string());
    if let Some(span) = get_current_span() {
        for (name, value) in span.context().to_headers() {
            request = request.header(name, value);
        }
    }
    let body = Full::new(Bytes::from(question.to_string()));
    let request = request.body(body).map_err(AskError::Request)?;
    let response = sender.send_request(request).await.map_err(AskError::Http)?;
    let status = response.status();
    if let Some(span) = get_current_span() {
        span.set_attribute("http.response.status_code", status.as_u16());
    }
    let body = Limited::new(response.into_body(), MOST_BYTES)
        .collect()
        .await;
    let body = body.map_err(AskError::Body)?.to_bytes();
    if status != StatusCode::OK {
        return Err(AskError::Refused(status));
    }
    String::from_utf8_lossy(&body)
        .parse()
        .map_err(AskError::Malformed)
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    Io(io::Error),
    Request(hyper::http::Error),
    Http(hyper::Error),
    Body(Box<dyn std::error::Error + Send + Sync>),
    Refused(StatusCode),
    Malformed(Malformed),
    TimedOut,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Request(error) => write!(f, "{error}"),
            Self::Http(error) => write!(f, "{error}"),
            Self::Body(error) => write!(f, "the answer broke off: {error}"),
            Self::Refused(status) => write!(f, "the answer is {status}"),
            Self::Malformed(error) => write!(f, "the answer is malformed: {error}"),
            Self::TimedOut => write!(f, "no answer within {} s", PATIENCE.as_secs()),
        }
    }
}

impl std::error::Error for AskError {}
