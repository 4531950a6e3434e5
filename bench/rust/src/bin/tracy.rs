//! Tracy's zone: no ids, no attributes on a wire, no parent. The mark of the fastest school of profilers.
//!
//! A viewer connects over loopback and leaves again: before that the client keeps every event, and the figure would
//! be that of the kernel handing out fresh pages; afterwards its worker empties the queues. The worker is not counted.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use codomyrmex_bench::case::{self, CHILDREN, Case};
use codomyrmex_bench::serve::{self, Exported, Section};
use tracy_client::{Client, span_location};

/// Of the client that tracy-client 0.19.0 is built with.
const PROTOCOL: u32 = 82;
/// Where the client listens if nothing else does, and the next ones that it tries.
const PORTS: std::ops::Range<u16> = 8086..8106;
const WELCOME: u8 = 1;

fn connect() -> TcpStream {
    // The client's worker opens its port some time after the process has started.
    for _ in 0..100 {
        if let Some(stream) = PORTS.clone().find_map(greet) {
            return stream;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the client did not take the connection: has its protocol changed?");
}

/// Greets whoever listens on `port`, which may be another process's client: ours knows that it is connected.
fn greet(port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let mut greeting = b"TracyPrf".to_vec();
    greeting.extend_from_slice(&PROTOCOL.to_le_bytes());
    let mut answer = [0];
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(&greeting).ok()?;
    stream.read_exact(&mut answer).ok()?;
    stream.set_read_timeout(None).ok()?;
    (answer[0] == WELCOME && Client::is_connected()).then_some(stream)
}

#[inline]
fn zone(client: &Client) {
    let zone = client.clone().span(span_location!("child"), 0);
    black_box(&zone);
}

fn main() {
    let case = Case::from_arguments();
    match case {
        Case::Child => {}
        Case::Linked => {
            black_box(Client::start as fn() -> Client);
            return;
        }
        Case::Startup => {
            let client = Client::start();
            zone(&client);
            std::process::exit(0);
        }
        _ => case::not_offered(),
    }
    let client = Client::start();
    drop(connect());
    while Client::is_connected() {
        zone(&client);
        thread::sleep(Duration::from_millis(1));
    }
    let zones = || (0..CHILDREN).for_each(|_| zone(&client));
    // The client cannot be asked to flush. Its worker looks every ten milliseconds, while others have their turns.
    serve::thread(
        Section {
            operations: CHILDREN,
            exported: 0,
        },
        zones,
        Exported::default,
    );
}
