//! The tracing engine: tracer, context, span, buffers, pipeline.

// pure half
mod baggage;
mod context;
mod ids;
mod kind;
mod limits;
mod percent;
mod propagation;
mod redact;
mod resource;
mod sampler;
mod secret_words;
mod status;
mod text_id;
mod trace_state;
pub use baggage::{
    Baggage, BaggageDecoder, BaggageEncoder, BaggageMember, EncodedBaggage, InvalidMetadata,
};
pub use context::{MapError, SpanContext};
pub use ids::{ParseIdError, SpanId, TraceId};
pub use kind::{SpanKind, UnknownSpanKind};
pub use limits::Limits;
pub use propagation::{
    AsVariables, B3, BaggagePropagator, Extracted, HEADER_NAMES, HeaderSink, HeaderSource,
    Injected, Jaeger, ParsePropagatorsError, Propagator, Propagators, SeedHeaders, TraceContext,
    TraceParentText, Trust, XRay, variable_name,
};
pub use redact::{ParseRedactError, REDACTED, Redact};
pub use resource::{ParseResourceError, Resource};
pub use sampler::{
    ConsistentProbability, ParentBased, ParseSamplerError, RateLimit, Sample, Sampler,
    SamplingDecision, SamplingInput, SamplingResult,
};
pub use status::{SpanStatus, UnknownSpanStatus};
pub use text_id::{PARENT_SPAN_ID_ATTRIBUTE, SPAN_ID_ATTRIBUTE, TRACE_ID_ATTRIBUTE, TextIds};
pub use trace_state::{TraceState, TraceStateError};

// The pipeline, in the order in which a span passes: it is started by a tracer,
mod builder;
mod decide;
mod id_generator;
mod options;
mod random;
mod start;
mod tracer;

// stays open in a record that its thread keeps, and is written to,
mod body;
mod future;
mod hooks;
mod key_facts;
mod loose_spans;
mod record;
mod rules;
mod span;
mod span_methods;
mod thread;

// finishes as bytes in its thread's ring,
mod chunk;
pub mod clock;
mod finish;
mod ring;
mod sync;

// is taken from there into batches,
mod batch_memory;
mod drain;
mod gather;
mod lane;
#[cfg(all(test, loom))]
mod loom_models;
mod per_process;
mod pipeline;
mod when_full;

// and exported;
mod console;
mod drawing;
mod exporter;
mod finished;
mod in_memory;
mod json;
mod null;

// around it: the books, forks, signals, messages, and other languages.
pub mod binding;
pub mod diagnostics;
mod fork;
mod metrics;
mod prometheus;
mod signal;
mod stats;

pub use builder::TracerBuilder;
pub use codomyrmex_draw::Style;
pub use codomyrmex_wire::{AttributeValue, SpanView, Value};
pub use console::ConsoleExporter;
pub use drawing::drawn;
pub use exporter::{Batch, Delivery, ExportError, SpanExporter};
pub use finished::{FinishedEvent, FinishedLink, FinishedSpan};
pub use future::{FutureExt, InSpan};
pub use hooks::SpanHooks;
pub use id_generator::IdGenerator;
pub use in_memory::InMemoryExporter;
pub use metrics::{Metric, MetricKind, MetricPoint};
pub use null::NullExporter;
pub use options::SpanOptions;
pub use per_process::PerProcess;
pub use signal::{flush_on_sigterm, stop_flushing_on_sigterm};
pub use span::{
    CurrentSpan, EndingSpan, Span, SpanGuard, StartedSpan, get_current_span, ignored_calls,
};
pub use start::current_context;
pub use stats::{Dropped, ExporterStats, Stats};
pub use tracer::{FlushResult, Tracer};
pub use when_full::{ParseWhenFullError, WhenFull};
