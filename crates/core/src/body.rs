//! The growing part of a span: its name, attributes, events and links, encoded as they are set.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use codomyrmex_wire::{self as wire, AttributeValue, Field};

use crate::context::SpanContext;
use crate::diagnostics::{self, Kind};
use crate::key_facts::{KeyFacts, KeyWords, Verdict};
use crate::limits::Limits;
use crate::record::{REMOTE, REMOTE_KNOWN};
use crate::redact::{REDACTED, Redact};

/// The largest body of one span, bytes: a value that would go past it is cut to what is left.
pub(crate) const LARGEST_BODY: usize = 4 << 20;
/// A pooled body keeps at most this much memory, bytes.
const KEPT: usize = 64 << 10;

/// Limits and redaction of one tracer, with the counters of what they did.
#[derive(Debug)]
pub struct Rules {
    /// Counts and lengths.
    pub limits: Limits,
    /// Which values are secrets.
    pub redact: Redact,
    /// Tells these rules from all others of the process; never 0.
    number: u32,
    redacted: AtomicU64,
    truncated: AtomicU64,
    dropped: AtomicU64,
}

impl Rules {
    /// Rules with counters at zero.
    pub fn new(limits: Limits, redact: Redact) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        Self {
            limits,
            redact,
            number,
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

    fn count_truncated(&self) {
        if self.truncated.fetch_add(1, Ordering::Relaxed) == 0 {
            diagnostics::report(
                Kind::Limit,
                "a value was longer than its limit and has been cut (see stats().truncated)",
            );
        }
    }

    fn count_dropped(&self) {
        if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            diagnostics::report(
                Kind::Limit,
                "a span has more attributes, events or links than its limits allow (see stats().over_limit)",
            );
        }
    }
}

/// Encoded name, attributes, events and links of one span. It keeps its memory when cleared.
#[derive(Debug, Default)]
pub struct SpanBody {
    bytes: Vec<u8>,
    /// Where the name's field ends.
    name_end: u32,
    /// One bit a key that was set, by its hash: a key whose bit is clear is certainly new.
    seen: u64,
    attributes: u32,
    events: u32,
    links: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl SpanBody {
    /// An empty body without memory.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            name_end: 0,
            seen: 0,
            attributes: 0,
            events: 0,
            links: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    /// Starts a new span's body with its name.
    #[inline(always)]
    pub fn start(&mut self, name: &str) {
        self.bytes.clear();
        wire::push_name(&mut self.bytes, name);
        self.name_end = self.bytes.len() as u32;
        self.seen = 0;
        self.attributes = 0;
        self.events = 0;
        self.links = 0;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }

    /// Replaces the name.
    pub fn rename(&mut self, name: &str) {
        let mut field = Vec::with_capacity(name.len() + 8);
        wire::push_name(&mut field, cut(name, LARGEST_BODY));
        self.bytes
            .splice(..self.name_end as usize, field.iter().copied());
        self.name_end = field.len() as u32;
    }

    /// The encoded fields.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Attributes, events and links that went over the limits.
    #[inline(always)]
    pub fn dropped(&self) -> (u32, u32, u32) {
        (
            self.dropped_attributes,
            self.dropped_events,
            self.dropped_links,
        )
    }

    /// Whether anything went over the limits.
    #[inline(always)]
    pub fn any_dropped(&self) -> bool {
        self.dropped_attributes | self.dropped_events | self.dropped_links != 0
    }

    /// Counts attributes that were refused before they came here.
    pub fn count_dropped_attributes(&mut self, rules: &Rules, count: u32) {
        self.dropped_attributes = self.dropped_attributes.saturating_add(count);
        rules.count_dropped();
    }

    /// Sets an attribute: the last value of an equal key wins. `facts` is the thread's table of keys.
    ///
    /// [`AttributeValue::Display`] must have been formatted by the caller, because formatting runs a user's code.
    #[inline(always)]
    pub(crate) fn set_attribute(
        &mut self,
        rules: &Rules,
        facts: &mut KeyFacts,
        key: &str,
        value: AttributeValue<'_>,
    ) {
        let words = KeyWords::of(key);
        let hash = words.hash();
        let bit = 1u64 << (hash >> 58);
        if self.seen & bit != 0 {
            self.remove(key);
        }
        if self.attributes >= rules.limits.attributes {
            self.dropped_attributes += 1;
            rules.count_dropped();
            return;
        }
        self.seen |= bit;
        self.attributes += 1;
        if rules.redact.is_on() {
            match facts.verdict(key, &words, hash, rules.number, &rules.redact) {
                Verdict::Plain if !matches!(value, AttributeValue::Value(_)) => {}
                verdict => return self.push_guarded(rules, Field::Span, verdict, key, value),
            }
        }
        self.push(rules, Field::Span, key, value);
    }

    /// Sets an attribute without a thread's table: for callers that hold no thread state.
    pub fn set(&mut self, rules: &Rules, key: &str, value: AttributeValue<'_>) {
        crate::thread::with_facts(|facts| self.set_attribute(rules, facts, key, value));
    }

    #[inline(always)]
    fn push(&mut self, rules: &Rules, field: Field, key: &str, value: AttributeValue<'_>) {
        let limit = rules.limits.value_length();
        let before = self.bytes.len();
        if let AttributeValue::Str(text) = value {
            if before + key.len() + text.len() > LARGEST_BODY - 64 {
                return self.push_cut(rules, field, key, text);
            }
        }
        if wire::push_attribute(&mut self.bytes, field, key, value, limit) {
            rules.count_truncated();
        }
        if self.bytes.len() > LARGEST_BODY {
            self.bytes.truncate(before);
            self.push_cut(rules, field, key, "[too large]");
        }
    }

    /// Pushes as much of a text as there is room for.
    #[cold]
    #[inline(never)]
    fn push_cut(&mut self, rules: &Rules, field: Field, key: &str, text: &str) {
        rules.count_truncated();
        let left = LARGEST_BODY.saturating_sub(self.bytes.len() + 64);
        let key = cut(key, left.min(KEPT));
        let text = cut(text, left - key.len());
        wire::push_attribute(
            &mut self.bytes,
            field,
            key,
            AttributeValue::Str(text),
            rules.limits.value_length(),
        );
    }

    #[cold]
    #[inline(never)]
    fn push_guarded(
        &mut self,
        rules: &Rules,
        field: Field,
        verdict: Verdict,
        key: &str,
        value: AttributeValue<'_>,
    ) {
        if verdict == Verdict::Secret {
            rules.count_redacted();
            return self.push(rules, field, key, AttributeValue::Str(REDACTED));
        }
        match value {
            AttributeValue::Str(text) => match rules.redact.clean_url(text) {
                Some(clean) if verdict == Verdict::Url => {
                    rules.count_redacted();
                    self.push(rules, field, key, AttributeValue::Str(&clean));
                }
                _ => self.push(rules, field, key, value),
            },
            AttributeValue::Value(nested) => {
                let mut nested = nested.clone();
                (0..rules.redact.clean(key, &mut nested)).for_each(|_| rules.count_redacted());
                self.push(rules, field, key, AttributeValue::Value(&nested));
            }
            _ => self.push(rules, field, key, value),
        }
    }

    #[cold]
    #[inline(never)]
    fn remove(&mut self, key: &str) {
        if let Some(range) = wire::find_attribute(&self.bytes, key) {
            self.bytes.drain(range);
            self.attributes -= 1;
        }
    }

    /// Adds an event at `time_ns` (nanoseconds since the Unix epoch).
    pub fn add_event(
        &mut self,
        rules: &Rules,
        time_ns: u64,
        name: &str,
        attributes: &[(&str, AttributeValue<'_>)],
    ) {
        if self.events >= rules.limits.events || self.bytes.len() + name.len() > LARGEST_BODY {
            self.dropped_events += 1;
            return rules.count_dropped();
        }
        self.events += 1;
        let mark = wire::begin_event(&mut self.bytes, time_ns, name);
        let dropped = self.push_nested(
            rules,
            Field::Event,
            rules.limits.attributes_per_event,
            attributes,
        );
        wire::end_event(&mut self.bytes, mark, dropped);
    }

    /// Adds a link to another span.
    pub fn add_link(
        &mut self,
        rules: &Rules,
        to: &SpanContext,
        attributes: &[(&str, AttributeValue<'_>)],
    ) {
        if self.links >= rules.limits.links || self.bytes.len() > LARGEST_BODY {
            self.dropped_links += 1;
            return rules.count_dropped();
        }
        self.links += 1;
        let flags =
            u32::from(to.trace_flags()) | REMOTE_KNOWN | if to.is_remote { REMOTE } else { 0 };
        let state = to.trace_state.as_str();
        let mark = wire::begin_link(
            &mut self.bytes,
            to.trace_id.to_bytes(),
            to.span_id.to_bytes(),
            state,
            flags,
        );
        let dropped = self.push_nested(
            rules,
            Field::Link,
            rules.limits.attributes_per_link,
            attributes,
        );
        wire::end_link(&mut self.bytes, mark, dropped);
    }

    fn push_nested(
        &mut self,
        rules: &Rules,
        field: Field,
        most: u32,
        attributes: &[(&str, AttributeValue<'_>)],
    ) -> u32 {
        let mut kept = 0;
        for (at, (key, value)) in attributes.iter().enumerate() {
            // The last value of an equal key wins.
            if attributes[at + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            if kept >= most {
                rules.count_dropped();
                return (attributes.len() - at) as u32;
            }
            kept += 1;
            match if rules.redact.is_on() {
                crate::key_facts::judge(key, &rules.redact)
            } else {
                Verdict::Plain
            } {
                Verdict::Plain if !matches!(value, AttributeValue::Value(_)) => {
                    self.push(rules, field, key, *value)
                }
                verdict => self.push_guarded(rules, field, verdict, key, *value),
            }
        }
        0
    }

    /// Whether it holds more memory than a pooled body should.
    #[inline(always)]
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.capacity() > KEPT
    }
}

/// `text` cut to at most `most` bytes at a character's boundary.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A user's `Display` as text; one that panics becomes `[unprintable]`.
pub(crate) fn formatted(value: std::fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    match catch_unwind(AssertUnwindSafe(|| text.write_fmt(value))) {
        Ok(Ok(())) => text,
        _ => "[unprintable]".to_owned(),
    }
}
