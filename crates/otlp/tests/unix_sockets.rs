//! Receivers behind a Unix socket.
#![cfg(unix)]

#[cfg(feature = "grpc")]
mod grpc_receiver;
mod receiver;
mod relay;

use std::path::PathBuf;

use codomyrmex_otlp::Protocol;
use receiver::{Receiver, Traced, quick, status};

/// A path for a socket: in the temporary directory, since a socket's path may only have a hundred bytes.
fn socket(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("codomyrmex-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn http_goes_through_a_socket_and_keeps_its_connection() {
    let (receiver, path) = (Receiver::new([status(503)]), socket("http"));
    relay::unix(&path, receiver.address);
    let traced = Traced::new(quick(&format!("unix://{}", path.display())));
    assert_eq!(
        (traced.export(&["a"]), traced.export(&["b"])),
        (Ok(()), Ok(()))
    );
    let requests = receiver.so_far();
    let _ = std::fs::remove_file(path);
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.connection, 0);
        assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(request.header("host"), Some("localhost"));
    }
    assert_eq!(requests[2].span_names(), ["b"]);
}

#[test]
fn http_has_the_path_that_stands_behind_the_socket_s() {
    let (receiver, path) = (Receiver::new([]), socket("path"));
    relay::unix(&path, receiver.address);
    let traced = Traced::new(quick(&format!("unix://{}:/own/path", path.display())));
    assert_eq!(traced.export(&["a"]), Ok(()));
    let _ = std::fs::remove_file(path);
    assert_eq!(receiver.so_far()[0].line, "POST /own/path HTTP/1.1");
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_goes_through_a_socket() {
    let (receiver, path) = (grpc_receiver::GrpcReceiver::new([]), socket("grpc"));
    relay::unix(&path, receiver.address);
    let exporter = quick(&format!("unix://{}", path.display())).protocol(Protocol::Grpc);
    let traced = Traced::new(exporter);
    assert_eq!(
        (traced.export(&["a"]), traced.export(&["b"])),
        (Ok(()), Ok(()))
    );
    let _ = std::fs::remove_file(path);
    let connections: Vec<_> = receiver
        .so_far()
        .iter()
        .map(|call| call.connection)
        .collect();
    assert_eq!(connections, [0, 0]);
}

#[test]
fn a_socket_that_is_not_there_is_named_and_tried_again() {
    let path = socket("missing");
    let url = format!("unix://{}", path.display());
    let exporter = quick(&url)
        .first_backoff(std::time::Duration::from_secs(5))
        .timeout(std::time::Duration::from_millis(50));
    let (kind, message) = Traced::new(exporter).export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains(&url), "{message}");
}
