//! OTLP over gRPC: one call, whose messages are bytes that are there already.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::StatusCode;
use http::header::{self, HeaderValue};
use http::uri::{PathAndQuery, Scheme, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tower_service::Service;

use crate::answer;
use crate::connection::{self, Stream};
use crate::failure::Failure;
use crate::http::{MAX_RESPONSE, USER_AGENT};
use crate::protocol::Compression;
use crate::request::Request;
use crate::retry;
use crate::settings::Settings;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How tonic begins what it says of an answer that it cannot read, under codes that receivers use too.
const UNREADABLE: [&str; 2] = [
    "Error, decoded message length too large",
    "Error decompressing",
];

/// A connection that stays open between calls.
pub(crate) type Grpc = SendRequest<Body>;

pub(crate) async fn open(settings: &Settings, stream: Box<dyn Stream>) -> Result<Grpc, Failure> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| connection::broken(&settings.endpoint, &error))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Makes one call, and says what the receiver made of it. `left` is the time there is for it.
pub(crate) async fn send(
    grpc: &mut Grpc,
    settings: &Settings,
    request: &Request,
    left: Duration,
) -> Result<answer::Response, Failure> {
    let mut client = tonic::client::Grpc::with_origin(Channel(grpc), origin(settings))
        .max_decoding_message_size(MAX_RESPONSE);
    let compression = match settings.compression {
        Compression::None => None,
        Compression::Gzip => Some(CompressionEncoding::Gzip),
        Compression::Zstd => Some(CompressionEncoding::Zstd),
    };
    if let Some(compression) = compression {
        // Receivers answer as they are spoken to.
        client = client
            .send_compressed(compression)
            .accept_compressed(compression);
    }
    let mut headers = settings.headers.map().clone();
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(USER_AGENT));
    let mut call = tonic::Request::new(request.clone());
    *call.metadata_mut() = MetadataMap::from_headers(headers);
    call.set_timeout(left);
    match client
        .unary(call, PathAndQuery::from_static(EXPORT), Raw)
        .await
    {
        Ok(response) => Ok(answer::Response::protobuf(response.get_ref())
            .unwrap_or_else(|error| answer::Response::unreadable(&error.to_string()))),
        Err(status)
            if UNREADABLE
                .iter()
                .any(|text| status.message().starts_with(text)) =>
        {
            Ok(answer::Response::unreadable(
                "it is longer than 4 MiB, or not compressed as it says",
            ))
        }
        Err(status) => Err(failure(settings, &status)),
    }
}

fn origin(settings: &Settings) -> Uri {
    let mut origin = http::uri::Parts::default();
    origin.scheme = Some(match settings.endpoint.tls {
        true => Scheme::HTTPS,
        false => Scheme::HTTP,
    });
    origin.authority = Some(settings.endpoint.authority.clone());
    origin.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(origin).unwrap_or_default()
}

fn failure(settings: &Settings, status: &tonic::Status) -> Failure {
    // A status that this side made up.
    if let Some(error) = status.source() {
        return match error.downcast_ref::<CallError>() {
            Some(CallError::Status { status, asked }) => Failure::refused(
                format!(
                    "{} answers with HTTP status {} and not with gRPC",
                    settings.endpoint,
                    status.as_u16()
                ),
                retry::http(status.as_u16(), *asked),
            ),
            _ => connection::broken(&settings.endpoint, error),
        };
    }
    let info = answer::Status::protobuf(status.details())
        .ok()
        .and_then(|status| status.retry);
    Failure::refused(
        format!(
            "{} answers with {:?}{}",
            settings.endpoint,
            status.code(),
            settings.quote(status.message())
        ),
        retry::grpc(status.code(), info),
    )
}

/// No answer that gRPC could be read from.
#[derive(Debug)]
enum CallError {
    Connection(hyper::Error),
    /// Somebody in between, who knows no gRPC; `asked` is how long to wait.
    Status {
        status: StatusCode,
        asked: Option<Duration>,
    },
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Status { status, .. } => write!(f, "HTTP status {}", status.as_u16()),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Status { .. } => None,
        }
    }
}

/// The connection, as tonic wants it.
struct Channel<'g>(&'g mut Grpc);

type Sent = Pin<Box<dyn Future<Output = Result<http::Response<Incoming>, CallError>> + Send>>;

impl Service<http::Request<Body>> for Channel<'_> {
    type Response = http::Response<Incoming>;
    type Error = CallError;
    type Future = Sent;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.0.poll_ready(context).map_err(CallError::Connection)
    }

    fn call(&mut self, request: http::Request<Body>) -> Sent {
        let response = self.0.send_request(request);
        Box::pin(async {
            let response = response.await.map_err(CallError::Connection)?;
            let status = response.status();
            if status == StatusCode::OK || response.headers().contains_key("grpc-status") {
                return Ok(response);
            }
            let asked = retry::asked(response.headers());
            Err(CallError::Status { status, asked })
        })
    }
}

/// Messages that are bytes already.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Request;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Request;
    type Error = tonic::Status;

    fn encode(&mut self, request: Request, to: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        let body = request.body();
        to.reserve(body.remaining());
        to.put(body);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length)))
    }
}
