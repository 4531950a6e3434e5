//! A server on loopback that takes whatever exporters send, counts it and drops it: `bench-sink`.
//!
//! It prints its port. `GET /totals` answers `spans N traces N bytes N`: OTLP/HTTP requests are walked for their spans; of
//! a request to Datadog's agent the header says how many traces it holds. Ends when its standard input does.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

static SPANS: AtomicU64 = AtomicU64::new(0);
static TRACES: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

fn serve(connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut to = connection.try_clone()?;
    let mut from = BufReader::with_capacity(1 << 18, connection);
    let mut body = Vec::new();
    while let Some(head) = Head::read(&mut from)? {
        if head.expects_continue {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        body.clear();
        head.read_body(&mut from, &mut body)?;
        if head.asks_for_totals {
            let [spans, traces, bytes] =
                [&SPANS, &TRACES, &BYTES].map(|total| total.load(Ordering::SeqCst));
            let text = format!("spans {spans} traces {traces} bytes {bytes}\n");
            write!(
                to,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            )?;
            continue;
        }
        BYTES.fetch_add(body.len() as u64, Ordering::SeqCst);
        if head.is_datadog {
            TRACES.fetch_add(head.traces, Ordering::SeqCst);
            to.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            )?;
        } else {
            SPANS.fetch_add(spans(&body).unwrap_or(0), Ordering::SeqCst);
            to.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Head {
    length: usize,
    chunked: bool,
    expects_continue: bool,
    asks_for_totals: bool,
    is_datadog: bool,
    traces: u64,
}

impl Head {
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = Self::default();
        let mut line = String::new();
        let mut first = true;
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let text = line.trim_end();
            if text.is_empty() {
                return Ok(Some(head));
            }
            if std::mem::take(&mut first) {
                head.asks_for_totals = text.starts_with("GET /totals");
                head.is_datadog = text.contains("/v0.");
                continue;
            }
            let (name, value) = text.split_once(':').unwrap_or_default();
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().unwrap_or(0),
                "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
                "x-datadog-trace-count" => head.traces = value.parse().unwrap_or(0),
                "expect" => head.expects_continue = true,
                _ => {}
            }
        }
    }

    fn read_body(&self, from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
        if !self.chunked {
            return from.take(self.length as u64).read_to_end(body).map(drop);
        }
        let mut line = String::new();
        loop {
            line.clear();
            from.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).unwrap_or(0);
            from.take(size).read_to_end(body)?;
            line.clear();
            from.read_line(&mut line)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// Spans of an `ExportTraceServiceRequest`: fields 2 of fields 2 of fields 1.
fn spans(request: &[u8]) -> Option<u64> {
    let mut count = 0;
    for resource_spans in fields(request, 1)? {
        for scope_spans in fields(resource_spans, 2)? {
            count += fields(scope_spans, 2)?.len() as u64;
        }
    }
    Some(count)
}

/// The length-delimited fields of this number.
fn fields(mut message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let length = match tag & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => varint(&mut message)? as usize,
            5 => 4,
            _ => return None,
        };
        let (field, rest) = message.split_at_checked(length)?;
        if tag >> 3 == number && tag & 7 == 2 {
            found.push(field);
        }
        message = rest;
    }
    Some(found)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
