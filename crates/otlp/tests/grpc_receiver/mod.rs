//! A gRPC receiver on this machine that answers what a test tells it to.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver as Queue, Sender};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// One call as it came.
pub(crate) struct Call {
    pub(crate) connection: usize,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The message, inflated where it was compressed.
    pub(crate) message: Vec<u8>,
}

/// What is done with one call.
pub(crate) enum Reply {
    /// This message, and success.
    Message(Vec<u8>),
    /// This message, which is compressed so, and success.
    Compressed(&'static str, Vec<u8>),
    /// These bytes in place of a message with its frame, and success.
    Raw(Vec<u8>),
    /// This code, with a message and details.
    Status(i32, &'static str, Vec<u8>),
    /// An HTTP status from somebody who knows no gRPC.
    Http(u16),
    /// Nothing, until the client goes away.
    Silence,
    /// The end of the connection.
    Break,
}

pub(crate) struct GrpcReceiver {
    pub(crate) address: SocketAddr,
    pub(crate) calls: Queue<Call>,
    /// Says a word for each call that the client has given up.
    pub(crate) given_up: Queue<()>,
}

struct Shared {
    script: Mutex<VecDeque<Reply>>,
    calls: Mutex<Sender<Call>>,
    given_up: Mutex<Sender<()>>,
}

/// Says a word when it is dropped.
struct Word(Arc<Shared>);

impl Drop for Word {
    fn drop(&mut self) {
        let _ = self.0.given_up.lock().unwrap().send(());
    }
}

type Body = BoxBody<Bytes, Infallible>;

impl GrpcReceiver {
    pub(crate) fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(script, None)
    }

    pub(crate) fn with(
        script: impl IntoIterator<Item = Reply>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (send, calls) = mpsc::channel();
        let (give_up, given_up) = mpsc::channel();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            calls: Mutex::new(send),
            given_up: Mutex::new(give_up),
        });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                for connection in 0.. {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (shared, tls) = (shared.clone(), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => shared.serve(connection, TokioIo::new(stream)).await,
                            Some(tls) => {
                                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                    shared.serve(connection, TokioIo::new(stream)).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self {
            address,
            calls,
            given_up,
        }
    }

    pub(crate) fn so_far(&self) -> Vec<Call> {
        self.calls.try_iter().collect()
    }
}

impl Shared {
    async fn serve<S>(self: Arc<Self>, connection: usize, stream: S)
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (broken, mut breaks) = tokio::sync::mpsc::channel(1);
        let service = service_fn(move |request| {
            let (shared, broken) = (self.clone(), broken.clone());
            async move { shared.answer(connection, request, broken).await }
        });
        let serving = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service);
        tokio::select! {
            _ = serving => {}
            _ = breaks.recv() => {}
        }
    }

    async fn answer(
        self: Arc<Self>,
        connection: usize,
        request: Request<Incoming>,
        broken: tokio::sync::mpsc::Sender<()>,
    ) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let frame = body.collect().await.unwrap().to_bytes();
        let reply = self.script.lock().unwrap().pop_front();
        let call = Call {
            connection,
            path: parts.uri.path().to_owned(),
            message: unframed(&frame, parts.headers.get("grpc-encoding")),
            headers: parts.headers,
        };
        let _ = self.calls.lock().unwrap().send(call);
        Ok(match reply.unwrap_or(Reply::Message(Vec::new())) {
            Reply::Message(message) => {
                response(200, framed(0, &message), Some(trailers(0, "", &[])))
            }
            Reply::Compressed(encoding, message) => {
                let mut response = response(200, framed(1, &message), Some(trailers(0, "", &[])));
                let encoding = HeaderValue::from_static(encoding);
                response.headers_mut().insert("grpc-encoding", encoding);
                response
            }
            Reply::Raw(bytes) => response(200, bytes, Some(trailers(0, "", &[]))),
            Reply::Status(code, message, details) => {
                response(200, Vec::new(), Some(trailers(code, message, &details)))
            }
            Reply::Http(status) => response(status, b"no gRPC".to_vec(), None),
            Reply::Silence => {
                let _word = Word(self.clone());
                std::future::pending().await
            }
            Reply::Break => {
                let _ = broken.send(()).await;
                std::future::pending().await
            }
        })
    }
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

fn unframed(frame: &[u8], encoding: Option<&HeaderValue>) -> Vec<u8> {
    let length = u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize;
    assert_eq!(frame.len(), 5 + length);
    if frame[0] == 0 {
        return frame[5..].to_vec();
    }
    if encoding.is_some_and(|encoding| encoding == "zstd") {
        return zstd::decode_all(&frame[5..]).unwrap();
    }
    let mut message = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&frame[5..]), &mut message)
        .unwrap();
    message
}

fn trailers(code: i32, message: &str, details: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code));
    if !message.is_empty() {
        trailers.insert("grpc-message", HeaderValue::from_str(message).unwrap());
    }
    if !details.is_empty() {
        trailers.insert(
            "grpc-status-details-bin",
            HeaderValue::from_str(&base64(details)).unwrap(),
        );
    }
    trailers
}

fn response(status: u16, body: Vec<u8>, trailers: Option<HeaderMap>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).with_trailers(async { trailers.map(Ok) });
    let mut response = Response::new(BodyExt::boxed(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for index in 0..=chunk.len() {
            text.push(LETTERS[(bits >> (18 - 6 * index)) as usize & 63] as char);
        }
    }
    text
}
