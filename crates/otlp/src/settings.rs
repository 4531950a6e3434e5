//! What an exporter was built with.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::headers::Headers;
use crate::protocol::{Compression, Protocol};
use crate::proxy::Proxy;
use crate::tls::Tls;

/// All options, checked. Its Debug shows no value that may be a secret.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: Endpoint,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) headers: Headers,
    /// For one batch: all its requests with all their retries.
    pub(crate) timeout: Duration,
    /// The wait before the first retry.
    pub(crate) first_backoff: Duration,
    pub(crate) tls: Tls,
    pub(crate) compression: Compression,
    pub(crate) max_request_bytes: usize,
}

/// The most characters of a receiver's own words that are repeated.
const QUOTED: usize = 200;

impl Settings {
    /// What a receiver says, behind what is said of it: on one line, not too long, and without the values of headers, which
    /// some receivers repeat.
    pub(crate) fn quote(&self, said: &str) -> String {
        let words: Vec<&str> = said
            .split(|char: char| char.is_whitespace() || char.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        if words.is_empty() {
            return String::new();
        }
        let mut said = self.headers.redact(&words.join(" "));
        if let Some(proxy) = &self.proxy {
            said = proxy.redact(&said);
        }
        match said.char_indices().nth(QUOTED) {
            Some((end, _)) => format!(": {}…", &said[..end]),
            None => format!(": {said}"),
        }
    }
}
