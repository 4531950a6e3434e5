//! The growing part of a span: its name, attributes, events and links, encoded as they are set.

mod nested;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use codomyrmex_wire::{self as wire, AttributeValue, Field, SpanTail};

use crate::key_facts::{self, PlainKeys, Verdict};
use crate::redact::REDACTED;
use crate::rules::{MEMORY, Rules, Short};
use crate::thread;

/// The longest name, bytes.
const LONGEST_NAME: usize = 64 << 10;
/// A pooled body keeps at most this much memory, bytes.
const KEPT: usize = 64 << 10;

/// Encoded name, attributes, events and links of one span. It keeps its memory from span to span.
#[derive(Debug)]
pub struct SpanBody {
    /// Memory; what counts ends at `end`.
    bytes: Vec<u8>,
    end: u32,
    /// Where the name's field ends.
    name_end: u32,
    short: Short,
    /// One bit a key that was set, by its hash: a key whose bit is clear is certainly new.
    seen: u64,
    /// Attributes set the short way and not counted yet begin here.
    counted: u32,
    attributes: u32,
    /// Something below is not 0.
    extras: bool,
    events: u32,
    links: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl Default for SpanBody {
    fn default() -> Self {
        Self::new()
    }
}

impl SpanBody {
    /// A body that takes nothing until [`adopt`](Self::adopt) and [`start`](Self::start).
    pub fn new() -> Self {
        Self {
            bytes: vec![0; MEMORY],
            end: 0,
            name_end: 0,
            short: Short::default(),
            seen: 0,
            counted: 0,
            attributes: 0,
            extras: false,
            events: 0,
            links: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    /// Says under which rules the next spans stand.
    #[inline]
    pub fn adopt(&mut self, rules: &Rules) {
        self.short = rules.short;
    }

    /// Starts a new span's body with its name.
    #[inline(always)]
    pub fn start(&mut self, name: &str) {
        self.seen = 0;
        if let Some(block) = self.bytes.first_chunk_mut()
            && let Some(end) = wire::write_short_name(block, name)
        {
            self.end = end as u32;
            self.name_end = end as u32;
            return;
        }
        self.start_long(name);
    }

    #[cold]
    #[inline(never)]
    fn start_long(&mut self, name: &str) {
        self.end = 0;
        self.grow(|bytes| wire::push_name(bytes, cut(name, LONGEST_NAME)));
        self.name_end = self.end;
    }

    /// Makes a body that ignores what is set until it is adopted again, for spans that are not recorded.
    #[inline(always)]
    pub(crate) fn refuse(&mut self) {
        self.short.end = 0;
    }

    /// Appends through a vector, the long way.
    fn grow<R>(&mut self, push: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.bytes.truncate(self.end as usize);
        let result = push(&mut self.bytes);
        self.end = self.bytes.len() as u32;
        if self.bytes.len() < MEMORY {
            self.bytes.resize(MEMORY, 0);
        }
        result
    }

    /// Replaces the name.
    pub fn rename(&mut self, name: &str) {
        let mut field = Vec::with_capacity(name.len() + 8);
        wire::push_name(&mut field, cut(name, LONGEST_NAME));
        let old = self.name_end as usize;
        self.count();
        self.grow(|bytes| bytes.splice(..old, field.iter().copied()).count());
        self.name_end = field.len() as u32;
        self.counted = self.end;
    }

    /// How many bytes the encoded fields have.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.end as usize
    }

    /// The memory in which the encoded fields stand: at least 512 initialised bytes.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    /// The encoded fields.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end as usize).unwrap_or_default()
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

    /// The tail of this body's span: what went over the limits comes to what the tail says was dropped.
    pub fn with_dropped<'a>(&self, tail: &SpanTail<'a>) -> SpanTail<'a> {
        SpanTail {
            dropped_attributes: tail
                .dropped_attributes
                .saturating_add(self.dropped_attributes),
            dropped_events: tail.dropped_events.saturating_add(self.dropped_events),
            dropped_links: tail.dropped_links.saturating_add(self.dropped_links),
            ..*tail
        }
    }

    /// Whether anything went over the limits.
    #[inline(always)]
    pub fn any_dropped(&self) -> bool {
        self.extras && self.dropped_attributes | self.dropped_events | self.dropped_links != 0
    }

    /// Forgets what only a few spans have. Must be called before the next [`start`](Self::start).
    #[inline(always)]
    pub fn clear(&mut self) {
        if self.extras {
            self.clear_extras();
        }
    }

    #[cold]
    fn clear_extras(&mut self) {
        self.extras = false;
        self.counted = 0;
        self.attributes = 0;
        self.events = 0;
        self.links = 0;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }

    /// Counts attributes that were refused before they came here.
    pub fn count_dropped_attributes(&mut self, rules: &Rules, count: u32) {
        self.extras = true;
        self.dropped_attributes = self.dropped_attributes.saturating_add(count);
        rules.count_dropped();
    }

    /// Sets a short attribute with a new, harmless key; false where any of this is not so, or nothing is recorded: then
    /// [`set_long`](Self::set_long).
    #[inline(always)]
    pub(crate) fn set_short(
        &mut self,
        keys: &PlainKeys,
        key: &str,
        value: AttributeValue<'_>,
    ) -> bool {
        if key.len() > key_facts::LONGEST {
            return false;
        }
        let hash = key_facts::hash(key);
        let bit = 1u64 << (hash & 63);
        if self.end >= self.short.end || self.seen & bit != 0 {
            return false;
        }
        match keys.verdict(hash, self.short.number) {
            Some(Verdict::Plain) => {}
            Some(Verdict::Url) if has_no_user_info(&value) => {}
            _ => return false,
        }
        self.write_short(bit, key, value)
    }

    #[inline(always)]
    fn write_short(&mut self, bit: u64, key: &str, value: AttributeValue<'_>) -> bool {
        let Some(room) = self.bytes.get_mut(self.end as usize..) else {
            return false;
        };
        let Some(block) = room.first_chunk_mut() else {
            return false;
        };
        let Some(written) = wire::write_short_attribute(block, Field::Span, key, value) else {
            return false;
        };
        self.end += written as u32;
        self.seen |= bit;
        true
    }

    /// Sets an attribute: the last value of an equal key wins. `keys` is the thread's table of harmless keys.
    ///
    /// [`AttributeValue::Display`] must have been formatted by the caller, because formatting runs a user's code.
    #[cold]
    #[inline(never)]
    pub(crate) fn set_long(
        &mut self,
        rules: &Rules,
        keys: &mut PlainKeys,
        key: &str,
        value: AttributeValue<'_>,
    ) {
        let hash = if key.len() <= key_facts::LONGEST {
            key_facts::hash(key)
        } else {
            key.len() as u64
        };
        let bit = 1u64 << (hash & 63);
        self.count();
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
        let verdict = key_facts::judge(key, &rules.redact);
        if key.len() <= key_facts::LONGEST {
            keys.insert(hash, rules.short.number, verdict);
        }
        let harmless = match verdict {
            Verdict::Plain => !matches!(value, AttributeValue::Value(_)),
            Verdict::Url => has_no_user_info(&value),
            Verdict::Secret => false,
        };
        if harmless {
            self.push(rules, Field::Span, key, value);
        } else {
            self.push_guarded(rules, Field::Span, verdict, key, value);
        }
        self.counted = self.end;
    }

    /// Counts the attributes that were set the short way since the last count.
    fn count(&mut self) {
        self.extras = true;
        let from = self.counted.max(self.name_end) as usize;
        let new = self.bytes.get(from..self.end as usize).unwrap_or_default();
        self.attributes += wire::count_attributes(new);
        self.counted = self.end;
    }

    /// Sets an attribute, on any thread.
    #[inline]
    pub fn set(&mut self, rules: &Rules, key: &str, value: AttributeValue<'_>) {
        let keys = thread::state().keys();
        if !self.set_short(keys, key, value) {
            thread::with_keys(|keys| self.set_long(rules, keys, key, value));
        }
    }

    /// Sets an attribute that carries an id, whatever the limits: cut or left out it would be another id.
    pub fn set_text_id(&mut self, key: &'static str, text: &str) {
        self.count();
        self.seen |= 1 << (key_facts::hash(key) & 63);
        self.grow(|bytes| wire::push_attribute(bytes, Field::Span, key, text.into(), usize::MAX));
        self.counted = self.end;
    }

    fn push(&mut self, rules: &Rules, field: Field, key: &str, value: AttributeValue<'_>) {
        let limit = rules.limits.value_length();
        let before = self.end;
        if let AttributeValue::Str(text) = value
            && before as usize + key.len() + text.len() > rules.largest_body - 64
        {
            return self.push_cut(rules, field, key, text);
        }
        if self.grow(|bytes| wire::push_attribute(bytes, field, key, value, limit)) {
            rules.count_truncated();
        }
        if self.end as usize > rules.largest_body {
            self.end = before;
            self.push_cut(rules, field, key, "[too large]");
        }
    }

    /// Pushes as much of a text as there is room for.
    #[cold]
    #[inline(never)]
    fn push_cut(&mut self, rules: &Rules, field: Field, key: &str, text: &str) {
        rules.count_truncated();
        let left = rules.largest_body.saturating_sub(self.end as usize + 64);
        let key = cut(key, left.min(KEPT));
        let text = cut(text, left - key.len());
        let limit = rules.limits.value_length();
        self.grow(|bytes| {
            wire::push_attribute(bytes, field, key, AttributeValue::Str(text), limit)
        });
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
        let mut clean = value.to_value();
        (0..rules.redact.clean(key, &mut clean)).for_each(|_| rules.count_redacted());
        self.push(rules, field, key, AttributeValue::from(&clean));
    }

    fn remove(&mut self, key: &str) {
        if let Some(range) = wire::find_attribute(self.bytes(), key) {
            self.grow(|bytes| drop(bytes.drain(range)));
            self.attributes = self.attributes.saturating_sub(1);
            self.counted = self.end;
        }
    }

    /// Whether it holds more memory than a pooled body should.
    #[inline(always)]
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.capacity() > KEPT
    }
}

/// Whether a value is a plain one in which no URL can have user information.
#[inline(always)]
fn has_no_user_info(value: &AttributeValue<'_>) -> bool {
    match value {
        AttributeValue::Str(text) => lacks_at_sign(text.as_bytes()),
        AttributeValue::Int(_) | AttributeValue::Bool(_) | AttributeValue::Double(_) => true,
        _ => false,
    }
}

/// Whether there is no `@`: eight bytes at a time, for the texts are short.
#[inline(never)]
fn lacks_at_sign(text: &[u8]) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let (words, _) = text.as_chunks::<8>();
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().all(|byte| *byte != b'@');
    };
    let found = words.iter().chain([last]).fold(0, |found, word| {
        let other = u64::from_le_bytes(*word) ^ (LOW * u64::from(b'@'));
        found | (other.wrapping_sub(LOW) & !other)
    });
    found & (LOW << 7) == 0
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
