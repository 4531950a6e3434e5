//! Bytes handed on between two connections.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

/// Hands on what `client` says and what `server` answers, until one of them ends.
pub(crate) fn relay<C>(client: C, server: TcpStream, split: impl Fn(&C) -> C)
where
    C: Read + Write + Send + 'static,
{
    let (mut from_client, mut to_client) = (split(&client), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut from_server, &mut to_client);
}

/// A Unix socket at `path` that leads to `address`.
#[cfg(unix)]
pub(crate) fn unix(path: &Path, address: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(address).unwrap();
            thread::spawn(move || {
                relay(client, server, |client: &UnixStream| {
                    client.try_clone().unwrap()
                });
            });
        }
    });
}
