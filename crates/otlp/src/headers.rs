//! The user's own headers: often keys, never shown.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::ConfigError;

/// Headers that are sent with each request. Shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers(HeaderMap);

impl Headers {
    /// A header of the same name that stands already is replaced.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let name = name.trim();
        let error = |reason| ConfigError::Header {
            name: shown(name).to_owned(),
            reason,
        };
        let parsed: HeaderName = name.parse().map_err(|_| {
            error("has a name that HTTP does not allow (a colon or a space behind it, perhaps: write name=value)")
        })?;
        if RESERVED.contains(&parsed) {
            return Err(error("is the exporter's own to set"));
        }
        let mut value = HeaderValue::from_bytes(value.trim().as_bytes())
            .map_err(|_| error("has a value that HTTP does not allow (a line break, perhaps)"))?;
        value.set_sensitive(true);
        self.0.insert(parsed, value);
        Ok(())
    }

    /// `name=value,name=value`, percent-encoded, as in the environment.
    pub(crate) fn set_list(&mut self, list: &str) -> Result<(), ConfigError> {
        let entries = list.split(',').map(str::trim);
        for (entry, number) in entries.zip(1..).filter(|(entry, _)| !entry.is_empty()) {
            let (name, value) = entry
                .split_once('=')
                .ok_or(ConfigError::HeaderList { entry: number })?;
            let value =
                percent_decoded(value.trim()).ok_or(ConfigError::HeaderList { entry: number })?;
            self.set(name, &value)?;
        }
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

/// So much of a name as can be one: behind a colon or a space often stands the value, written into the wrong place.
fn shown(name: &str) -> &str {
    let end = name.find(|char: char| !char.is_ascii_alphanumeric() && !"-_.".contains(char));
    &name[..end.unwrap_or(name.len())]
}

/// None where what follows a percent sign is no two hexadecimal digits, or the whole is no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let mut headers = Headers::default();
        headers.set_list(text)?;
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        let mut pairs: Vec<_> = headers
            .map()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        pairs.sort();
        Ok(pairs)
    }

    #[test]
    fn lists_are_percent_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            list("Authorization=Basic%20dXNlcjpwYXNz==, x-a = b%2Cc%3d ,,x-e=").unwrap(),
            [
                pair("authorization", "Basic dXNlcjpwYXNz=="),
                pair("x-a", "b,c="),
                pair("x-e", "")
            ]
        );
        assert_eq!(list("a=1,A=2").unwrap(), [pair("a", "2")]);
        assert_eq!(list("a=%c3%a9").unwrap(), [pair("a", "é")]);
        assert_eq!(list("").unwrap(), []);
    }

    #[test]
    fn what_is_no_list_names_the_entry_and_shows_no_value() {
        for (text, said) in [
            ("a=1,hunter2", "entry 2"),
            ("a=hunter2%", "entry 1"),
            ("a=hunter2%2", "entry 1"),
            ("a=hunter2%zz", "entry 1"),
            ("a=hunter2%ff", "entry 1"),
            ("a b=hunter2", "\"a\""),
            ("Authorization: Basic hunter2==", "\"Authorization\""),
            ("a=hunter2%0ax", "line break"),
            ("content-type=hunter2", "the exporter's own"),
        ] {
            let error = list(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn values_and_their_words_are_redacted() {
        let mut headers = Headers::default();
        headers.set("authorization", "Bearer hunter2").unwrap();
        headers.set("x-empty", "").unwrap();
        assert_eq!(
            headers.redact("no user hunter2, says Bearer hunter2"),
            "no user [redacted], says [redacted]"
        );
        assert_eq!(format!("{headers:?}"), r#"["authorization", "x-empty"]"#);
    }
}
