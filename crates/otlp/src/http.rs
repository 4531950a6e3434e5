//! OTLP over HTTP/1.1.

use bytes::Bytes;
use bytes::buf::Chain;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Scheme, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::answer::{self, Status};
use crate::connection::{self, Stream};
use crate::failure::Failure;
use crate::protocol::{Compression, Protocol};
use crate::request::Request;
use crate::retry;
use crate::settings::Settings;

/// The most bytes of an answer that are read (a limit of the OTLP specification).
pub(crate) const MAX_RESPONSE: usize = 4 << 20;

/// How the exporter names itself.
pub(crate) const USER_AGENT: &str = concat!("codomyrmex-otlp/", env!("CARGO_PKG_VERSION"));

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

type Body = Full<Chain<Bytes, Bytes>>;

/// A connection that stays open between requests.
pub(crate) type Http = SendRequest<Body>;

pub(crate) async fn open(settings: &Settings, stream: Box<dyn Stream>) -> Result<Http, Failure> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| connection::broken(&settings.endpoint, &error))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one request, and says what the receiver made of it.
pub(crate) async fn send(
    http: &mut Http,
    settings: &Settings,
    request: &Request,
) -> Result<answer::Response, Failure> {
    let response = http
        .send_request(encode(settings, request))
        .await
        .map_err(|error| connection::broken(&settings.endpoint, &error))?;
    let (parts, body) = response.into_parts();
    let content = Content::of(&parts.headers, settings);
    match parts.status {
        StatusCode::OK => Ok(match read(body).await {
            Ok(bytes) => content.response(&bytes),
            Err(why) => answer::Response::unreadable(why),
        }),
        status if status.is_success() => Ok(answer::Response::default()),
        status if status.is_redirection() => Err(Failure::permanent(format!(
            "{} answers with a redirect (status {}), and none is followed: set the endpoint to where it leads",
            settings.endpoint,
            status.as_u16()
        ))),
        status => Err(refused(settings, status, &parts.headers, content, body).await),
    }
}

fn encode(settings: &Settings, request: &Request) -> http::Request<Body> {
    let mut encoded = http::Request::new(Full::new(request.body()));
    *encoded.method_mut() = http::Method::POST;
    *encoded.uri_mut() = target(settings);
    let headers = encoded.headers_mut();
    if let Some(proxy) = settings.proxy.as_ref().filter(|_| !settings.endpoint.tls)
        && let Some(credentials) = &proxy.credentials
    {
        headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.extend(settings.headers.map().clone());
    if let Ok(host) = HeaderValue::from_str(settings.endpoint.authority.as_str()) {
        headers.insert(header::HOST, host);
    }
    let content = match settings.protocol {
        Protocol::HttpJson => JSON,
        _ => PROTOBUF,
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    if request.compression != Compression::None {
        let encoding = HeaderValue::from_static(request.compression.as_str());
        headers.insert(header::CONTENT_ENCODING, encoding);
    }
    encoded
}

/// The path; the whole URL where a proxy reads it.
fn target(settings: &Settings) -> Uri {
    let endpoint = &settings.endpoint;
    let path = endpoint.path.clone();
    if settings.proxy.is_none() || endpoint.tls {
        return path.into();
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(endpoint.authority.clone());
    parts.path_and_query = Some(path.clone());
    Uri::from_parts(parts).unwrap_or(path.into())
}

/// What an answer is written in.
#[derive(Clone, Copy)]
enum Content {
    Protobuf,
    Json,
    Text,
    Other,
}

impl Content {
    /// Like the request where the answer does not say.
    fn of(headers: &HeaderMap, settings: &Settings) -> Self {
        let named = headers
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or_default())
            .map(|value| value.split(';').next().unwrap_or_default().trim());
        match named {
            Some(PROTOBUF) => Self::Protobuf,
            Some(JSON) => Self::Json,
            Some("text/plain") => Self::Text,
            Some(_) => Self::Other,
            None if settings.protocol == Protocol::HttpJson => Self::Json,
            None => Self::Protobuf,
        }
    }

    fn response(self, bytes: &[u8]) -> answer::Response {
        // Some receivers answer with nothing at all.
        if bytes.is_empty() {
            return answer::Response::default();
        }
        let read = match self {
            Self::Json => answer::Response::json(bytes),
            Self::Protobuf => answer::Response::protobuf(bytes),
            Self::Text | Self::Other => Ok(answer::Response::default()),
        };
        read.unwrap_or_else(|error| answer::Response::unreadable(&error.to_string()))
    }

    /// Why the receiver refuses, in its own words.
    fn reason(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Json => Some(Status::json(bytes).ok()?.message),
            Self::Protobuf => Some(Status::protobuf(bytes).ok()?.message),
            Self::Text => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::Other => None,
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, &'static str> {
    match Limited::new(body, MAX_RESPONSE).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err("it is longer than 4 MiB"),
        Err(_) => Err("it broke off"),
    }
}

async fn refused(
    settings: &Settings,
    status: StatusCode,
    headers: &HeaderMap,
    content: Content,
    body: Incoming,
) -> Failure {
    let reason = match read(body).await {
        Ok(bytes) => content.reason(&bytes).unwrap_or_default(),
        Err(_) => String::new(),
    };
    let hint = match status {
        StatusCode::NOT_FOUND => " (is the path of the endpoint right?)",
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            " (the proxy's URL needs the right user and password)"
        }
        _ => "",
    };
    let message = format!(
        "{} answers with status {}{hint}{}",
        settings.endpoint,
        status.as_u16(),
        settings.quote(&reason)
    );
    Failure::refused(message, retry::http(status.as_u16(), retry::asked(headers)))
}
