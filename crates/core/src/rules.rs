//! Under which rules a tracer's spans stand: limits and redaction, and the counters of what they did.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use codomyrmex_wire::SHORT_ATTRIBUTE;

use crate::diagnostics::{self, Kind};
use crate::limits::Limits;
use crate::redact::Redact;

/// The largest body of one span where the buffers are large enough for it, bytes.
const LARGEST_BODY: usize = 4 << 20;
/// Where the short way ends at the latest, bytes.
const SHORT_END: u32 = 384;
/// Memory of a new body, bytes: the short way always has room.
pub(crate) const MEMORY: usize = SHORT_END as usize + SHORT_ATTRIBUTE;
/// The smallest encoded attribute, bytes.
const LEAST_ATTRIBUTE: u32 = 6;

/// Limits and redaction of one tracer, with the counters of what they did.
#[derive(Debug)]
pub struct Rules {
    /// Counts and lengths.
    pub limits: Limits,
    /// Which values are secrets.
    pub redact: Redact,
    pub(crate) short: Short,
    /// The largest body of one span, bytes: a value that would go past it is cut to what is left.
    pub(crate) largest_body: usize,
    redacted: AtomicU64,
    truncated: AtomicU64,
    dropped: AtomicU64,
}

impl Rules {
    /// Rules with counters at zero, for spans that must fit into `queue_bytes` of buffers.
    pub fn new(limits: Limits, redact: Redact, queue_bytes: usize) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        let end = if limits.value_length() < SHORT_ATTRIBUTE {
            0
        } else {
            limits
                .attributes
                .saturating_mul(LEAST_ATTRIBUTE)
                .min(SHORT_END)
        };
        Self {
            short: Short { end, number },
            largest_body: (queue_bytes / 2).clamp(MEMORY, LARGEST_BODY),
            limits,
            redact,
            redacted: 0.into(),
            truncated: 0.into(),
            dropped: 0.into(),
        }
    }

    /// Values replaced by `[redacted]` and URLs cut, so far.
    pub fn redacted(&self) -> u64 {
        self.redacted.load(Ordering::Relaxed)
    }

    /// Values cut because of a length limit, so far.
    pub fn truncated(&self) -> u64 {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Attributes, events and links beyond the limits of their span, so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Counts a value that was replaced or a URL that was cut elsewhere under these rules.
    pub fn count_redacted(&self) {
        self.redacted.fetch_add(1, Ordering::Relaxed);
    }

    /// In a forked child the counters start from zero.
    pub(crate) fn reset_counters(&self) {
        for counter in [&self.redacted, &self.truncated, &self.dropped] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a value that was cut under these rules.
    pub fn count_truncated(&self) {
        if self.truncated.fetch_add(1, Ordering::Relaxed) == 0 {
            diagnostics::report(
                Kind::Limit,
                "a value was longer than its limit and has been cut (see stats().truncated)",
            );
        }
    }

    pub(crate) fn count_dropped(&self) {
        self.count_over_limit(1);
    }

    /// Counts attributes, events and links that went beyond the limits of their span elsewhere under these rules.
    pub fn count_over_limit(&self, count: u64) {
        if count > 0 && self.dropped.fetch_add(count, Ordering::Relaxed) == 0 {
            diagnostics::report(
                Kind::Limit,
                "a span has more attributes, events or links than its limits allow (see stats().over_limit)",
            );
        }
    }
}

/// What the short way to set an attribute must know of the rules.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Short {
    /// A body that ends before this has certainly not reached a limit. 0: never take the short way.
    pub(crate) end: u32,
    /// Tells these rules from all others of the process; not 0.
    pub(crate) number: u32,
}
