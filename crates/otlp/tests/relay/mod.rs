//! Bytes handed on between two connections.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver as Queue};
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

/// A proxy that knows every host as this machine, and keeps what it is asked.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// The lines of each request, without those that are empty.
    pub(crate) requests: Queue<Vec<String>>,
}

impl Proxy {
    /// Answers with these statuses, then with 200, and connects where it answers so.
    pub(crate) fn new(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut statuses = statuses.iter();
            for mut client in listener.incoming().map_while(Result::ok) {
                let lines = head(&client);
                let port = lines[0]
                    .split(' ')
                    .nth(1)
                    .and_then(|target| target.rsplit(':').next()?.parse().ok());
                let _ = send.send(lines);
                let status = *statuses.next().unwrap_or(&200);
                let _ = write!(client, "HTTP/1.1 {status} X\r\n\r\n");
                let Some(port) = port.filter(|_| status == 200) else {
                    continue;
                };
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                thread::spawn(move || {
                    relay(client, server, |client: &TcpStream| {
                        client.try_clone().unwrap()
                    });
                });
            }
        });
        Self { address, requests }
    }

    /// Its URL, with a user's name and a password.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("http://{user}@{}", self.address)
    }
}

/// Reads a request's head and no more: what follows is for the server.
fn head(mut client: &TcpStream) -> Vec<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read == 1) {
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
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
