use std::fmt;

use codomyrmex_wire::Value;

use crate::percent;
use crate::redact::Shown;

/// Who made the spans: attributes of the service, the process, the machine.
///
/// ```
/// use codomyrmex_core::Resource;
///
/// let resource = Resource::sdk("rust")
///     .merge(Resource::parse("deployment.environment.name=test,team=a%2Cb")?)
///     .with("service.name", "shop");
/// assert_eq!(resource.service_name(), Some("shop"));
/// assert_eq!(resource.get("team").and_then(|team| team.as_str()), Some("a,b"));
/// # Ok::<(), codomyrmex_core::ParseResourceError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Resource {
    attributes: Vec<(String, Value)>,
    schema_url: String,
}

impl fmt::Debug for Resource {
    /// Without what is a secret by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("attributes", &Shown(&self.attributes))
            .field("schema_url", &self.schema_url)
            .finish()
    }
}

impl Resource {
    /// Without attributes.
    pub const fn new() -> Resource {
        Resource {
            attributes: Vec::new(),
            schema_url: String::new(),
        }
    }

    /// `telemetry.sdk.name`, `.language` and `.version`, which every resource has; `language` is `"rust"` or `"python"`.
    pub fn sdk(language: &str) -> Resource {
        Resource::from_iter([
            ("telemetry.sdk.name", "codomyrmex"),
            ("telemetry.sdk.language", language),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ])
    }

    /// Reads `key=value` pairs with commas between them, percent-encoded: the form of `OTEL_RESOURCE_ATTRIBUTES`. All
    /// values are text.
    ///
    /// # Errors
    ///
    /// Any malformed pair; OpenTelemetry asks to ignore the whole text then, and to say so.
    pub fn parse(text: &str) -> Result<Resource, ParseResourceError> {
        let mut resource = Resource::new();
        for (index, pair) in text.split(',').enumerate() {
            if pair.trim().is_empty() {
                continue;
            }
            let error = |problem| ParseResourceError {
                pair: index + 1,
                problem,
            };
            let (key, value) = pair.split_once('=').ok_or(error("has no '='"))?;
            let decode = |part: &str| {
                percent::decode_strict(part.trim()).ok_or(error("is not percent-encoded UTF-8"))
            };
            let key = decode(key)?;
            if key.is_empty() {
                return Err(error("has no key"));
            }
            resource.set(key, decode(value)?);
        }
        Ok(resource)
    }

    /// Sets an attribute; of equal keys the last value counts, at the first one's place.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = value,
            None => self.attributes.push((key, value)),
        }
    }

    /// As [`set`](Resource::set), in a chain.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Resource {
        self.set(key, value);
        self
    }

    /// Says which schema the attributes follow.
    #[must_use]
    pub fn with_schema_url(mut self, schema_url: impl Into<String>) -> Resource {
        self.schema_url = schema_url.into();
        self
    }

    /// This resource with what `updating` adds and changes: OpenTelemetry's merge.
    ///
    /// The schema URL is the one that is not empty; of two that differ neither stays.
    #[must_use]
    pub fn merge(mut self, updating: Resource) -> Resource {
        for (key, value) in updating.attributes {
            self.set(key, value);
        }
        if self.schema_url.is_empty() {
            self.schema_url = updating.schema_url;
        } else if !updating.schema_url.is_empty() && self.schema_url != updating.schema_url {
            self.schema_url.clear();
        }
        self
    }

    /// The attributes in order, each key once.
    pub fn attributes(&self) -> &[(String, Value)] {
        &self.attributes
    }

    /// The attributes, to be changed in place.
    pub(crate) fn attributes_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.attributes
            .iter_mut()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// The value of an attribute.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.attributes
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// The attribute `service.name`, where it is a text.
    pub fn service_name(&self) -> Option<&str> {
        self.get("service.name").and_then(Value::as_str)
    }

    /// Which schema the attributes follow, empty where nobody said.
    pub fn schema_url(&self) -> &str {
        &self.schema_url
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Resource {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut resource = Resource::new();
        resource.extend(pairs);
        resource
    }
}

impl<K: Into<String>, V: Into<Value>> Extend<(K, V)> for Resource {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.set(key, value);
        }
    }
}

/// Why a text is no list of resource attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseResourceError {
    pair: usize,
    problem: &'static str,
}

impl ParseResourceError {
    /// Which pair is malformed, counted from 1.
    pub const fn pair(&self) -> usize {
        self.pair
    }
}

impl fmt::Display for ParseResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text itself is not shown: it may hold a secret.
        write!(f, "pair {} {}", self.pair, self.problem)
    }
}

impl std::error::Error for ParseResourceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_updating_resource_wins() {
        let old = Resource::from_iter([("a", 1), ("b", 2)]);
        let new = Resource::from_iter([("b", 3), ("c", 4)]);
        assert_eq!(
            old.merge(new),
            Resource::from_iter([("a", 1), ("b", 3), ("c", 4)])
        );
    }

    #[test]
    fn schema_urls_are_merged() {
        let with = |url: &str| Resource::new().with_schema_url(url);
        for (old, updating, merged) in [
            ("", "x", "x"),
            ("x", "", "x"),
            ("x", "x", "x"),
            ("x", "y", ""),
        ] {
            assert_eq!(with(old).merge(with(updating)).schema_url(), merged);
        }
    }

    #[test]
    fn the_sdk_names_itself() {
        let resource = Resource::sdk("python");
        assert_eq!(
            resource.get("telemetry.sdk.language"),
            Some(&Value::from("python"))
        );
        assert_eq!(
            resource.get("telemetry.sdk.version"),
            Some(&Value::from(env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(resource.service_name(), None);
    }

    #[test]
    fn the_variables_form_is_parsed() {
        let resource = Resource::parse(" a = 1 ,b=x%20y=z,,c=,b%2C=2,a=3").unwrap();
        assert_eq!(
            resource,
            Resource::from_iter([("a", "3"), ("b", "x y=z"), ("c", ""), ("b,", "2")])
        );
        assert_eq!(Resource::parse(""), Ok(Resource::new()));
    }

    #[test]
    fn one_malformed_pair_spoils_the_whole() {
        for (text, pair) in [
            ("a=1,b", 2),
            ("=1", 1),
            ("a=%zz", 1),
            ("a=1,b=2,c=%ff", 3),
            ("%20%=1", 1),
        ] {
            assert_eq!(Resource::parse(text).unwrap_err().pair(), pair, "{text}");
        }
        assert_eq!(
            Resource::parse("a=1,b").unwrap_err().to_string(),
            "pair 2 has no '='"
        );
    }
}
