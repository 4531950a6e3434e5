//! What the variables mean for a tracer.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{
    Limits, ParseWhenFullError, Propagators, Redact, Resource, Sampler, SpanContext, Tracer,
    TracerBuilder, WhenFull,
};

use super::exporters::ExporterChoice;
use super::reader::{Reader, parse_bool};
use super::snapshot::Environment;

impl Environment {
    /// What the variables mean.
    pub fn settings(&self) -> Settings {
        let mut reader = Reader {
            environment: self,
            warnings: Vec::new(),
        };
        let limits = reader.limits();
        let resource = reader.resource();
        let redact = reader.redact();
        let propagators = reader.propagators(redact.as_ref());
        #[cfg(feature = "otlp")]
        let otlp = reader.otlp();
        #[cfg(feature = "zipkin")]
        let zipkin = reader.zipkin();
        let settings = Settings {
            disabled: reader.parsed("SDK_DISABLED", parse_bool).unwrap_or(false),
            service_name: reader
                .first("SERVICE_NAME")
                .map(|(_, value)| value.to_owned())
                .or_else(|| resource.service_name().map(str::to_owned)),
            resource,
            exporters: reader.exporters(
                #[cfg(feature = "otlp")]
                &otlp,
                #[cfg(feature = "zipkin")]
                &zipkin,
            ),
            #[cfg(feature = "otlp")]
            otlp,
            #[cfg(feature = "zipkin")]
            zipkin,
            sampler: reader.sampler(),
            limits,
            parent: reader.parent(&propagators),
            propagators,
            redact,
            flush_interval: reader
                .number("BSP_SCHEDULE_DELAY")
                .map(Duration::from_millis),
            queue_bytes: reader.number("QUEUE_BYTES"),
            flush_on_sigterm: reader
                .parsed("FLUSH_ON_SIGTERM", parse_bool)
                .unwrap_or(false),
            max_queue_size: reader.number("BSP_MAX_QUEUE_SIZE"),
            max_export_batch_size: reader.number("BSP_MAX_EXPORT_BATCH_SIZE"),
            export_timeout: reader
                .number("BSP_EXPORT_TIMEOUT")
                .map(Duration::from_millis),
            when_full: reader.parsed("WHEN_FULL", |text| {
                text.parse()
                    .map_err(|error: ParseWhenFullError| error.to_string())
            }),
            books_on_the_wire: reader.parsed("BOOKS_ON_THE_WIRE", parse_bool),
            warnings: Vec::new(),
        };
        reader.unknown();
        Settings {
            warnings: reader.warnings,
            ..settings
        }
    }
}

/// How long SIGTERM waits for exporters where the environment asks for it.
const FAREWELL: Duration = Duration::from_secs(5);

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
    /// The OTLP exporter as the environment has it, whether or not [`exporters`](Self::exporters) names it. What its
    /// methods are told afterwards wins over the environment.
    #[cfg(feature = "otlp")]
    pub otlp: codomyrmex_otlp::OtlpExporterBuilder,
    /// The Zipkin exporter as the environment has it, whether or not [`exporters`](Self::exporters) names it.
    #[cfg(feature = "zipkin")]
    pub zipkin: codomyrmex_zipkin::ZipkinExporterBuilder,
    /// Which traces are recorded.
    pub sampler: Option<Sampler>,
    /// The limits, with the defaults where the environment says nothing.
    pub limits: Limits,
    /// In which formats contexts travel.
    pub propagators: Propagators,
    /// The span below which spans start that have no other parent.
    pub parent: Option<SpanContext>,
    /// What is redacted.
    pub redact: Option<Redact>,
    /// How long finished spans wait at most for the rest of their batch.
    pub flush_interval: Option<Duration>,
    /// The most bytes of finished spans that wait for exporters.
    pub queue_bytes: Option<usize>,
    /// What is finished goes out before SIGTERM ends the process.
    pub flush_on_sigterm: bool,
    /// The most spans in each exporter's queue.
    pub max_queue_size: Option<usize>,
    /// The most spans of a batch.
    pub max_export_batch_size: Option<usize>,
    /// How long one export may take.
    pub export_timeout: Option<Duration>,
    /// What becomes of a span that finishes while the buffers are full.
    pub when_full: Option<WhenFull>,
    /// Whether counters go along with the spans.
    pub books_on_the_wire: Option<bool>,
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
        if let Some(parent) = &self.parent {
            builder = builder.parent(parent.clone());
        }
        if let Some(interval) = self.flush_interval {
            builder = builder.flush_interval(interval);
        }
        if let Some(bytes) = self.queue_bytes {
            builder = builder.queue_bytes(bytes);
        }
        if let Some(spans) = self.max_queue_size {
            builder = builder.max_queue_size(spans);
        }
        if let Some(spans) = self.max_export_batch_size {
            builder = builder.max_export_batch_size(spans);
        }
        if let Some(timeout) = self.export_timeout {
            builder = builder.export_timeout(timeout);
        }
        if let Some(when_full) = self.when_full {
            builder = builder.when_full(when_full);
        }
        if let Some(sent) = self.books_on_the_wire {
            builder = builder.books_on_the_wire(sent);
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
                    exporter.clone().add_to(builder)
                }),
        }
    }

    /// Does, once, what the variables ask of the process and not of a tracer: installs
    /// [`flush_on_sigterm`](crate::flush_on_sigterm).
    pub fn prepare_process(&self) {
        static ONCE: Once = Once::new();
        if !self.flush_on_sigterm {
            return;
        }
        ONCE.call_once(|| {
            if let Err(error) = codomyrmex_core::flush_on_sigterm(FAREWELL) {
                diagnostics::report(
                    Kind::Configuration,
                    &format!("CODOMYRMEX_FLUSH_ON_SIGTERM is ignored: {error}"),
                );
            }
        });
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
