//! What is decided before a span is: whether it is sampled, and its ids, where these are left to code of the user's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use codomyrmex_wire::{AttributeValue, Value};

use crate::body::formatted;
use crate::context::SpanContext;
use crate::diagnostics::{self, Kind};
use crate::id_generator::IdGenerator;
use crate::ids::{SpanId, TraceId};
use crate::options::SpanOptions;
use crate::pipeline::Pipeline;
use crate::sampler::{Sample, SamplingInput, SamplingResult};
use crate::thread;

pub(crate) fn decide(
    pipeline: &Pipeline,
    name: &str,
    options: &SpanOptions<'_>,
    parent: Option<&SpanContext>,
    trace_id: TraceId,
) -> SamplingResult {
    if let Some(sampled) = pipeline
        .sampler
        .decide_fast(parent.map(|parent| parent.sampled), trace_id.low())
    {
        return sampled.into();
    }
    let attributes: Vec<(String, Value)> = options
        .attributes
        .iter()
        .map(|(key, value)| {
            let value = match value {
                AttributeValue::Display(text) => Value::Str(formatted(*text)),
                value => value.to_value(),
            };
            ((*key).to_owned(), value)
        })
        .collect();
    let links: Vec<SpanContext> = options.links.iter().copied().cloned().collect();
    let mut input = SamplingInput::new(name, trace_id);
    input.parent = parent;
    input.kind = options.kind;
    input.attributes = &attributes;
    input.links = &links;
    catch_unwind(AssertUnwindSafe(|| pipeline.sampler.sample(&input))).unwrap_or_else(|_| {
        diagnostics::report(Kind::Hook, "a sampler panicked; its span is not recorded");
        SamplingResult::drop()
    })
}

/// An id of the user's own generator, if there is one and it does not panic.
fn generated<Id>(pipeline: &Pipeline, id: impl FnOnce(&dyn IdGenerator) -> Id) -> Option<Id> {
    let ids = pipeline.ids.as_ref()?;
    catch_unwind(AssertUnwindSafe(|| id(&**ids)))
        .inspect_err(|_| {
            diagnostics::report(
                Kind::Hook,
                "an id generator panicked; a random id stands in",
            )
        })
        .ok()
}

pub(crate) fn new_trace_id(pipeline: &Pipeline) -> TraceId {
    let own = generated(pipeline, |ids| ids.trace_id()).filter(|id| id.is_valid());
    own.unwrap_or_else(|| {
        thread::with(|state| TraceId::from_words([state.random.next(), state.random.next()]))
    })
}

pub(crate) fn new_span_id(pipeline: &Pipeline) -> u64 {
    let own = generated(pipeline, |ids| ids.span_id())
        .map(SpanId::to_word)
        .filter(|id| *id != 0);
    own.unwrap_or_else(|| thread::state().random.next())
}
