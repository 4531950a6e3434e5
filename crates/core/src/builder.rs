//! A tracer to be configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use codomyrmex_wire::{ScopeHeader, Value};

use crate::clock;
use crate::context::SpanContext;
use crate::diagnostics::{self, Kind};
use crate::exporter::{Origin, SpanExporter};
use crate::hooks::SpanHooks;
use crate::id_generator::IdGenerator;
use crate::lane::Bounds;
use crate::limits::Limits;
use crate::pipeline::{Pipeline, Plan};
use crate::redact::Redact;
use crate::resource::Resource;
use crate::rules::Rules;
use crate::sampler::Sampler;
use crate::tracer::Tracer;
use crate::when_full::WhenFull;

/// Bytes of buffers where nothing else is asked for.
const QUEUE_BYTES: usize = 2 << 20;
/// How long one export may take (OpenTelemetry's default).
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// Spans in a batch of the in-process exporters (the seed's number).
const BATCH_SIZE: usize = 10;

/// Sampler, exporters, limits and the rest of a [`Tracer`] to be.
#[must_use = "a builder does nothing until `build`"]
pub struct TracerBuilder {
    service_name: String,
    resource: Resource,
    scope: (String, String, String),
    exporters: Vec<Box<dyn SpanExporter>>,
    sampler: Sampler,
    limits: Limits,
    redact: Redact,
    batch_size: usize,
    flush_interval: Option<Duration>,
    queue_bytes: usize,
    parent: Option<SpanContext>,
    max_export_batch_size: Option<usize>,
    max_queue_size: Option<u64>,
    export_timeout: Duration,
    when_full: WhenFull,
    books_on_the_wire: bool,
    ids: Option<Box<dyn IdGenerator>>,
    hooks: Option<Box<dyn SpanHooks>>,
    disabled: bool,
    quiet: bool,
}

impl TracerBuilder {
    pub(crate) fn new(service_name: String) -> Self {
        Self {
            service_name,
            resource: Resource::sdk("rust"),
            scope: (
                "codomyrmex-tracing".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
                String::new(),
            ),
            exporters: Vec::new(),
            sampler: Sampler::default(),
            limits: Limits::default(),
            redact: Redact::default(),
            batch_size: BATCH_SIZE,
            flush_interval: None,
            queue_bytes: QUEUE_BYTES,
            parent: None,
            max_export_batch_size: None,
            max_queue_size: None,
            export_timeout: EXPORT_TIMEOUT,
            when_full: WhenFull::Drop,
            books_on_the_wire: true,
            ids: None,
            hooks: None,
            disabled: false,
            quiet: false,
        }
    }

    /// An exporter. Several may be added; each gets every span.
    pub fn exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// As [`exporter`](Self::exporter), for one whose type is known at run time only.
    pub fn boxed_exporter(mut self, exporter: Box<dyn SpanExporter>) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// Which spans are recorded: by default all roots, and children as their parents.
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// The span under which spans start that have no other parent: that of the process which started this one. Spans of the
    /// kinds server and consumer begin a trace of their own all the same, for their callers are elsewhere, and so does one
    /// that is asked to ([`SpanOptions::root`](crate::SpanOptions::root)). A context that is not valid is no parent.
    ///
    /// ```
    /// use codomyrmex_core::{SpanContext, Tracer};
    ///
    /// let started_by = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let parent = SpanContext::from_traceparent(started_by).unwrap();
    /// let tracer = Tracer::builder("job").parent(parent.clone()).build();
    /// assert_eq!(tracer.span("work").context().parent_span_id, Some(parent.span_id));
    /// ```
    pub fn parent(mut self, context: SpanContext) -> Self {
        self.parent = Some(context).filter(SpanContext::is_valid);
        self
    }

    /// What is said of the service with every export, beside its name and the SDK's.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = self.resource.merge(resource);
        self
    }

    /// Name, version and schema URL of the instrumentation (OpenTelemetry: instrumentation scope). By default this
    /// library's own.
    pub fn scope(
        mut self,
        name: impl Into<String>,
        version: impl Into<String>,
        schema_url: impl Into<String>,
    ) -> Self {
        self.scope = (name.into(), version.into(), schema_url.into());
        self
    }

    /// How many attributes, events and links a span may have, and how long their values may be.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Which values are secrets, to be replaced before they are encoded.
    pub fn redact(mut self, redact: Redact) -> Self {
        self.redact = redact;
        self
    }

    /// Spans in a batch of the in-process exporters: 10 by default, at least 1.
    pub fn batch_size(mut self, spans: usize) -> Self {
        self.batch_size = spans;
        self
    }

    /// The longest a finished span waits: 5 seconds by default for exporters with a thread of their own, no limit for
    /// in-process exporters unless it is set here.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = Some(interval);
        self
    }

    /// The most bytes of the threads' buffers together, and of each exporter's queue: 2 MiB by default, 64 KiB at least for the
    /// buffers. What finds no room is dropped and counted.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// The most spans of a batch: no limit by default but a quarter of the queue's bytes, from 64 to 512 KiB. At least 1 (OpenTelemetry: `maxExportBatchSize`).
    pub fn max_export_batch_size(mut self, spans: usize) -> Self {
        self.max_export_batch_size = Some(spans.max(1));
        self
    }

    /// The most spans in each exporter's queue, beside the limit in bytes: none by default. Those that are still in the
    /// threads' buffers do not count. At least 1 (OpenTelemetry: `maxQueueSize`).
    pub fn max_queue_size(mut self, spans: usize) -> Self {
        self.max_queue_size = Some(spans.max(1) as u64);
        self
    }

    /// How long one export of an exporter with a thread of its own may take: 30 seconds by default, zero for as long as it
    /// likes. The exporter is told
    /// ([`Batch::deadline`](crate::Batch::deadline)), and it is the exporter that gives up.
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.export_timeout = timeout;
        self
    }

    /// What becomes of a span that finishes while the buffers are full: dropped by default.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Whether exporters of bytes send the tracer's counters, and the traces that lost spans, along with each batch, as
    /// attributes of the scope (see [`codomyrmex_wire::books`]). They do by default.
    pub fn books_on_the_wire(mut self, sent: bool) -> Self {
        self.books_on_the_wire = sent;
        self
    }

    /// Another source of ids than the built-in random one.
    pub fn id_generator(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// The user's own code at a span's start and end.
    pub fn hooks(mut self, hooks: impl SpanHooks + 'static) -> Self {
        self.hooks = Some(Box::new(hooks));
        self
    }

    /// A tracer that records nothing and passes contexts through.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Says nothing about having no exporter. For bindings that export by themselves.
    #[doc(hidden)]
    pub fn without_exporter_notice(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// The tracer. Threads start when they are first needed, not here.
    pub fn build(self) -> Tracer {
        clock::prepare();
        if self.exporters.is_empty() && self.hooks.is_none() && !self.disabled && !self.quiet {
            diagnostics::report(
                Kind::NoExporter,
                "no exporter is configured, spans go nowhere (set CODOMYRMEX_TRACES_EXPORTER or give the tracer one)",
            );
        }
        let (origin, rules) = origin(
            self.service_name,
            self.resource,
            &self.scope,
            Rules::new(self.limits, self.redact, self.queue_bytes),
        );
        Tracer::of(Pipeline::new(Plan {
            disabled: self.disabled,
            sampler: self.sampler,
            rules,
            parent: self.parent,
            ids: self.ids,
            hooks: self.hooks,
            origin: Arc::new(origin),
            exporters: self.exporters,
            batch_size: self.batch_size,
            max_export_batch_size: self.max_export_batch_size.unwrap_or(usize::MAX),
            bounds: Bounds {
                bytes: self.queue_bytes,
                spans: self.max_queue_size.unwrap_or(u64::MAX),
                export_timeout: Some(self.export_timeout).filter(|timeout| !timeout.is_zero()),
            },
            when_full: self.when_full,
            books_on_the_wire: self.books_on_the_wire,
            flush_interval: self.flush_interval,
        }))
    }

    /// What the tracer's batches would have in common, and its rules.
    pub(crate) fn origin(self) -> (Origin, Rules) {
        let rules = Rules::new(self.limits, self.redact, self.queue_bytes);
        origin(self.service_name, self.resource, &self.scope, rules)
    }
}

fn origin(
    service_name: String,
    mut resource: Resource,
    (scope, version, schema_url): &(String, String, String),
    rules: Rules,
) -> (Origin, Rules) {
    resource.set("service.name", Value::Str(service_name.clone()));
    for (key, value) in resource.attributes_mut() {
        (0..rules.redact.clean(key, value)).for_each(|_| rules.count_redacted());
    }
    let header = ScopeHeader::new(resource.attributes(), scope, version, schema_url, &[]);
    let origin = Origin {
        service_name,
        resource,
        header,
    };
    (origin, rules)
}

impl fmt::Debug for TracerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerBuilder")
            .field("service_name", &self.service_name)
            .field(
                "exporters",
                &self.exporters.iter().map(|e| e.name()).collect::<Vec<_>>(),
            )
            .field("sampler", &self.sampler)
            .finish_non_exhaustive()
    }
}
