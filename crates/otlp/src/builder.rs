//! An exporter to be configured.

use std::path::PathBuf;
use std::time::Duration;

use crate::endpoint::{Endpoint, Wanted};
use crate::error::ConfigError;
use crate::exporter::OtlpExporter;
use crate::headers::Headers;
use crate::protocol::{Compression, Protocol};
use crate::proxies::Proxies;
use crate::proxy::Proxy;
use crate::settings::Settings;
use crate::tls::Tls;

/// The longest export where nothing else is asked for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The wait before the first retry.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// The most bytes of a request (a limit of the OTLP specification).
const MAX_REQUEST: usize = 64 << 20;

/// How the receiver is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Through {
    By(Proxies),
    /// This proxy, or none.
    Always(Option<Proxy>),
}

/// Protocol, address, headers and the rest of an [`OtlpExporter`] to be.
///
/// Without a call of its methods spans go to a Collector on this machine: `http://localhost:4318/v1/traces`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct OtlpExporterBuilder {
    protocol: Protocol,
    endpoint: Wanted,
    insecure: bool,
    through: Through,
    headers: Headers,
    timeout: Duration,
    first_backoff: Duration,
    compression: Compression,
    certificate: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    max_request_bytes: usize,
    /// The first mistake, told by `build`.
    mistake: Option<ConfigError>,
}

impl OtlpExporterBuilder {
    pub(crate) fn new() -> Self {
        Self {
            protocol: Protocol::default(),
            endpoint: Wanted::Default,
            insecure: false,
            through: Through::By(Proxies::default()),
            headers: Headers::default(),
            timeout: TIMEOUT,
            first_backoff: FIRST_BACKOFF,
            compression: Compression::default(),
            certificate: None,
            client_certificate: None,
            client_key: None,
            max_request_bytes: MAX_REQUEST,
            mistake: None,
        }
    }

    /// [`Protocol::HttpProtobuf`] by default.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The URL that requests go to, as it stands; only where it has no path at all (`http://host:port`), HTTP's
    /// `/v1/traces` is added. gRPC takes scheme, host and port of it, and also `host:port` alone (see
    /// [`insecure`](Self::insecure)).
    ///
    /// `unix:///path/to/the.sock` is a Unix socket, without TLS. Over HTTP, requests go to `/v1/traces` there, or to a path
    /// given behind a colon: `unix:///path/to/the.sock:/own/path`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Wanted::Exact(url.into());
        self
    }

    /// A URL for all signals: over HTTP, `/v1/traces` is appended to whatever path it has.
    pub fn base_endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Wanted::Base(url.into());
        self
    }

    /// Whether a gRPC endpoint without a scheme is spoken to without TLS. Where there is a scheme, that decides.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// The proxy to go through, wherever the receiver is: `http://host:port`, perhaps with `user:password@` in front of the
    /// host, both percent-encoded. Requests to `https` receivers and gRPC go through a tunnel (CONNECT), in which the proxy
    /// sees host and port alone; of other requests it sees all. User and password appear in no error, log, or `Debug`.
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        match Proxy::parse(url.as_ref()) {
            Ok(proxy) => self.through = Through::Always(Some(proxy)),
            Err(mistake) => drop(self.mistake.get_or_insert(mistake)),
        }
        self
    }

    /// Straight to the receiver, also where the environment names a proxy.
    pub fn no_proxy(mut self) -> Self {
        self.through = Through::Always(None);
        self
    }

    /// Proxies by the receiver's address, as environments name them. Of this method, [`proxy`](Self::proxy) and
    /// [`no_proxy`](Self::no_proxy) the last one counts.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.through = Through::By(proxies);
        self
    }

    /// A header of each request; the last value of a name counts. Its value appears in no error, log, or `Debug`.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Err(mistake) = self.headers.set(name.as_ref(), value.as_ref()) {
            self.mistake.get_or_insert(mistake);
        }
        self
    }

    /// Headers as they stand in `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,name=value`, the values percent-encoded.
    pub fn headers(mut self, list: impl AsRef<str>) -> Self {
        if let Err(mistake) = self.headers.set_list(list.as_ref()) {
            self.mistake.get_or_insert(mistake);
        }
        self
    }

    /// The longest that the export of a batch takes, with all its retries: 10 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The wait before the first retry: half a second by default. Each further one is twice as long, up to 5 seconds, and
    /// half of each is random. Where the receiver asks for more, it gets it.
    pub fn first_backoff(mut self, wait: Duration) -> Self {
        self.first_backoff = wait;
        self
    }

    /// [`Compression::None`] by default.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// A PEM file with the certificates of the authorities that the receiver's certificate may come from. By default those of
    /// the system.
    pub fn certificate(mut self, pem: impl Into<PathBuf>) -> Self {
        self.certificate = Some(pem.into());
        self
    }

    /// A PEM file with the certificate, and those above it, that the exporter shows to the receiver (mTLS). Needs
    /// [`client_key`](Self::client_key).
    pub fn client_certificate(mut self, pem: impl Into<PathBuf>) -> Self {
        self.client_certificate = Some(pem.into());
        self
    }

    /// A PEM file with the key of [`client_certificate`](Self::client_certificate).
    pub fn client_key(mut self, pem: impl Into<PathBuf>) -> Self {
        self.client_key = Some(pem.into());
        self
    }

    /// The most bytes of a request before it is compressed: 64 MiB by default. A larger batch goes as several requests; a
    /// span that is larger alone is not sent, and counted.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// The exporter. Nothing is sent or connected yet.
    ///
    /// # Errors
    ///
    /// Where an option makes no sense; the error says which one.
    pub fn build(self) -> Result<OtlpExporter, ConfigError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if self.timeout.is_zero() {
            return Err(ConfigError::Limit { option: "timeout" });
        }
        if self.max_request_bytes == 0 {
            return Err(ConfigError::Limit {
                option: "limit of bytes in a request",
            });
        }
        if self.protocol == Protocol::Grpc && !cfg!(feature = "grpc") {
            return Err(ConfigError::NotCompiledIn { feature: "grpc" });
        }
        let endpoint = Endpoint::new(&self.endpoint, self.protocol, self.insecure)?;
        let proxy = match &self.through {
            Through::By(proxies) => proxies.choose(&endpoint)?,
            // A socket is a file here, which no proxy knows.
            Through::Always(proxy) => proxy.clone().filter(|_| endpoint.socket.is_none()),
        };
        Ok(OtlpExporter::of(Settings {
            endpoint,
            proxy,
            protocol: self.protocol,
            headers: self.headers,
            timeout: self.timeout,
            first_backoff: self.first_backoff,
            tls: Tls::read(
                self.certificate.as_deref(),
                self.client_certificate.as_deref(),
                self.client_key.as_deref(),
            )?,
            compression: self.compression,
            max_request_bytes: self.max_request_bytes,
        }))
    }
}
