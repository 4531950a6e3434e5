//! A connection to the receiver.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::endpoint::Endpoint;
use crate::failure::Failure;

/// How long one address of several is tried before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// A TCP connection to whichever of the host's addresses answers first.
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<TcpStream, Failure> {
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|error| {
                Failure::lost(format!(
                    "the host name of {endpoint} cannot be resolved ({error})"
                ))
            })?
            .collect();
    let stream = race(&addresses).await.map_err(|error| {
        Failure::lost(format!("no connection to {endpoint} ({})", cause(&error)))
    })?;
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
pub(crate) fn cause(error: &io::Error) -> String {
    error.kind().to_string()
}
