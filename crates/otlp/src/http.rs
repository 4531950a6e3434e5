//! OTLP over HTTP/1.1.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::connection;
use crate::failure::Failure;
use crate::request::Body;
use crate::settings::Settings;

/// The most bytes of an answer that are read (a limit of the OTLP specification).
pub(crate) const MAX_RESPONSE: usize = 4 << 20;

/// A connection that stays open between requests.
pub(crate) type Http = SendRequest<Full<Body>>;

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) parts: http::response::Parts,
    /// None where it is longer than an answer may be, or broke off.
    pub(crate) body: Option<Bytes>,
}

pub(crate) async fn connect(settings: &Settings) -> Result<Http, Failure> {
    let stream = connection::connect(&settings.endpoint).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| lost(settings, &error))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one request and reads the answer.
pub(crate) async fn send(
    http: &mut Http,
    settings: &Settings,
    body: Body,
) -> Result<Answer, Failure> {
    let response = http
        .send_request(request(settings, body))
        .await
        .map_err(|error| lost(settings, &error))?;
    read(response).await
}

fn request(settings: &Settings, body: Body) -> Request<Full<Body>> {
    let mut request = Request::post(settings.endpoint.path.clone())
        .body(Full::new(body))
        .unwrap_or_default();
    let headers = request.headers_mut();
    headers.extend(settings.headers.map().clone());
    if let Ok(host) = HeaderValue::from_str(settings.endpoint.authority.as_str()) {
        headers.insert(header::HOST, host);
    }
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(USER_AGENT));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    request
}

/// How the exporter names itself.
pub(crate) const USER_AGENT: &str = concat!("codomyrmex-otlp/", env!("CARGO_PKG_VERSION"));

async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, MAX_RESPONSE).collect().await {
        Ok(body) => Some(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => None,
        Err(_) if parts.status.is_success() => None,
        Err(_) => {
            return Err(Failure::lost(
                "the connection broke off in the middle of an answer",
            ));
        }
    };
    Ok(Answer { parts, body })
}

fn lost(settings: &Settings, error: &hyper::Error) -> Failure {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .map_or_else(|| error.to_string(), connection::cause);
    Failure::lost(format!(
        "the connection to {} broke ({cause})",
        settings.endpoint
    ))
}
