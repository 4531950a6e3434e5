//! A way through a proxy to the receiver.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::connection::Stream;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::proxy::Proxy;
use crate::{http as otlp_http, retry};

/// Has the proxy connect to the receiver. It is told of the receiver's host and port, and of nothing else.
pub(crate) async fn through(
    proxy: &Proxy,
    endpoint: &Endpoint,
    stream: impl Stream + 'static,
) -> Result<Box<dyn Stream>, Failure> {
    let broke = |_| Failure::lost(format!("the connection to the proxy {proxy} broke"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broke)?;
    tokio::spawn(connection.with_upgrades());
    let response = sender
        .send_request(connect(proxy, endpoint)?)
        .await
        .map_err(broke)?;
    let status = response.status();
    if !status.is_success() {
        let hint = match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                ": its URL needs the right user and password (http://user:password@host:port)"
            }
            _ => "",
        };
        let status = status.as_u16();
        return Err(Failure::refused(
            format!("the proxy {proxy} does not connect to {endpoint} (status {status}){hint}"),
            retry::http(status, retry::asked(response.headers())),
        ));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(broke)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

fn connect(proxy: &Proxy, endpoint: &Endpoint) -> Result<Request<Empty<Bytes>>, Failure> {
    let invalid = || Failure::permanent("the endpoint is no address that a proxy understands");
    let address = format!("{}:{}", endpoint.authority.host(), endpoint.port);
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = address.parse::<Uri>().map_err(|_| invalid())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(address).map_err(|_| invalid())?);
    headers.insert(USER_AGENT, HeaderValue::from_static(otlp_http::USER_AGENT));
    if let Some(credentials) = &proxy.credentials {
        headers.insert(PROXY_AUTHORIZATION, credentials.clone());
    }
    Ok(request)
}
