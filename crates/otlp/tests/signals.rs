//! A process that a broken connection could end.
#![cfg(unix)]

#[path = "../../core/tests/alone/mod.rs"]
mod alone;
mod receiver;

use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use alone::passes_alone;
use receiver::Traced;

#[test]
fn a_connection_that_the_receiver_closes_raises_no_signal() {
    passes_alone(
        "a_connection_that_the_receiver_closes_raises_no_signal",
        || {
            // SAFETY: plain numbers; this process is this test's own.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            std::thread::spawn(move || {
                for mut stream in listener.incoming().map_while(Result::ok) {
                    // First the end of what the receiver says, then a reset, since most of the request is unread: after these
                    // two, in this order, a write is a broken pipe.
                    let _ = stream.read(&mut [0; 64]);
                    let _ = stream.shutdown(Shutdown::Write);
                }
            });
            fails_and_goes_on(&url);
        },
    );
}

#[test]
fn a_unix_socket_that_the_receiver_closes_raises_no_signal() {
    passes_alone(
        "a_unix_socket_that_the_receiver_closes_raises_no_signal",
        || {
            // SAFETY: plain numbers; this process is this test's own.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let path = std::env::temp_dir().join(format!("codomyrmex-{}", std::process::id()));
            let listener = UnixListener::bind(&path).unwrap();
            std::thread::spawn(move || {
                for mut stream in listener.incoming().map_while(Result::ok) {
                    let _ = stream.read(&mut [0; 64]);
                }
            });
            fails_and_goes_on(&format!("unix://{}", path.display()));
            let _ = std::fs::remove_file(path);
        },
    );
}

/// Sends more than a connection holds, to a receiver that does not read it.
fn fails_and_goes_on(url: &str) {
    let traced = Traced::new(receiver::quick(url).timeout(Duration::from_secs(1)));
    for _ in 0..3 {
        let large = traced.tracer.span("large");
        large.set_attribute("page", &*"x".repeat(3 << 20));
        large.finish();
        traced.tracer.flush();
        assert!(traced.outcomes.recv().unwrap().is_err());
    }
    assert_eq!(traced.books(), (0, 3));
}
