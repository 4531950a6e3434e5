//! Whom the exporter trusts, and how it shows who it is.

mod authority;
mod receiver;

use std::sync::Arc;
use std::time::Duration;

use authority::{Authority, file, server};
use codomyrmex_otlp::{ConfigError, OtlpExporter, OtlpExporterBuilder};
use receiver::{Accept, Outcome, Receiver, Side, Traced};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

fn receiver(config: Arc<ServerConfig>) -> Receiver {
    let accept: Accept = Box::new(move |mut stream| {
        let mut connection = ServerConnection::new(config.clone()).ok()?;
        connection.complete_io(&mut stream).ok()?;
        let side: Box<dyn Side> = Box::new(StreamOwned::new(connection, stream));
        Some(side)
    });
    Receiver::with([], accept)
}

/// An exporter to this host with the receiver's port.
fn exporter(receiver: &Receiver, host: &str) -> OtlpExporterBuilder {
    receiver
        .exporter()
        .endpoint(format!("https://{host}:{}", receiver.address.port()))
}

fn refused(outcome: Outcome) -> String {
    let (kind, message) = outcome.unwrap_err();
    assert_eq!(kind, "permanent", "{message}");
    message
}

#[test]
fn a_certificate_of_the_authority_is_trusted() {
    let authority = Authority::new("good");
    for host in ["127.0.0.1", "localhost"] {
        let receiver = receiver(server(&authority.issue(host, false), None, b"http/1.1"));
        let traced = Traced::new(exporter(&receiver, host).certificate(authority.file()));
        assert_eq!(
            (traced.export(&["a"]), traced.export(&["b"])),
            (Ok(()), Ok(()))
        );
        let requests = receiver.so_far();
        assert_eq!(requests[0].span_names(), ["a"]);
        assert_eq!(requests[1].connection, 0);
    }
}

#[test]
fn a_certificate_that_is_not_right_is_refused_and_nothing_is_sent() {
    let (authority, other) = (Authority::new("right"), Authority::new("wrong"));
    for (issued, trusted, why) in [
        (
            other.issue("127.0.0.1", false),
            Some(&authority),
            "no authority that is trusted",
        ),
        (
            authority.issue("127.0.0.1", true),
            Some(&authority),
            "has expired",
        ),
        (
            authority.issue("example.org", false),
            Some(&authority),
            "for another host",
        ),
    ] {
        let receiver = receiver(server(&issued, None, b"http/1.1"));
        let mut exporter = exporter(&receiver, "127.0.0.1").header("authorization", "hunter2");
        if let Some(trusted) = trusted {
            exporter = exporter.certificate(trusted.file());
        }
        let traced = Traced::new(exporter);
        let message = refused(traced.export(&["a"]));
        assert!(message.contains(why), "{message}");
        assert!(receiver.so_far().is_empty());
        assert_eq!(traced.books(), (0, 1));
    }
}

#[test]
fn a_receiver_that_does_not_speak_tls_says_so() {
    // It answers a handshake with what its protocol says of nonsense.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 16]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let exporter = receiver::quick(&url).certificate(Authority::new("unused").file());
    let message = refused(Traced::new(exporter).export(&["a"]));
    assert!(message.contains("does not speak TLS"), "{message}");
}

#[test]
fn a_client_shows_its_certificate() {
    let (authority, clients) = (Authority::new("server"), Authority::new("clients"));
    let issued = authority.issue("127.0.0.1", false);
    let receiver = receiver(server(&issued, Some(&clients), b"http/1.1"));
    let exporter = || exporter(&receiver, "127.0.0.1").certificate(authority.file());

    let client = clients.issue("client", false);
    let traced = Traced::new(
        exporter()
            .client_certificate(file("client.pem", &client.certificate))
            .client_key(file("client.key", &client.key)),
    );
    assert_eq!(traced.export(&["a"]), Ok(()));
    assert_eq!(receiver.so_far().len(), 1);

    // What the server says of one that comes without may be lost with the connection; that it is refused is certain.
    let traced = Traced::new(exporter().timeout(Duration::from_secs(1)));
    assert!(traced.export(&["a"]).is_err());
    let stranger = Authority::new("stranger").issue("client", false);
    let traced = Traced::new(
        exporter()
            .timeout(Duration::from_secs(1))
            .client_certificate(file("stranger.pem", &stranger.certificate))
            .client_key(file("stranger.key", &stranger.key)),
    );
    assert!(traced.export(&["a"]).is_err());
    assert!(receiver.so_far().is_empty());
}

#[test]
fn files_that_are_not_right_are_said_at_once() {
    let client = Authority::new("a").issue("client", false);
    let other = Authority::new("b").issue("client", false);
    let certificate = file("one.pem", &client.certificate);
    let key = file("one.key", &client.key);
    let said = |builder: OtlpExporterBuilder| builder.build().unwrap_err().to_string();
    let plain = OtlpExporter::builder;

    let missing = said(plain().certificate("/nowhere/ca.pem"));
    assert_eq!(
        missing,
        "the file of the OTLP certificate, /nowhere/ca.pem, cannot be read (entity not found)"
    );
    assert!(said(plain().certificate(&key)).contains("holds no certificate in PEM form"));
    assert!(said(plain().certificate(file("empty.pem", ""))).contains("holds no certificate"));
    let without_key = plain().client_certificate(&certificate);
    assert_eq!(
        without_key.build().unwrap_err(),
        ConfigError::Incomplete {
            missing: "client key"
        }
    );
    assert!(said(plain().client_key(&key)).contains("client certificate is missing"));
    let swapped = plain()
        .client_certificate(&certificate)
        .client_key(&certificate);
    assert!(said(swapped).contains("holds no private key"));
    let strange = plain()
        .client_certificate(&certificate)
        .client_key(file("other.key", &other.key));
    assert!(said(strange).contains("is not the key of the client certificate"));
    assert!(
        plain()
            .client_certificate(&certificate)
            .client_key(&key)
            .build()
            .is_ok()
    );
}
