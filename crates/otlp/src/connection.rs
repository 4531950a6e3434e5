//! A connection to the receiver.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::settings::Settings;
use crate::socket::Socket;
use crate::{tls, tunnel};

/// How long one address of several is tried before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// Bytes both ways, in the clear or through TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the receiver, through TLS where its address asks for it.
pub(crate) async fn connect(
    settings: &Settings,
    tls: &mut Option<Arc<ClientConfig>>,
) -> Result<Box<dyn Stream>, Failure> {
    let endpoint = &settings.endpoint;
    #[cfg(unix)]
    if let Some(path) = &endpoint.socket {
        let stream = UnixStream::connect(path).await.map_err(|error| {
            Failure::lost(format!("no connection to {endpoint} ({})", cause(&error)))
        })?;
        return Ok(Box::new(Socket(stream)));
    }
    let stream: Box<dyn Stream> = match &settings.proxy {
        None => Box::new(Socket(
            connect_tcp(&endpoint.host, endpoint.port, endpoint).await?,
        )),
        Some(proxy) => {
            let tcp = Socket(connect_tcp(proxy.host(), proxy.port, proxy).await?);
            match endpoint.tls || settings.protocol == Protocol::Grpc {
                true => tunnel::through(proxy, endpoint, tcp).await?,
                false => Box::new(tcp),
            }
        }
    };
    if !endpoint.tls {
        return Ok(stream);
    }
    let config = match tls {
        Some(config) => config.clone(),
        None => tls
            .insert(settings.tls.connector(settings.protocol)?)
            .clone(),
    };
    let name = tls::server_name(&endpoint.host)?;
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(broken(endpoint, &error)),
    }
}

/// A connection that did not come about, or broke.
pub(crate) fn broken(endpoint: &Endpoint, error: &(dyn Error + 'static)) -> Failure {
    if let Some(refusal) = tls::refusal(error) {
        return Failure::permanent(format!("no connection to {endpoint}: {refusal}"));
    }
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Failure::lost(format!(
                "the connection to {endpoint} broke ({})",
                cause(error)
            ));
        }
        next = error.source();
    }
    Failure::lost(format!("the connection to {endpoint} broke ({error})"))
}

/// To whichever of the host's addresses answers first. `shown` is how errors call it.
async fn connect_tcp(
    host: &str,
    port: u16,
    shown: &(dyn Display + Sync),
) -> Result<TcpStream, Failure> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| Failure::lost(format!("the host name of {shown} cannot be resolved")))?
        .collect();
    let stream = race(&addresses)
        .await
        .map_err(|error| Failure::lost(format!("no connection to {shown} ({})", cause(&error))))?;
    // A request is written at once; waiting for more to send would only delay its end.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut waiting = addresses.iter();
    loop {
        match waiting.next() {
            Some(&address) => drop(attempts.spawn(TcpStream::connect(address))),
            None if attempts.is_empty() => return Err(failed),
            None => {}
        }
        let next = async {
            match waiting.len() {
                0 => std::future::pending().await,
                _ => tokio::time::sleep(HEAD_START).await,
            }
        };
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => {}
            },
            () = next => {}
        }
    }
}

/// In words that do not depend on the machine.
fn cause(error: &io::Error) -> String {
    error.kind().to_string()
}
