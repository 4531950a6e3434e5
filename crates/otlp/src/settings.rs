//! What an exporter was built with.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::headers::Headers;
use crate::protocol::{Compression, Protocol};

/// All options, checked. Its Debug shows no value that may be a secret.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: Headers,
    /// For one batch: all its requests with all their retries.
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) max_request_bytes: usize,
}
