//! What the process that started this one left of its context.

use codomyrmex_core::{
    AsVariables, BaggagePropagator, Propagators, Redact, SpanContext, TraceContext,
};

use super::reader::{Reader, parse_bool};

/// The variables of all formats that there are.
const CARRIED: [&str; 14] = [
    "TRACEPARENT",
    "TRACESTATE",
    "BAGGAGE",
    "X_TRACE_ID",
    "X_SPAN_ID",
    "X_PARENT_SPAN_ID",
    "X_SAMPLED",
    "B3",
    "X_B3_TRACEID",
    "X_B3_SPANID",
    "X_B3_SAMPLED",
    "X_B3_FLAGS",
    "UBER_TRACE_ID",
    "X_AMZN_TRACE_ID",
];
/// Jaeger has a variable for each member of the baggage.
const CARRIED_PREFIX: &str = "UBERCTX_";

pub(super) fn is_carried(name: &str) -> bool {
    CARRIED.contains(&name) || name.starts_with(CARRIED_PREFIX)
}

impl Reader<'_> {
    pub(super) fn propagators(&mut self, redact: Option<&Redact>) -> Propagators {
        let redact = redact.unwrap_or(Redact::standard());
        let chosen = self.parsed("PROPAGATORS", |text| {
            Propagators::parse_with(text, redact).map_err(|error| error.to_string())
        });
        chosen.unwrap_or_else(|| {
            Propagators::none()
                .with(TraceContext)
                .with(BaggagePropagator::with_redact(redact.clone()))
        })
    }

    pub(super) fn parent(&mut self, propagators: &Propagators) -> Option<SpanContext> {
        let wanted = self
            .parsed("PARENT_FROM_ENVIRONMENT", parse_bool)
            .unwrap_or(true);
        if !wanted {
            return None;
        }
        propagators.extract_from(&AsVariables(&self.environment.carried))
    }
}
