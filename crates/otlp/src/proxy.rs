//! A proxy between the exporter and the receiver.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};

use crate::error::ConfigError;
use crate::headers::percent_decoded;

/// A proxy's address. Shows scheme, host and port.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// As it stands in URLs, with brackets around a number of IPv6.
    name: String,
    pub(crate) port: u16,
    /// The value of the header `Proxy-Authorization`.
    pub(crate) credentials: Option<HeaderValue>,
    /// What of the credentials may be said by nobody.
    secrets: Vec<String>,
}

impl Proxy {
    /// `http://user:password@host:port`, user and password percent-encoded; all but the host may be missing.
    pub(crate) fn parse(url: &str) -> Result<Self, ConfigError> {
        let error = |reason| ConfigError::Proxy { reason };
        let invalid = || error("is no valid URL: write it as http://host:port");
        let url = url.trim();
        let rest = match url.split_once("://") {
            None => url,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => {
                return Err(error(
                    "is spoken to in another way than HTTP: it has to begin with http://",
                ));
            }
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let uri: Uri = format!("http://{address}/")
            .parse()
            .map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let name = authority.host();
        if name.is_empty() {
            return Err(invalid());
        }
        let port = match address[name.len()..].strip_prefix(':') {
            Some(port) => port
                .parse()
                .map_err(|_| error("has a port that is no number up to 65535"))?,
            None => 80,
        };
        let mut proxy = Self {
            name: name.to_owned(),
            port,
            credentials: None,
            secrets: Vec::new(),
        };
        if let Some(user) = user {
            proxy.identify(user).ok_or_else(|| {
                error("holds a user name or a password that is not percent-encoded")
            })?;
        }
        Ok(proxy)
    }

    /// Basic credentials (RFC 7617) of `user:password`.
    fn identify(&mut self, user: &str) -> Option<()> {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let password_text = percent_decoded(password)?;
        let plain = format!("{}:{password_text}", percent_decoded(name)?);
        let encoded = STANDARD.encode(plain);
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        self.credentials = Some(value);
        self.secrets = vec![encoded, password_text, password.to_owned()];
        self.secrets.retain(|secret| !secret.is_empty());
        Some(())
    }

    /// The host as a name or a number.
    pub(crate) fn host(&self) -> &str {
        self.name.trim_start_matches('[').trim_end_matches(']')
    }

    /// A text of somebody else's, with every secret of this proxy in it made unreadable.
    pub(crate) fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.iter();
        secrets.fold(text.to_owned(), |text, secret| {
            text.replace(secret, "[redacted]")
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.name, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, Option<String>) {
        let proxy = Proxy::parse(url).unwrap();
        let credentials = proxy
            .credentials
            .as_ref()
            .map(|value| value.to_str().unwrap().to_owned());
        (proxy.to_string(), credentials)
    }

    #[test]
    fn addresses_and_credentials_are_taken_apart() {
        assert_eq!(parsed("proxy:3128"), ("http://proxy:3128".to_owned(), None));
        assert_eq!(
            parsed(" HTTP://proxy/ "),
            ("http://proxy:80".to_owned(), None)
        );
        assert_eq!(
            parsed("http://[::1]:3128"),
            ("http://[::1]:3128".to_owned(), None)
        );
        // RFC 7617's own example.
        assert_eq!(
            parsed("http://Aladdin:open%20sesame@proxy:3128").1,
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned())
        );
        assert_eq!(parsed("a@b:1").1, Some("Basic YTo=".to_owned()));
    }

    #[test]
    fn what_is_no_proxy_is_told_without_being_shown() {
        for url in [
            "",
            "http://",
            "socks5://user:hunter2@host:1",
            "https://hunter2",
            "http://user:hunter2%@host",
            "http://hunter2:99999",
            "hunter2 x",
        ] {
            let said = Proxy::parse(url).unwrap_err().to_string();
            assert!(said.starts_with("the OTLP proxy "), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let proxy = Proxy::parse("http://user:hunter2@host:1").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://host:1 http://host:1");
        assert_eq!(
            proxy.redact("hunter2 or dXNlcjpodW50ZXIy"),
            "[redacted] or [redacted]"
        );
    }
}
