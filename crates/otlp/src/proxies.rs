//! Which proxy is for which receiver, as environments say it.

use std::fmt;
use std::net::IpAddr;

use crate::endpoint::Endpoint;
use crate::error::ConfigError;
use crate::proxy::Proxy;

/// Proxies by the scheme of the receiver's address, and the receivers that are reached without one.
///
/// Receivers on this machine (`localhost`, loopback addresses, Unix sockets) are always reached without one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    except: String,
}

impl Proxies {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The URL of the proxy for `http` receivers.
    #[must_use]
    pub fn http(mut self, url: impl Into<String>) -> Self {
        self.http = Some(url.into());
        self
    }

    /// The URL of the proxy for `https` receivers.
    #[must_use]
    pub fn https(mut self, url: impl Into<String>) -> Self {
        self.https = Some(url.into());
        self
    }

    /// Hosts that are reached without a proxy, as in `NO_PROXY`: with commas between them, a domain (which stands for all
    /// below it too), an IP address, a network (`10.0.0.0/8`), each perhaps with a port; or `*` for all.
    #[must_use]
    pub fn except(mut self, list: impl Into<String>) -> Self {
        self.except = list.into();
        self
    }

    /// The proxy for this receiver.
    pub(crate) fn choose(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, ConfigError> {
        let url = match endpoint.tls {
            true => &self.https,
            false => &self.http,
        };
        match url {
            Some(url) if !endpoint.is_here() && !self.excepts(endpoint) => {
                Proxy::parse(url).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn excepts(&self, endpoint: &Endpoint) -> bool {
        self.except
            .split(|char: char| char == ',' || char.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .any(|entry| is_meant(entry, &endpoint.host, endpoint.port))
    }
}

fn is_meant(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let host_address: Option<IpAddr> = host.parse().ok();
    if let Some((network, bits)) = entry.split_once('/') {
        return match (network.parse(), bits.parse(), host_address) {
            (Ok(network), Ok(bits), Some(address)) => is_within(address, network, bits),
            _ => false,
        };
    }
    // An address of IPv6 has colons that begin no port, unless it is in brackets.
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, wanted)) if name.ends_with(']') || !name.contains(':') => (name, Some(wanted)),
        _ => (entry, None),
    };
    if wanted.is_some_and(|wanted| wanted.parse() != Ok(port)) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Some(address) = host_address {
        return name.parse() == Ok(address);
    }
    let domain = name.trim_start_matches("*.").trim_matches('.');
    let host = host.trim_end_matches('.');
    let Some(below) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    !domain.is_empty()
        && host.is_char_boundary(below)
        && host[below..].eq_ignore_ascii_case(domain)
        && (below == 0 || host[..below].ends_with('.'))
}

/// Whether the first bits of both are the same.
fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.leading_zeros() >= bits
        }
        _ => false,
    }
}

/// Shows which there are, not what they are: their URLs may hold passwords.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("except", &self.except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Wanted;
    use crate::protocol::Protocol;

    fn chosen(proxies: &Proxies, url: &str) -> String {
        let wanted = Wanted::Exact(url.to_owned());
        let endpoint = Endpoint::new(&wanted, Protocol::HttpProtobuf, false).unwrap();
        match proxies.choose(&endpoint) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_scheme_decides_and_this_machine_needs_none() {
        let proxies = Proxies::new().http("one:1").https("two:2");
        assert_eq!(chosen(&proxies, "http://a"), "http://one:1");
        assert_eq!(chosen(&proxies, "https://a"), "http://two:2");
        for here in [
            "http://localhost:4318",
            "http://Localhost:4318",
            "https://127.8.0.1",
            "http://[::1]:1",
            "unix:///a.sock",
        ] {
            assert_eq!(chosen(&proxies, here), "none", "{here}");
        }
        assert_eq!(chosen(&Proxies::new().http("one:1"), "https://a"), "none");
    }

    #[test]
    fn exceptions_are_domains_addresses_networks_and_ports() {
        for (list, url, excepted) in [
            ("*", "http://a", true),
            ("example.com", "http://example.com", true),
            ("example.com", "http://a.EXAMPLE.com", true),
            (".example.com", "http://a.example.com", true),
            ("*.example.com", "http://a.example.com", true),
            ("example.com", "http://badexample.com", false),
            ("a.example.com", "http://example.com", false),
            ("x, example.com:4318", "http://example.com:4318", true),
            ("example.com:4318", "http://example.com:4317", false),
            ("10.1.2.3", "http://10.1.2.3:1", true),
            ("0.1.2.3", "http://10.1.2.3:1", false),
            ("10.0.0.0/8", "http://10.1.2.3:1", true),
            ("10.0.0.0/8", "http://11.1.2.3:1", false),
            ("0.0.0.0/0", "http://11.1.2.3:1", true),
            ("10.0.0.0/64", "http://10.1.2.3:1", false),
            ("fd00::/8", "http://[fd12::1]:1", true),
            ("fd12::1", "http://[fd12::1]:1", true),
            ("[fd12::1]:2", "http://[fd12::1]:1", false),
            ("", "http://a", false),
            (".", "http://a", false),
        ] {
            let proxies = Proxies::new().http("one:1").except(list);
            assert_eq!(chosen(&proxies, url) == "none", excepted, "{list} {url}");
        }
    }
}
