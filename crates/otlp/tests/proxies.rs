//! What proxies see, and what goes through them.

mod authority;
#[cfg(feature = "grpc")]
mod grpc_receiver;
mod receiver;
mod relay;

use authority::{Authority, server};
use codomyrmex_otlp::{OtlpExporter, Protocol, Proxies};
use receiver::{Accept, Receiver, Side, Traced, answer, quick};
use relay::Proxy;
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

/// A name that only the proxy knows.
const HOST: &str = "collector.invalid";
const USER: &str = "user:hunter%32";
/// `user:hunter2`.
const CREDENTIALS: &str = "Basic dXNlcjpodW50ZXIy";

fn tls_receiver(authority: &Authority) -> Receiver {
    let config = server(&authority.issue(HOST, false), None, b"http/1.1");
    let accept: Accept = Box::new(move |mut stream| {
        let mut connection = ServerConnection::new(config.clone()).ok()?;
        connection.complete_io(&mut stream).ok()?;
        let side: Box<dyn Side> = Box::new(StreamOwned::new(connection, stream));
        Some(side)
    });
    Receiver::with([], accept)
}

#[test]
fn https_goes_through_a_tunnel_that_knows_host_and_port_alone() {
    let (authority, proxy) = (Authority::new("tunnel"), Proxy::new(&[]));
    let receiver = tls_receiver(&authority);
    let port = receiver.address.port();
    let exporter = quick(&format!("https://{HOST}:{port}/own/path"))
        .certificate(authority.file())
        .header("x-key", "secret")
        .proxy(proxy.url(USER));
    let traced = Traced::new(exporter);
    assert_eq!(
        (traced.export(&["a"]), traced.export(&["b"])),
        (Ok(()), Ok(()))
    );
    let mut lines = proxy.requests.recv().unwrap();
    lines.sort_by_key(|line| line.to_ascii_lowercase());
    assert_eq!(
        lines,
        [
            format!("CONNECT {HOST}:{port} HTTP/1.1"),
            format!("host: {HOST}:{port}"),
            format!("proxy-authorization: {CREDENTIALS}"),
            format!("user-agent: codomyrmex-otlp/{}", env!("CARGO_PKG_VERSION")),
        ]
    );
    assert!(proxy.requests.try_recv().is_err(), "a second connection");
    for request in receiver.so_far() {
        assert_eq!(request.line, "POST /own/path HTTP/1.1");
        assert_eq!(request.header("x-key"), Some("secret"));
        assert_eq!(request.header("proxy-authorization"), None);
    }
}

#[test]
fn plain_http_is_asked_of_the_proxy() {
    // It answers itself.
    let proxy = Receiver::new([]);
    let exporter = quick("http://collector.invalid:4318/own/path?a=b")
        .proxy(format!("http://{USER}@{}", proxy.address));
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    let request = proxy.requests.recv().unwrap();
    assert_eq!(
        request.line,
        "POST http://collector.invalid:4318/own/path?a=b HTTP/1.1"
    );
    assert_eq!(request.header("host"), Some("collector.invalid:4318"));
    assert_eq!(request.header("proxy-authorization"), Some(CREDENTIALS));
    assert_eq!(request.span_names(), ["a"]);
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_goes_through_a_tunnel_in_the_clear_too() {
    let (receiver, proxy) = (grpc_receiver::GrpcReceiver::new([]), Proxy::new(&[]));
    let url = format!("http://{HOST}:{}", receiver.address.port());
    let exporter = quick(&url)
        .protocol(Protocol::Grpc)
        .header("x-key", "secret")
        .proxy(proxy.address.to_string());
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    let lines = proxy.requests.recv().unwrap();
    assert!(lines[0].starts_with("CONNECT collector.invalid:"));
    assert!(
        lines.iter().all(|line| !line.contains("secret")),
        "{lines:?}"
    );
    assert_eq!(receiver.calls.recv().unwrap().headers["x-key"], "secret");
}

#[test]
fn a_proxy_that_refuses_is_told_of_without_its_secrets() {
    let proxy = Proxy::new(&[407, 403, 503]);
    let (authority, url) = (Authority::new("refusing"), proxy.url(USER));
    let receiver = tls_receiver(&authority);
    let exporter = quick(&format!("https://{HOST}:{}", receiver.address.port()))
        .certificate(authority.file())
        .proxy(url);
    let shown = format!("{exporter:?}");
    let traced = Traced::new(exporter);
    let shown = format!("{shown} {:?}", traced.exporter);
    assert!(
        !shown.contains("hunter") && !shown.contains("dXNlcj"),
        "{shown}"
    );
    for (status, hint) in [("407", "user and password"), ("403", "does not connect")] {
        let (kind, message) = traced.export(&["a"]).unwrap_err();
        assert_eq!(kind, "permanent");
        assert!(
            message.contains(status) && message.contains(hint),
            "{message}"
        );
        assert!(!message.contains("hunter"), "{message}");
    }
    // A proxy that cannot reach the receiver now may reach it later.
    assert_eq!(traced.export(&["b"]), Ok(()));
    assert_eq!(receiver.so_far().len(), 1);
}

#[test]
fn what_a_proxy_repeats_of_its_credentials_is_not_repeated() {
    let echo = format!("no such user: hunter2, hunter%32, {CREDENTIALS}");
    let proxy = Receiver::new([answer(407, "content-type: text/plain\r\n", echo.as_bytes())]);
    let exporter =
        quick("http://collector.invalid/").proxy(format!("http://{USER}@{}", proxy.address));
    let (kind, message) = Traced::new(exporter).export(&["a"]).unwrap_err();
    assert_eq!(kind, "permanent");
    assert!(message.contains("[redacted]"), "{message}");
    assert!(
        !message.contains("hunter") && !message.contains("dXNlcj"),
        "{message}"
    );
}

#[test]
fn proxies_of_the_environment_are_not_for_receivers_on_this_machine() {
    let (receiver, proxy) = (Receiver::new([]), Receiver::new([]));
    let environment = Proxies::new().http(proxy.url());
    let exporter = receiver.exporter().proxies(environment.clone());
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    assert_eq!((receiver.so_far().len(), proxy.so_far().len()), (1, 0));

    let exporter = quick("http://collector.invalid").proxies(environment);
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    // What is said in code counts.
    let exporter = receiver.exporter().proxy(proxy.url());
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    assert_eq!((receiver.so_far().len(), proxy.so_far().len()), (0, 2));
    let exporter = receiver.exporter().proxy(proxy.url()).no_proxy();
    assert_eq!(Traced::new(exporter).export(&["a"]), Ok(()));
    assert_eq!((receiver.so_far().len(), proxy.so_far().len()), (1, 0));
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let exporter = OtlpExporter::builder()
        .endpoint("https://collector.invalid")
        .proxy(format!("{USER}@{proxy}"))
        .timeout(std::time::Duration::from_millis(100));
    let (kind, message) = Traced::new(exporter).export(&["a"]).unwrap_err();
    assert_eq!(kind, "retryable");
    assert!(message.contains(&format!("http://{proxy}")), "{message}");
    assert!(!message.contains("hunter"), "{message}");
}
