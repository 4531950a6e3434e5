//! The second process: ranks words over HTTP, and hands its spans to the process that started it.
//!
//! On standard output it says where it listens; when its standard input ends it ends too, and then writes its books (a line)
//! and its spans (an OTLP request). So it cannot outlive the process that started it.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use codomyrmex_tracing::{
    FutureExt, Span, SpanContext, SpanKind, SpanOptions, Tracer, get_current_span, trace,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::{runtime, time};

use crate::demo::books::Books;
use crate::demo::collected::Collected;
use crate::demo::ranking::{Malformed, Question, Ranking, Scored, score};

/// Its name in the trace.
pub(crate) const SERVICE: &str = "ranker";
/// Where it is asked.
pub(crate) const ROUTE: &str = "/rank";

const WORKERS: usize = 2;
/// How long open connections are waited for at the end.
const PARTING: Duration = Duration::from_secs(2);
/// Most bytes of a question.
const MOST_BYTES: usize = 8 << 20;

/// Serves until standard input ends, then hands over.
///
/// # Errors
///
/// If no socket can be had, or standard output is gone.
pub(crate) fn serve() -> io::Result<()> {
    let collected = Collected::default();
    let tracer = Tracer::builder(SERVICE).exporter(collected.clone()).build();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    runtime.block_on(answer(tracer.clone()))?;
    drop(runtime);

    let books = Books::close(&tracer);
    let mut out = io::stdout().lock();
    writeln!(out, "{books}")?;
    out.write_all(&collected.request())?;
    out.flush()
}

async fn answer(tracer: Tracer) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (ended, end) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    })?;
    println!("{}", listener.local_addr()?);

    let app = Router::new()
        .route(ROUTE, post(ranked))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(tracer);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
    let server = tokio::spawn(server.into_future());
    let _ = end.await;
    drop(stop);
    match time::timeout(PARTING, server).await {
        Ok(served) => served?,
        // Somebody keeps a connection open without asking anything.
        Err(_) => Ok(()),
    }
}

/// Answers one question, in a span under the one whose context the headers carry.
async fn ranked(
    State(tracer): State<Tracer>,
    headers: HeaderMap,
    body: String,
) -> Result<String, (StatusCode, String)> {
    let span = server_span(&tracer, &headers);
    async move {
        let (status, answer) = match rank(&tracer, &body) {
            Ok(ranking) => (StatusCode::OK, Ok(ranking.to_string())),
            Err(error) => (StatusCode::BAD_REQUEST, Err(error.to_string())),
        };
        if let Some(span) = get_current_span() {
            span.set_attribute("http.response.status_code", status.as_u16());
        }
        answer.map_err(|message| (status, message))
    }
    .in_span(span)
    .await
}

fn server_span(tracer: &Tracer, headers: &HeaderMap) -> Span {
    let caller = context(headers);
    let mut options = SpanOptions::new().kind(SpanKind::Server);
    if let Some(caller) = &caller {
        options = options.parent(caller);
    }
    let span = tracer.start_span_with(&format!("POST {ROUTE}"), options);
    span.set_attribute("http.route", ROUTE)
        .set_attribute("http.request.method", "POST");
    span
}

fn context(headers: &HeaderMap) -> Option<SpanContext> {
    SpanContext::from_headers(&|name: &str, visit: &mut dyn FnMut(&str)| {
        let values = headers.get_all(name).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .for_each(visit);
    })
}

fn rank(tracer: &Tracer, body: &str) -> Result<Ranking, Malformed> {
    let question = parse(tracer, body)?;
    let scored = weigh(tracer, question);
    Ok(sort(tracer, scored))
}

#[trace("parse", tracer = tracer, attributes(bytes = body.len()))]
fn parse(tracer: &Tracer, body: &str) -> Result<Question, Malformed> {
    body.parse()
}

#[trace("score", tracer = tracer, attributes(terms = question.terms.len()))]
fn weigh(tracer: &Tracer, question: Question) -> Vec<Scored> {
    score(question)
}

#[trace("sort", tracer = tracer)]
fn sort(tracer: &Tracer, scored: Vec<Scored>) -> Ranking {
    Ranking::of(scored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codomyrmex_tracing::InMemoryExporter;

    /// Asks without a network: the future of [`ranked`] never waits for anything.
    fn ask(headers: HeaderMap, body: &str) -> (Result<String, (StatusCode, String)>, String) {
        let spans = InMemoryExporter::new();
        let tracer = Tracer::builder("test").exporter(spans.clone()).build();
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(ranked(State(tracer.clone()), headers, body.to_owned()));
        tracer.flush();
        (answer, spans.tree_with(&["http.response.status_code"]))
    }

    #[test]
    fn a_question_is_answered_under_its_callers_span() {
        let caller = Tracer::builder("caller").build();
        let caller = caller.span("call");
        let mut headers = HeaderMap::new();
        caller.context().inject(&mut |name, value| {
            let name: axum::http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        });
        assert_eq!(context(&headers).unwrap().span_id, caller.span_id());

        let (answer, tree) = ask(headers, "2\nspan 3 1\n");

        assert!(answer.unwrap().starts_with("span 0.66"));
        let shape = "POST /rank (parent missing) http.response.status_code=200\n├─ parse\n├─ score\n╰─ sort\n";
        assert!(tree.contains(shape), "{tree}");
    }

    #[test]
    fn nonsense_is_refused_and_recorded() {
        let (answer, tree) = ask(HeaderMap::new(), "nonsense");
        assert_eq!(answer.unwrap_err().0, StatusCode::BAD_REQUEST);
        assert!(tree.contains("http.response.status_code=400"), "{tree}");
        assert!(tree.contains("✗ parse"), "{tree}");
    }
}
