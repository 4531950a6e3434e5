//! Where spans are sent.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::ConfigError;
use crate::protocol::Protocol;

/// The path of traces in OTLP/HTTP.
const TRACES: &str = "v1/traces";

/// What is said of a receiver's address, not looked at yet. Shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The protocol's default, on this machine.
    Default,
    /// As it stands.
    Exact(String),
    /// One for all signals, below which that for traces lies.
    Base(String),
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Exact(_) => "exact",
            Self::Base(_) => "base",
        })
    }
}

/// A receiver's address, taken apart.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Of the request's URL. gRPC has its own path instead.
    pub(crate) path: PathAndQuery,
    /// As it goes into the header `host`.
    pub(crate) authority: Authority,
    /// The Unix socket that is connected to in place of host and port.
    pub(crate) socket: Option<PathBuf>,
}

impl Endpoint {
    /// `insecure` decides where a gRPC endpoint has no scheme, and nowhere else.
    pub(crate) fn new(
        wanted: &Wanted,
        protocol: Protocol,
        insecure: bool,
    ) -> Result<Self, ConfigError> {
        let (text, base) = match wanted {
            Wanted::Default => (protocol.default_endpoint(), true),
            Wanted::Exact(url) => (url.as_str(), false),
            Wanted::Base(url) => (url.as_str(), true),
        };
        let text = text.trim();
        let error = |reason| ConfigError::Endpoint { reason };
        if let Some(rest) = text.strip_prefix("unix:") {
            return Self::unix(rest, base);
        }
        let with_scheme = text.contains("://");
        if !with_scheme && protocol != Protocol::Grpc {
            return Err(error(
                "has no scheme: write it as http://host:port or https://host:port",
            ));
        }
        let whole = match (with_scheme, insecure) {
            (true, _) => text.to_owned(),
            (false, true) => format!("http://{text}"),
            (false, false) => format!("https://{text}"),
        };
        let uri: Uri = whole
            .parse()
            .map_err(|_| error("is no valid URL: write it as http://host:port"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(error("has to begin with http://, https:// or unix:///")),
        };
        let authority = uri
            .authority()
            .filter(|authority| !authority.host().is_empty())
            .ok_or(error("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(error(
                "holds a user name: give credentials as a header instead (authorization=Basic …)",
            ));
        }
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            Some(port) => port
                .parse()
                .map_err(|_| error("has a port that is no number up to 65535"))?,
            None if tls => 443,
            None => 80,
        };
        // A URL parsed without a path has "/"; only the text tells the two apart.
        let authority_at = whole.find("://").map_or(0, |at| at + 3);
        let bare = !whole[authority_at..].contains('/');
        Ok(Self {
            tls,
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
            path: path(&uri, base || bare)?,
            authority: authority.clone(),
            socket: None,
        })
    }

    /// Whether it is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        self.socket.is_some()
            || host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// What stands behind `unix:`. After `:/` of the socket's path comes that of the request's URL.
    fn unix(rest: &str, base: bool) -> Result<Self, ConfigError> {
        let error = |reason| ConfigError::Endpoint { reason };
        if !cfg!(unix) {
            return Err(error("is a Unix socket, which this system does not have"));
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (socket, url) = match rest.split_once(":/") {
            Some((socket, _)) => (socket, &rest[socket.len() + 1..]),
            None => (rest, ""),
        };
        if !socket.starts_with('/') || socket.ends_with('/') {
            return Err(error(
                "names no socket by its whole path: write it as unix:///path/to/the.sock",
            ));
        }
        let uri: Uri = match url {
            "" => Uri::from_static("/"),
            url => url
                .parse()
                .map_err(|_| error("has a path that is not valid"))?,
        };
        Ok(Self {
            tls: false,
            host: String::new(),
            port: 0,
            path: path(&uri, base || url.is_empty())?,
            authority: Authority::from_static("localhost"),
            socket: Some(socket.into()),
        })
    }
}

/// The path of the URL, with that of traces appended where it is a base.
fn path(uri: &Uri, base: bool) -> Result<PathAndQuery, ConfigError> {
    let given = uri.path().trim_end_matches('/');
    let path = match (base, uri.query()) {
        (false, _) => {
            return Ok(uri
                .path_and_query()
                .cloned()
                .unwrap_or(PathAndQuery::from_static("/")));
        }
        (true, None) => format!("{given}/{TRACES}"),
        (true, Some(query)) => format!("{given}/{TRACES}?{query}"),
    };
    path.parse().map_err(|_| ConfigError::Endpoint {
        reason: "has a path that is not valid",
    })
}

/// Scheme, host and port: path and query may hold keys.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = &self.socket {
            return write!(f, "unix://{}", socket.display());
        }
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(wanted: Wanted, protocol: Protocol) -> String {
        match Endpoint::new(&wanted, protocol, false) {
            Ok(endpoint) => format!("{endpoint} {}", endpoint.path),
            Err(error) => error.to_string(),
        }
    }

    fn exact(text: &str) -> String {
        url(Wanted::Exact(text.to_owned()), Protocol::HttpProtobuf)
    }

    fn base(text: &str) -> String {
        url(Wanted::Base(text.to_owned()), Protocol::HttpProtobuf)
    }

    #[test]
    fn only_a_base_gets_the_path_of_traces() {
        assert_eq!(base("http://a:1"), "http://a:1 /v1/traces");
        assert_eq!(base("http://a:1/"), "http://a:1 /v1/traces");
        assert_eq!(base("http://a:1/b/"), "http://a:1 /b/v1/traces");
        assert_eq!(base("https://a/b?c=d"), "https://a /b/v1/traces?c=d");
        assert_eq!(exact("http://a:1/b"), "http://a:1 /b");
        assert_eq!(exact("http://a:1/b/"), "http://a:1 /b/");
        assert_eq!(exact("http://a:1/?c=d"), "http://a:1 /?c=d");
        assert_eq!(exact("http://a:1/"), "http://a:1 /");
        assert_eq!(exact("http://a:1"), "http://a:1 /v1/traces");
    }

    #[test]
    fn the_defaults_are_those_of_a_collector_on_this_machine() {
        assert_eq!(
            url(Wanted::Default, Protocol::HttpJson),
            "http://localhost:4318 /v1/traces"
        );
        assert!(url(Wanted::Default, Protocol::Grpc).starts_with("http://localhost:4317 "));
    }

    #[test]
    fn ports_hosts_and_schemes_are_taken_apart() {
        let parse = |text: &str, protocol, insecure| {
            let endpoint =
                Endpoint::new(&Wanted::Exact(text.to_owned()), protocol, insecure).unwrap();
            (endpoint.tls, endpoint.host, endpoint.port)
        };
        let http = Protocol::HttpProtobuf;
        assert_eq!(parse("http://a", http, false), (false, "a".to_owned(), 80));
        assert_eq!(parse("https://a", http, true), (true, "a".to_owned(), 443));
        assert_eq!(
            parse("HTTP://[::1]:5/x", http, false),
            (false, "::1".to_owned(), 5)
        );
        let grpc = Protocol::Grpc;
        assert_eq!(parse("a:4317", grpc, false), (true, "a".to_owned(), 4317));
        assert_eq!(parse("a:4317", grpc, true), (false, "a".to_owned(), 4317));
        assert_eq!(parse("https://a:1", grpc, true), (true, "a".to_owned(), 1));
    }

    #[test]
    #[cfg(unix)]
    fn a_unix_socket_has_the_url_s_path_behind_a_colon() {
        assert_eq!(exact("unix:///run/o.sock"), "unix:///run/o.sock /v1/traces");
        assert_eq!(exact("unix:/run/o.sock"), "unix:///run/o.sock /v1/traces");
        assert_eq!(exact("unix:///run/o.sock:/"), "unix:///run/o.sock /");
        assert_eq!(exact("unix:///o.sock:/b?c=d"), "unix:///o.sock /b?c=d");
        assert_eq!(base("unix:///o.sock"), "unix:///o.sock /v1/traces");
        assert_eq!(base("unix:///o.sock:/b/"), "unix:///o.sock /b/v1/traces");
        for text in ["unix:o.sock", "unix://", "unix:///", "unix:///run/"] {
            let said = exact(text);
            assert!(said.contains("names no socket"), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_to_do_and_shows_nothing_of_it() {
        for (text, reason) in [
            ("hunter2:4318", "has no scheme"),
            ("http://", "no valid URL"),
            ("ftp://hunter2", "has to begin with http"),
            ("http://hunter2 x", "no valid URL"),
            ("http://user:hunter2@a", "holds a user name"),
            ("http://hunter2:99999", "no number up to 65535"),
            ("", "has no scheme"),
        ] {
            let said = exact(text);
            assert!(said.contains(reason), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn path_and_query_are_not_shown() {
        let wanted = Wanted::Exact("http://a:1/hunter2?key=hunter2".to_owned());
        let endpoint = Endpoint::new(&wanted, Protocol::HttpJson, false).unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "http://a:1 http://a:1");
    }
}
