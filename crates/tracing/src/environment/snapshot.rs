//! The variables as they are at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{OWN, STANDARD};

/// A snapshot of the variables that are ours to read.
///
/// ```
/// use codomyrmex_tracing::environment::{Environment, ExporterChoice};
///
/// let settings = Environment::from_pairs([
///     ("OTEL_SERVICE_NAME", "everywhere"),
///     ("CODOMYRMEX_SERVICE_NAME", "shop"),
///     ("OTEL_TRACES_EXPORTER", "Console"),
/// ])
/// .settings();
/// assert_eq!(settings.service_name.as_deref(), Some("shop"));
/// assert_eq!(settings.exporters, Some(vec![ExporterChoice::Console]));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    pub(super) variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process, as they are now.
    pub fn from_process() -> Self {
        Self::from_pairs(std::env::vars_os().map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        }))
    }

    /// Variables from elsewhere. Of a name that comes twice the last value counts.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        let variables = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(name, value)| {
                (name.starts_with(OWN) || name.starts_with(STANDARD)) && !value.trim().is_empty()
            })
            .collect();
        Self { variables }
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&String> = self.variables.keys().collect();
        f.debug_tuple("Environment").field(&names).finish()
    }
}
