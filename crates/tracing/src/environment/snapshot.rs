//! The variables as they are at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{OWN, STANDARD};
use super::parent::is_carried;

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
    /// What the process that started this one left of its context.
    pub(super) carried: BTreeMap<String, String>,
    /// What everybody's variables say of proxies.
    #[cfg(feature = "otlp")]
    pub(super) proxies: BTreeMap<String, String>,
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
        let mut environment = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if value.trim().is_empty() {
                continue;
            }
            if name.starts_with(OWN) || name.starts_with(STANDARD) {
                environment.variables.insert(name, value);
            } else if is_carried(&name) {
                environment.carried.insert(name, value);
            } else {
                #[cfg(feature = "otlp")]
                if super::proxies::is_about_proxies(&name) {
                    environment.proxies.insert(name, value);
                }
            }
        }
        environment
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&String> = self.variables.keys().chain(self.carried.keys()).collect();
        f.debug_tuple("Environment").field(&names).finish()
    }
}
