//! The user's own headers: often keys, never shown.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::ConfigError;

/// Headers that are sent with each request. Shows names only.
#[derive(Clone, Default)]
pub(crate) struct Headers(HeaderMap);

impl Headers {
    /// A header of the same name that stands already is replaced.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let error = |reason| ConfigError::Header {
            name: name.to_owned(),
            reason,
        };
        let parsed: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| error("has a name that HTTP does not allow"))?;
        if RESERVED.contains(&parsed) {
            return Err(error("is the exporter's own to set"));
        }
        let mut value = HeaderValue::from_bytes(value.trim().as_bytes())
            .map_err(|_| error("has a value that HTTP does not allow (a line break, perhaps)"))?;
        value.set_sensitive(true);
        self.0.insert(parsed, value);
        Ok(())
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        &self.0
    }

    /// A text of somebody else's, with every value of these headers in it made unreadable.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in self.0.values() {
            let value = String::from_utf8_lossy(value.as_bytes());
            // "Bearer abc" may come back without its first word.
            let words = value.split_whitespace().filter(|word| word.len() > 3);
            for secret in std::iter::once(&*value).chain(words) {
                if !secret.is_empty() {
                    text = text.replace(secret, "[redacted]");
                }
            }
        }
        text
    }
}

/// Headers that say how the request itself is to be read.
const RESERVED: [HeaderName; 8] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::UPGRADE,
    header::HOST,
];

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(HeaderName::as_str))
            .finish()
    }
}
