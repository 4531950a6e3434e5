//! The environment's variables, and what they mean for a tracer. This is the only place that reads them.
//!
//! A variable `OTEL_<X>` means what OpenTelemetry's specification says; `CODOMYRMEX_<X>` means the same and wins over
//! it. An empty variable is an unset one. Words may be written in any case. What cannot be understood is ignored, and
//! reported through [`codomyrmex_core::diagnostics`].
//!
//! | `CODOMYRMEX_…` or `OTEL_…` | meaning | in code |
//! |---|---|---|
//! | `SDK_DISABLED` | `true`: nothing is recorded | [`TracerBuilder::disabled`] |
//! | `SERVICE_NAME` | `service.name` of the resource; wins over the next and over a tracer's name | [`Tracer::builder`](crate::Tracer::builder) |
//! | `RESOURCE_ATTRIBUTES` | `key=value,key=value`, percent-encoded | [`TracerBuilder::resource`] |
//! | `TRACES_EXPORTER` | `console`, `null` or `none`; a list with commas for several | [`TracerBuilder::exporter`] |
//! | `TRACES_SAMPLER`, `TRACES_SAMPLER_ARG` | see [`Sampler::parse`] | [`TracerBuilder::sampler`] |
//! | `SPAN_ATTRIBUTE_COUNT_LIMIT`, else `ATTRIBUTE_COUNT_LIMIT` | [`Limits::attributes`] | [`TracerBuilder::limits`] |
//! | `SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `ATTRIBUTE_VALUE_LENGTH_LIMIT` | [`Limits::attribute_value_length`] | |
//! | `SPAN_EVENT_COUNT_LIMIT`, `SPAN_LINK_COUNT_LIMIT` | [`Limits::events`], [`Limits::links`] | |
//! | `EVENT_ATTRIBUTE_COUNT_LIMIT`, `LINK_ATTRIBUTE_COUNT_LIMIT` | [`Limits::attributes_per_event`], [`Limits::attributes_per_link`] | |
//! | `BSP_SCHEDULE_DELAY` | milliseconds after which exporters get what there is | [`TracerBuilder::flush_interval`] |
//!
//! Without a counterpart of OpenTelemetry's:
//!
//! | variable | meaning | in code |
//! |---|---|---|
//! | `CODOMYRMEX_REDACT` | see [`Redact`] | [`TracerBuilder::redact`] |
//! | `CODOMYRMEX_QUEUE_BYTES` | the most bytes of finished spans that wait for exporters | [`TracerBuilder::queue_bytes`] |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{
    ConsoleExporter, Limits, NullExporter, ParseRedactError, Redact, Resource, Sampler, Tracer,
    TracerBuilder,
};

const OWN: &str = "CODOMYRMEX_";
const STANDARD: &str = "OTEL_";

/// Variables that are read under both prefixes.
const SHARED: [&str; 15] = [
    "SDK_DISABLED",
    "SERVICE_NAME",
    "RESOURCE_ATTRIBUTES",
    "TRACES_EXPORTER",
    "TRACES_SAMPLER",
    "TRACES_SAMPLER_ARG",
    "SPAN_ATTRIBUTE_COUNT_LIMIT",
    "ATTRIBUTE_COUNT_LIMIT",
    "SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "SPAN_EVENT_COUNT_LIMIT",
    "SPAN_LINK_COUNT_LIMIT",
    "EVENT_ATTRIBUTE_COUNT_LIMIT",
    "LINK_ATTRIBUTE_COUNT_LIMIT",
    "BSP_SCHEDULE_DELAY",
];

/// Variables that only exist with our prefix.
const OURS: [&str; 2] = ["REDACT", "QUEUE_BYTES"];

/// Beginnings of names that OpenTelemetry knows and that mean nothing here yet.
const LATER: [&str; 7] = [
    "BSP_EXPORT_TIMEOUT",
    "BSP_MAX_QUEUE_SIZE",
    "BSP_MAX_EXPORT_BATCH_SIZE",
    "EXPORTER_OTLP_",
    "EXPORTER_ZIPKIN_",
    "LOG_LEVEL",
    "PROPAGATORS",
];

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
    variables: BTreeMap<String, String>,
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

    /// What the variables mean.
    pub fn settings(&self) -> Settings {
        let mut reader = Reader {
            environment: self,
            warnings: Vec::new(),
        };
        let limits = reader.limits();
        let resource = reader.resource();
        let settings = Settings {
            disabled: reader.parsed("SDK_DISABLED", parse_bool).unwrap_or(false),
            service_name: reader
                .first("SERVICE_NAME")
                .map(|(_, value)| value.to_owned())
                .or_else(|| resource.service_name().map(str::to_owned)),
            resource,
            exporters: reader.exporters(),
            sampler: reader.sampler(),
            limits,
            redact: reader.redact(),
            flush_interval: reader
                .number("BSP_SCHEDULE_DELAY")
                .map(Duration::from_millis),
            queue_bytes: reader.number("QUEUE_BYTES"),
            warnings: Vec::new(),
        };
        reader.unknown();
        Settings {
            warnings: reader.warnings,
            ..settings
        }
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&String> = self.variables.keys().collect();
        f.debug_tuple("Environment").field(&names).finish()
    }
}

/// What the environment says about tracers. `None` where it says nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Nothing is recorded.
    pub disabled: bool,
    /// The resource's `service.name`, from `SERVICE_NAME` or from `RESOURCE_ATTRIBUTES`.
    pub service_name: Option<String>,
    /// The resource's other attributes.
    pub resource: Resource,
    /// Where spans go; empty for `none`.
    pub exporters: Option<Vec<ExporterChoice>>,
    /// Which traces are recorded.
    pub sampler: Option<Sampler>,
    /// The limits, with the defaults where the environment says nothing.
    pub limits: Limits,
    /// What is redacted.
    pub redact: Option<Redact>,
    /// How long finished spans wait at most for the rest of their batch.
    pub flush_interval: Option<Duration>,
    /// The most bytes of finished spans that wait for exporters.
    pub queue_bytes: Option<usize>,
    /// What could not be understood, a line each.
    pub warnings: Vec<String>,
}

impl Settings {
    /// The builder of a tracer of this name with everything that the environment says but the exporters.
    ///
    /// The name is that of the instrumentation scope, and the service's where the environment has none. What the builder is told afterwards wins over the environment.
    ///
    /// ```
    /// use codomyrmex_tracing::environment::Environment;
    ///
    /// let settings = Environment::from_pairs([("CODOMYRMEX_SDK_DISABLED", "true")]).settings();
    /// let tracer = settings.builder("shop").build();
    /// tracer.span("checkout").finish();
    /// assert_eq!(tracer.stats().recorded, 0);
    /// ```
    pub fn builder(&self, name: &str) -> TracerBuilder {
        let service_name = self.service_name.as_deref().unwrap_or(name);
        let mut builder = Tracer::builder(service_name)
            .scope(name, "", "")
            .resource(self.resource.clone())
            .limits(self.limits)
            .disabled(self.disabled);
        if let Some(sampler) = &self.sampler {
            builder = builder.sampler(sampler.clone());
        }
        if let Some(redact) = &self.redact {
            builder = builder.redact(redact.clone());
        }
        if let Some(interval) = self.flush_interval {
            builder = builder.flush_interval(interval);
        }
        if let Some(bytes) = self.queue_bytes {
            builder = builder.queue_bytes(bytes);
        }
        builder
    }

    /// Adds the exporters that the environment names, if it names any.
    ///
    /// ```
    /// use codomyrmex_tracing::environment::Environment;
    ///
    /// let settings = Environment::from_pairs([("OTEL_TRACES_EXPORTER", "null")]).settings();
    /// let tracer = settings.add_exporters(settings.builder("shop")).build();
    /// assert_eq!(tracer.stats().exporters[0].name, "null");
    /// ```
    pub fn add_exporters(&self, builder: TracerBuilder) -> TracerBuilder {
        match &self.exporters {
            None => builder,
            // Whoever says `none` need not be told that spans go nowhere.
            Some(chosen) => chosen
                .iter()
                .fold(builder.without_exporter_notice(), |builder, exporter| {
                    exporter.add_to(builder)
                }),
        }
    }

    /// Hands every warning to the diagnostics hook that has not been there yet.
    pub fn report(&self) {
        static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        for warning in &self.warnings {
            let is_new = SAID
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(warning.clone());
            if is_new {
                diagnostics::report(Kind::Configuration, warning);
            }
        }
    }
}

/// An exporter that `TRACES_EXPORTER` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExporterChoice {
    /// JSON on standard output.
    Console,
    /// Spans are encoded, counted and dropped: what recording costs, without where it goes.
    Null,
}

impl ExporterChoice {
    /// Adds the exporter to a tracer.
    pub fn add_to(self, builder: TracerBuilder) -> TracerBuilder {
        match self {
            Self::Console => builder.exporter(ConsoleExporter::new()),
            Self::Null => builder.exporter(NullExporter::new()),
        }
    }
}

/// Reads variables, and remembers what was wrong with them.
struct Reader<'a> {
    environment: &'a Environment,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The variable's values, ours before the standard's, each with its full name.
    fn both(&self, name: &str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
        let prefixes: &[&str] = if OURS.contains(&name) {
            &[OWN]
        } else {
            &[OWN, STANDARD]
        };
        let environment = self.environment;
        let names: Vec<String> = prefixes
            .iter()
            .map(|prefix| format!("{prefix}{name}"))
            .collect();
        names.into_iter().filter_map(|name| {
            let value = environment.variables.get(&name)?;
            Some((name, value.trim()))
        })
    }

    fn first(&self, name: &str) -> Option<(String, &'a str)> {
        self.both(name).next()
    }

    /// The first of the variable's values that can be parsed; those before it are warned of. A warning shows no value
    /// unless `parse` says that it may be shown.
    fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        for (name, text) in self.both(name) {
            match parse(text) {
                Ok(value) => return Some(value),
                Err(reason) => self.warnings.push(format!("{name} is ignored: {reason}")),
            }
        }
        None
    }

    fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.parsed(name, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is no whole number, or too large"))
        })
    }

    fn resource(&mut self) -> Resource {
        self.parsed("RESOURCE_ATTRIBUTES", |text| {
            Resource::parse(text).map_err(|error| error.to_string())
        })
        .unwrap_or_default()
    }

    fn redact(&mut self) -> Option<Redact> {
        self.parsed("REDACT", |text| {
            text.parse()
                .map_err(|error: ParseRedactError| error.to_string())
        })
    }

    fn limits(&mut self) -> Limits {
        let default = Limits::default();
        Limits {
            attributes: self
                .number("SPAN_ATTRIBUTE_COUNT_LIMIT")
                .or_else(|| self.number("ATTRIBUTE_COUNT_LIMIT"))
                .unwrap_or(default.attributes),
            events: self
                .number("SPAN_EVENT_COUNT_LIMIT")
                .unwrap_or(default.events),
            links: self
                .number("SPAN_LINK_COUNT_LIMIT")
                .unwrap_or(default.links),
            attributes_per_event: self
                .number("EVENT_ATTRIBUTE_COUNT_LIMIT")
                .unwrap_or(default.attributes_per_event),
            attributes_per_link: self
                .number("LINK_ATTRIBUTE_COUNT_LIMIT")
                .unwrap_or(default.attributes_per_link),
            attribute_value_length: self
                .number("SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")
                .or_else(|| self.number("ATTRIBUTE_VALUE_LENGTH_LIMIT"))
                .or(default.attribute_value_length),
        }
    }

    fn sampler(&mut self) -> Option<Sampler> {
        let mut sampler = self.parsed("TRACES_SAMPLER", |name| {
            Sampler::parse(name, None)
                .map(|_| name.to_owned())
                .map_err(|error| error.to_string())
        })?;
        sampler.make_ascii_lowercase();
        if sampler.ends_with("ratio") {
            let with_argument = self.parsed("TRACES_SAMPLER_ARG", |argument| {
                Sampler::parse(&sampler, Some(argument)).map_err(|error| error.to_string())
            });
            if with_argument.is_some() {
                return with_argument;
            }
        }
        Sampler::parse(&sampler, None).ok()
    }

    fn exporters(&mut self) -> Option<Vec<ExporterChoice>> {
        let (chosen, later) = self.parsed("TRACES_EXPORTER", |list| {
            let mut chosen = Vec::new();
            let mut later = Vec::new();
            for word in list.split(',').map(|word| word.trim().to_ascii_lowercase()) {
                match word.as_str() {
                    "" | "none" => {}
                    "console" => chosen.push(ExporterChoice::Console),
                    "null" => chosen.push(ExporterChoice::Null),
                    "otlp" | "zipkin" => later.push(word),
                    _ => {
                        return Err(format!(
                            "there is no exporter {word:?}, only console, null and none"
                        ));
                    }
                }
            }
            Ok((chosen, later))
        })?;
        for word in later {
            self.warnings.push(format!(
                "the exporter {word} is not part of this version yet: no spans are sent to it"
            ));
        }
        Some(chosen)
    }

    fn unknown(&mut self) {
        let own = self
            .environment
            .variables
            .keys()
            .filter_map(|name| name.strip_prefix(OWN));
        for name in own {
            if known().any(|known| known == name) {
                continue;
            }
            let warning = if LATER.iter().any(|later| name.starts_with(later)) {
                format!("{OWN}{name} has no effect in this version")
            } else {
                match nearest(name) {
                    Some(nearest) => {
                        format!("{OWN}{name} is unknown: did you mean {OWN}{nearest}?")
                    }
                    None => format!("{OWN}{name} is unknown"),
                }
            };
            self.warnings.push(warning);
        }
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    SHARED.iter().chain(&OURS).copied()
}

/// The known name that differs from this one in the fewest letters, if those are few.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let allowed = (name.len() / 3).max(2);
    known()
        .map(|known| (edit_distance(&name, known), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// How many bytes have to be inserted, removed or replaced to make `to` of `from` (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from_byte) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to_byte) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(from_byte != to_byte);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

fn parse_bool(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(format!("{text:?} is neither true nor false"))
    }
}
