use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use codomyrmex_wire::Value;

use crate::secret_words::SecretWords;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Which values must not leave the process: those of keys one of whose words is secret, and user info in URLs.
///
/// A key's words end at every character that is no letter or digit, between letters and digits, and where camelCase goes on.
/// A secret word is found in any case, whether written as one word or as several: `api_key` is found in `x-api-key`,
/// `apiKey`, `API-KEY` and `apikey`. `gen_ai.usage.input_tokens` holds no secret word.
///
/// By default the words are those of [`Redact::WORDS`]. As text (`CODOMYRMEX_REDACT`) it is either `on`, `off`, or a list of
/// changes to the default with commas between them: `+word` or just `word` adds one, `-word` takes one away, `-all` takes all
/// away.
///
/// ```
/// use codomyrmex_core::Redact;
///
/// let redact: Redact = "+session, -cookie".parse()?;
/// assert!(redact.is_secret("db.password"));
/// assert!(redact.is_secret("app.session"));
/// assert!(!redact.is_secret("http.request.header.cookie"));
/// assert_eq!(
///     redact.clean_url("https://ann:hunter2@example.com/a").as_deref(),
///     Some("https://example.com/a"),
/// );
/// # Ok::<(), codomyrmex_core::ParseRedactError>(())
/// ```
#[derive(Clone)]
pub struct Redact {
    /// `None`: switched off.
    words: Option<Arc<SecretWords>>,
}

impl Redact {
    /// The words that are secret by default.
    pub const WORDS: [&str; 12] = [
        "password",
        "passwd",
        "secret",
        "authorization",
        "cookie",
        "credential",
        "api_key",
        "private_key",
        "access_token",
        "refresh_token",
        "id_token",
        "auth_token",
    ];

    /// Nothing is redacted.
    pub const fn off() -> Redact {
        Redact { words: None }
    }

    /// The default, made once.
    pub fn standard() -> &'static Redact {
        static STANDARD: LazyLock<Redact> = LazyLock::new(|| Redact::of(Redact::WORDS));
        &STANDARD
    }

    fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Redact {
        Redact {
            words: Some(Arc::new(SecretWords::new(words))),
        }
    }

    /// Makes more words secret, and switches redaction on. A word without letters and digits is ignored.
    #[must_use]
    pub fn with_words<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Redact {
        let words: Vec<&str> = words.into_iter().collect();
        Redact::of(self.words().chain(words.iter().copied()))
    }

    /// Makes these words, as given by default or added before, secret no longer.
    #[must_use]
    pub fn without_words<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Redact {
        let Some(known) = &self.words else {
            return self;
        };
        let mut known = SecretWords::clone(known);
        for word in words {
            known.remove(word);
        }
        Redact {
            words: Some(Arc::new(known)),
        }
    }

    /// The secret words: lower-case letters and digits only.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().flat_map(|words| words.iter())
    }

    /// Whether anything is redacted at all.
    #[inline]
    pub const fn is_on(&self) -> bool {
        self.words.is_some()
    }

    /// Whether the value of this key is a secret.
    #[inline]
    pub fn is_secret(&self, key: &str) -> bool {
        match &self.words {
            Some(words) => words.found_in(key),
            None => false,
        }
    }

    /// Whether the value of this key may be a URL, whose user info is to be cut: `url`, `url.…`, and `….url`, such as
    /// OpenTelemetry's `url.full` and `http.url`.
    #[inline]
    pub fn is_url(&self, key: &str) -> bool {
        self.is_on() && (key.starts_with("url.") || key.ends_with(".url") || key == "url")
    }

    /// The URL without its user info, `None` where it has none (or redaction is off) and can stay as it is.
    pub fn clean_url(&self, url: &str) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let (start, end) = user_info(url)?;
        let (before, after) = (url.get(..start)?, url.get(end..)?);
        Some(format!("{before}{after}"))
    }

    /// Redacts one attribute in place, with all that is nested in it: secret keys of maps too, at any depth. Returns how
    /// many values were replaced or cut.
    pub fn clean(&self, key: &str, value: &mut Value) -> usize {
        if !self.is_on() {
            return 0;
        }
        let mut count = 0;
        let mut waiting = vec![(key, value)];
        while let Some((key, value)) = waiting.pop() {
            if self.is_secret(key) {
                *value = Value::from(REDACTED);
                count += 1;
                continue;
            }
            match value {
                Value::Str(text) if self.is_url(key) => {
                    if let Some(clean) = self.clean_url(text) {
                        *text = clean;
                        count += 1;
                    }
                }
                Value::Array(values) => waiting.extend(values.iter_mut().map(|value| (key, value))),
                Value::Map(pairs) => {
                    waiting.extend(pairs.iter_mut().map(|(key, value)| (&**key, value)))
                }
                _ => {}
            }
        }
        count
    }

    /// Whether [`clean`](Redact::clean) would change this attribute.
    pub fn concerns(&self, key: &str, value: &Value) -> bool {
        if !self.is_on() {
            return false;
        }
        let mut waiting = vec![(key, value)];
        while let Some((key, value)) = waiting.pop() {
            if self.is_secret(key) {
                return true;
            }
            match value {
                Value::Str(text) if self.is_url(key) && user_info(text).is_some() => return true,
                Value::Array(values) => waiting.extend(values.iter().map(|value| (key, value))),
                Value::Map(pairs) => {
                    waiting.extend(pairs.iter().map(|(key, value)| (&**key, value)))
                }
                _ => {}
            }
        }
        false
    }
}

/// Where the user info of a URL stands, with its `@`. It ends at the last `@` of the authority, as browsers read it.
fn user_info(url: &str) -> Option<(usize, usize)> {
    let start = url.find("//")? + 2;
    let scheme = url.get(..start - 2)?;
    // Only an absolute or a scheme-relative URL has an authority here: not a path or query with "//" in it.
    if !(scheme.is_empty() || scheme.ends_with(':') && !scheme.contains(['/', '?', '#'])) {
        return None;
    }
    let rest = url.get(start..)?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let at = authority.rfind('@')?;
    Some((start, start + at + 1))
}

/// Attributes as `Debug` shows them: without what is a secret by default.
pub(crate) struct Shown<'a>(pub(crate) &'a [(String, Value)]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.0.iter().map(|(key, value)| {
            let mut value = value.clone();
            Redact::standard().clean(key, &mut value);
            (key, value)
        });
        f.debug_map().entries(attributes).finish()
    }
}

impl Default for Redact {
    fn default() -> Self {
        Redact::standard().clone()
    }
}

impl fmt::Debug for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "Redact({})", words.iter().collect::<Vec<_>>().join(", ")),
            None => f.write_str("Redact(off)"),
        }
    }
}

impl FromStr for Redact {
    type Err = ParseRedactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" | "false" | "0" | "none" => return Ok(Redact::off()),
            "on" | "true" | "1" | "" => return Ok(Redact::default()),
            _ => {}
        }
        let mut redact = Redact::default();
        for entry in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let (adds, word) = match entry.strip_prefix('-') {
                Some(word) => (false, word.trim()),
                None => (true, entry.strip_prefix('+').unwrap_or(entry).trim()),
            };
            if !adds && word.eq_ignore_ascii_case("all") {
                redact = Redact::of([]);
                continue;
            }
            if !word
                .bytes()
                .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
            {
                return Err(ParseRedactError);
            }
            redact = if adds {
                redact.with_words([word])
            } else {
                redact.without_words([word])
            };
        }
        Ok(redact)
    }
}

/// A text that says nothing about redaction: an entry without a letter or digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseRedactError;

impl fmt::Display for ParseRedactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected on, off, or words with + or - before them and commas between them")
    }
}

impl std::error::Error for ParseRedactError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_their_words() {
        let redact = Redact::default();
        for key in [
            "password",
            "db.password",
            "userPassword",
            "PASSWORD",
            "password2",
            "HTTPAuthorization",
            "API-KEY",
            "x_api_key",
            "apiKey",
            "APIKey",
            "xApiKey",
            "apikey",
            "http.request.header.authorization",
            "http.request.header.set-cookie",
            "aws.credential.id",
            "client secret",
            "my[passwd]",
            "a/private/key",
            "oauth2.accessToken",
            "REFRESH_TOKEN_VALUE",
            "user.id_token",
            "userIDToken",
            "auth_token",
            "größe.secret",
        ] {
            assert!(redact.is_secret(key), "{key}");
        }
        for word in Redact::WORDS {
            assert!(redact.is_secret(word), "{word}");
            assert!(
                redact.is_secret(&format!("{}{word}", "some.prefix_".repeat(20))),
                "{word}"
            );
            assert!(
                redact.is_secret(&format!("{word}{}", ".someSuffix".repeat(20))),
                "{word}"
            );
        }
    }

    #[test]
    fn other_keys_are_not_secret() {
        let redact = Redact::default();
        for key in [
            "",
            "a",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "token",
            "key",
            "api",
            "passwordless",
            "xpassword",
            "secretary",
            "cookies.count",
            "paid_token",
            "author",
            "authorizations",
            "http.response.status_code",
            "process.pid",
            "db.query.text",
            "access.tokens",
            "api.monkey",
            "apikeys",
            "pass.wor",
            "é",
        ] {
            assert!(!redact.is_secret(key), "{key}");
        }
    }

    #[test]
    fn words_can_be_added_taken_away_and_switched_off() {
        let more = Redact::default().with_words(["Session-Id", "§", "größe"]);
        assert!(
            more.is_secret("user.sessionId")
                && more.is_secret("db.password")
                && more.is_secret("die größe")
        );
        assert!(!more.is_secret("session"));
        let fewer = more.without_words(["API_KEY", "sessionid"]);
        assert!(
            !fewer.is_secret("apiKey")
                && !fewer.is_secret("session_id")
                && fewer.is_secret("secret")
        );
        let off = Redact::off();
        assert!(!off.is_secret("password") && !off.is_on() && !off.is_url("url.full"));
        assert_eq!(off.clean_url("http://a:b@c"), None);
        let only = Redact::off().with_words(["iban"]);
        assert!(only.is_secret("iban") && !only.is_secret("password"));
    }

    #[test]
    fn many_words_are_all_found() {
        let words: Vec<String> = (0..100)
            .map(|n| format!("{}word{n}", char::from(b'a' + n % 26)))
            .collect();
        let redact = Redact::off().with_words(words.iter().map(String::as_str));
        for word in &words {
            assert!(redact.is_secret(&format!("x.{word}.y")), "{word}");
            assert!(!redact.is_secret(&format!("x.q{word}.y")), "{word}");
        }
    }

    #[test]
    fn text_is_parsed() {
        let parse = |text: &str| text.parse::<Redact>();
        assert!(!parse(" OFF ").unwrap().is_on());
        assert!(parse("").unwrap().is_secret("cookie"));
        assert!(parse("on").unwrap().is_secret("cookie"));
        let changed = parse("+iban, session ,-cookie,").unwrap();
        assert!(
            changed.is_secret("iban")
                && changed.is_secret("session")
                && changed.is_secret("secret")
        );
        assert!(!changed.is_secret("cookie"));
        let only = parse("-all,+iban").unwrap();
        assert_eq!(only.words().collect::<Vec<_>>(), ["iban"]);
        assert!(!only.is_secret("password"));
        assert_eq!(parse("+").unwrap_err(), ParseRedactError);
        assert_eq!(parse("iban,--").unwrap_err(), ParseRedactError);
    }

    #[test]
    fn user_info_is_cut_from_urls() {
        let redact = Redact::default();
        for (url, clean) in [
            (
                "https://ann:pw@example.com/x?y=z",
                Some("https://example.com/x?y=z"),
            ),
            ("https://ann@example.com", Some("https://example.com")),
            ("//ann:pw@example.com", Some("//example.com")),
            (
                "postgres://u:p@ss@host:5432/db",
                Some("postgres://host:5432/db"),
            ),
            ("https://u:p@[::1]:8080/", Some("https://[::1]:8080/")),
            ("https://Zoë:ü@example.com/", Some("https://example.com/")),
            ("https://@example.com/", Some("https://example.com/")),
            ("https://example.com/@ann", None),
            ("https://example.com?mail=a@b.c", None),
            ("https://example.com#a@b", None),
            ("/path?next=//a@b", None),
            ("a@b.c", None),
            ("", None),
            ("http://", None),
        ] {
            assert_eq!(redact.clean_url(url).as_deref(), clean, "{url}");
        }
    }

    #[test]
    fn urls_are_known_by_their_keys() {
        let redact = Redact::default();
        for key in ["url", "url.full", "http.url", "url.original"] {
            assert!(redact.is_url(key), "{key}");
        }
        for key in ["", "curl", "urls", "server.address", "http.urls"] {
            assert!(!redact.is_url(key), "{key}");
        }
    }

    #[test]
    fn nested_values_are_cleaned() {
        let redact = Redact::default();
        let mut value = Value::Map(vec![
            ("Authorization".to_owned(), Value::from("Bearer x")),
            (
                "items".to_owned(),
                Value::Array(vec![Value::Map(vec![("apiKey".to_owned(), Value::Int(1))])]),
            ),
            (
                "url".to_owned(),
                Value::Array(vec![Value::from("http://a:b@c/")]),
            ),
            ("n".to_owned(), Value::Int(3)),
        ]);
        assert!(redact.concerns("headers", &value));
        assert_eq!(redact.clean("headers", &mut value), 3);
        assert!(!redact.concerns("n", &Value::Int(3)));
        let expected = Value::Map(vec![
            ("Authorization".to_owned(), Value::from(REDACTED)),
            (
                "items".to_owned(),
                Value::Array(vec![Value::Map(vec![(
                    "apiKey".to_owned(),
                    Value::from(REDACTED),
                )])]),
            ),
            (
                "url".to_owned(),
                Value::Array(vec![Value::from("http://c/")]),
            ),
            ("n".to_owned(), Value::Int(3)),
        ]);
        assert_eq!(value, expected);
        assert_eq!(redact.clean("password", &mut value), 1);
        assert_eq!(value, Value::from(REDACTED));
        assert_eq!(Redact::off().clean("password", &mut Value::Int(1)), 0);
    }
}
