//! Receivers whose certificate is not right: nothing is sent to them, and nothing is tried again.

use std::net::TcpStream;

use codomyrmex_core::{Dropped, FlushResult};
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use crate::authority::{Authority, Issued, server};
use crate::collector::Collector;
use crate::receiver::quick;
use crate::sdk::{LONG, NOTHING, Sdk, failed, in_time};

/// A collector that shows this certificate.
fn collector(issued: &Issued) -> Collector {
    let config = server(issued, None, b"http/1.1");
    Collector::with(
        [],
        Box::new(move |mut stream: TcpStream| {
            let mut tls = ServerConnection::new(config.clone()).ok()?;
            tls.complete_io(&mut stream).ok()?;
            Some(Box::new(StreamOwned::new(tls, stream)))
        }),
    )
}

/// What becomes of 100 spans, and then of 10 more, for a collector that is trusted by this file.
fn send(mut collector: Collector, trusted: &Authority) -> (u64, Dropped) {
    let url = format!("https://{}", collector.receiver.address);
    let sdk = Sdk::new(quick(&url).certificate(trusted.file()));
    sdk.record(100, 10);
    let first = sdk.tracer.force_flush(LONG);
    sdk.record(10, 10);
    let second = sdk.tracer.shutdown_within(LONG);
    let counted = sdk.settled(&mut collector);
    let expected = if counted.0 > 0 {
        [FlushResult::Done, FlushResult::Done]
    } else {
        assert_eq!(collector.got().requests, 0);
        [
            FlushResult::Failed { lost: 100 },
            FlushResult::Failed { lost: 10 },
        ]
    };
    assert_eq!([first, second], expected);
    counted
}

#[test]
fn a_certificate_that_is_right() {
    in_time(|| {
        let authority = Authority::new("right");
        let collector = collector(&authority.issue("127.0.0.1", false));
        assert_eq!(send(collector, &authority), (110, NOTHING));
    });
}

#[test]
fn a_certificate_of_another_authority() {
    in_time(|| {
        let (theirs, ours) = (Authority::new("theirs"), Authority::new("ours"));
        let collector = collector(&theirs.issue("127.0.0.1", false));
        assert_eq!(send(collector, &ours), (0, failed(110)));
    });
}

#[test]
fn a_certificate_that_has_expired() {
    in_time(|| {
        let authority = Authority::new("expired");
        let collector = collector(&authority.issue("127.0.0.1", true));
        assert_eq!(send(collector, &authority), (0, failed(110)));
    });
}

#[test]
fn a_certificate_for_another_host() {
    in_time(|| {
        let authority = Authority::new("another-host");
        let collector = collector(&authority.issue("elsewhere.example", false));
        assert_eq!(send(collector, &authority), (0, failed(110)));
    });
}
