//! The variables that name proxies: nobody's own, read as most programs do.

use codomyrmex_otlp::{OtlpExporterBuilder, Proxies};

use super::otlp::valid;
use super::reader::Reader;

/// Set for programs that a web server starts; for these, `HTTP_PROXY` is a header of the request, from a stranger.
const CGI: &str = "REQUEST_METHOD";

const NAMES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Whether these variables decide about proxies, which they do in either case.
pub(super) fn is_about_proxies(name: &str) -> bool {
    name == CGI
        || NAMES
            .iter()
            .any(|known| *known == name || known.to_ascii_lowercase() == name)
}

impl<'a> Reader<'a> {
    /// The exporter with the proxies of the environment.
    pub(super) fn proxies(&mut self, otlp: OtlpExporterBuilder) -> OtlpExporterBuilder {
        let mut proxies = Proxies::new();
        if let Some((_, list)) = self.proxy_variable("NO_PROXY") {
            proxies = proxies.except(list);
        }
        for own in ["HTTP_PROXY", "HTTPS_PROXY"] {
            for name in [own, "ALL_PROXY"] {
                let Some((name, url)) = self.proxy_variable(name) else {
                    continue;
                };
                let more = match own {
                    "HTTP_PROXY" => proxies.clone().http(url),
                    _ => proxies.clone().https(url),
                };
                match valid(otlp.clone().proxies(more.clone())) {
                    Ok(_) => {
                        proxies = more;
                        break;
                    }
                    Err(reason) => self.warnings.push(format!("{name} is ignored: {reason}")),
                }
            }
        }
        otlp.proxies(proxies)
    }

    /// The variable in lower case, else in upper case.
    fn proxy_variable(&self, name: &str) -> Option<(String, &'a str)> {
        let proxies = &self.environment.proxies;
        let lower = name.to_ascii_lowercase();
        let upper = (name != "HTTP_PROXY" || !proxies.contains_key(CGI)).then(|| name.to_owned());
        std::iter::once(lower).chain(upper).find_map(|name| {
            let value = proxies.get(&name)?;
            Some((name, value.trim()))
        })
    }
}
