//! As much of HTTP/1.1 as talking to a server on this machine takes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest that a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer's status and body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// GET of a path on this machine.
pub(crate) fn get(port: u16, path: &str) -> Result<Answer, String> {
    let answer = || -> std::io::Result<Vec<u8>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0, so that the answer ends with the connection.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = answer().map_err(|error| format!("http://127.0.0.1:{port}{path}: {error}"))?;
    parse(&answer).ok_or_else(|| format!("http://127.0.0.1:{port}{path}: no answer of HTTP"))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let chunked = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| {
            name.eq_ignore_ascii_case("transfer-encoding")
                && value.trim().eq_ignore_ascii_case("chunked")
        });
    let body = &answer[end + 4..];
    Some(Answer {
        status,
        body: if chunked {
            joined(body)?
        } else {
            body.to_vec()
        },
    })
}

/// The chunks of a body, laid one behind the other.
fn joined(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(..size)?);
        body = body.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-type: x\r\n\r\nbody";
        let chunked = b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1;x=y\r\ny\r\n0\r\n\r\n";
        for (bytes, status) in [(&plain[..], 200), (&chunked[..], 404)] {
            let answer = parse(bytes).expect("an answer");
            assert_eq!((answer.status, &*answer.body), (status, &b"body"[..]));
        }
        assert_eq!(parse(b"nonsense"), None);
        assert_eq!(parse(&chunked[..chunked.len() - 6]), None);
    }
}
