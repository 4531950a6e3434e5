use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{SpanId, TraceId};

/// The attribute that carries a text trace id where the wire has room for 16 bytes only.
pub const TRACE_ID_ATTRIBUTE: &str = "codomyrmex.trace_id";
/// The attribute that carries a text span id where the wire has room for 8 bytes only.
pub const SPAN_ID_ATTRIBUTE: &str = "codomyrmex.span_id";
/// The attribute that carries a text parent id where the wire has room for 8 bytes only.
pub const PARENT_SPAN_ID_ATTRIBUTE: &str = "codomyrmex.parent_span_id";

impl TraceId {
    /// The bytes that stand for an id of any text.
    ///
    /// 32 hexadecimal digits in any case stand for themselves, the empty text for [`TraceId::INVALID`], and any other text
    /// for the first 16 bytes of its SHA-256.
    pub fn from_text(text: &str) -> TraceId {
        match TraceId::from_hex(text.as_bytes()) {
            Ok(id) => id,
            Err(_) if text.is_empty() => TraceId::INVALID,
            Err(_) => TraceId::from_bytes(hash(text)),
        }
    }
}

impl SpanId {
    /// The bytes that stand for an id of any text.
    ///
    /// 16 hexadecimal digits in any case stand for themselves, the empty text for [`SpanId::INVALID`], and any other text
    /// for the first 8 bytes of its SHA-256.
    pub fn from_text(text: &str) -> SpanId {
        match SpanId::from_hex(text.as_bytes()) {
            Ok(id) => id,
            Err(_) if text.is_empty() => SpanId::INVALID,
            Err(_) => SpanId::from_bytes(hash(text)),
        }
    }
}

/// The first bytes of the text's SHA-256, never all zero.
fn hash<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, hashed) in bytes.iter_mut().zip(Sha256::digest(text.as_bytes())) {
        *byte = hashed;
    }
    never_zero(bytes)
}

fn never_zero<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

/// The texts of a context's ids, as far as they are not the usual lower-case digits.
///
/// Each text stands beside the bytes that it was given for, and counts only while these are the context's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextIds {
    trace: Option<(TraceId, Arc<str>)>,
    span: Option<(SpanId, Arc<str>)>,
    parent: Option<(SpanId, Arc<str>)>,
}

impl TextIds {
    /// The text of this trace id, if it has one of its own.
    pub fn trace_id(&self, id: TraceId) -> Option<&str> {
        text_of(&self.trace, id)
    }

    /// The text of this span id, if it has one of its own.
    pub fn span_id(&self, id: SpanId) -> Option<&str> {
        text_of(&self.span, id)
    }

    /// The text of this parent id, if it has one of its own.
    pub fn parent_span_id(&self, id: SpanId) -> Option<&str> {
        text_of(&self.parent, id)
    }

    /// Takes a trace id's text and gives its bytes; keeps the text only where the bytes do not show as it.
    pub(crate) fn set_trace_id(&mut self, text: &str) -> TraceId {
        let (id, kept) = trace_id(text);
        self.trace = kept;
        id
    }

    /// Keeps a trace id's text if these are its bytes, and says whether they are.
    pub(crate) fn trace_id_if(&mut self, text: &str, id: TraceId) -> bool {
        let (found, kept) = trace_id(text);
        if found == id {
            self.trace = kept;
        }
        found == id
    }

    /// Keeps a span id's text if these are its bytes, and says whether they are.
    pub(crate) fn span_id_if(&mut self, text: &str, id: SpanId) -> bool {
        let (found, kept) = span_id(text);
        if found == id {
            self.span = kept;
        }
        found == id
    }

    /// As [`TextIds::set_trace_id`], for the span.
    pub(crate) fn set_span_id(&mut self, text: &str) -> SpanId {
        let (id, kept) = span_id(text);
        self.span = kept;
        id
    }

    /// As [`TextIds::set_trace_id`], for the parent.
    pub(crate) fn set_parent_span_id(&mut self, text: &str) -> SpanId {
        let (id, kept) = span_id(text);
        self.parent = kept;
        id
    }

    /// The texts of a child of the span whose texts these are; `None` where it has none.
    pub fn child(&self) -> Option<Arc<TextIds>> {
        TextIds {
            trace: self.trace.clone(),
            span: None,
            parent: self.span.clone(),
        }
        .shared()
    }

    /// `None` where there is no text.
    pub(crate) fn shared(self) -> Option<Arc<TextIds>> {
        (self != TextIds::default()).then(|| Arc::new(self))
    }
}

fn trace_id(text: &str) -> (TraceId, Option<(TraceId, Arc<str>)>) {
    let id = TraceId::from_text(text);
    let plain = id.write_hex(&mut [0; 32]) == text;
    (id, (!plain).then(|| (id, text.into())))
}

fn span_id(text: &str) -> (SpanId, Option<(SpanId, Arc<str>)>) {
    let id = SpanId::from_text(text);
    let plain = id.write_hex(&mut [0; 16]) == text;
    (id, (!plain).then(|| (id, text.into())))
}

fn text_of<Id: PartialEq>(kept: &Option<(Id, Arc<str>)>, id: Id) -> Option<&str> {
    match kept {
        Some((known, text)) if *known == id => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_hashed_with_sha_256() {
        // FIPS 180-4's example "abc".
        assert_eq!(
            TraceId::from_text("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223"
        );
        assert_eq!(SpanId::from_text("abc").to_string(), "ba7816bf8f01cfea");
        assert_eq!(never_zero([0; 4]), [0, 0, 0, 1]);
        assert_eq!(never_zero([0, 9]), [0, 9]);
    }

    #[test]
    fn digits_stand_for_themselves_and_nothing_for_nothing() {
        let hex = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(TraceId::from_text(hex).to_string(), hex);
        assert_eq!(TraceId::from_text(&hex.to_uppercase()).to_string(), hex);
        assert_eq!(TraceId::from_text(""), TraceId::INVALID);
        assert_eq!(SpanId::from_text(""), SpanId::INVALID);
        assert!(TraceId::from_text(&hex[1..]).is_valid());
        assert_ne!(SpanId::from_text(hex).to_string(), hex[..16]);
    }

    #[test]
    fn only_what_the_bytes_do_not_show_is_kept() {
        let mut texts = TextIds::default();
        texts.set_trace_id("4bf92f3577b34da6a3ce929d0e0e4736");
        texts.set_span_id("00f067aa0ba902b7");
        assert_eq!(texts.clone().shared(), None);
        let upper = texts.set_span_id("00F067AA0BA902B7");
        assert_eq!(upper, SpanId::from_text("00f067aa0ba902b7"));
        assert_eq!(texts.span_id(upper), Some("00F067AA0BA902B7"));
        assert_eq!(texts.span_id(SpanId::INVALID), None);
        let empty = texts.set_trace_id("");
        assert_eq!(texts.trace_id(empty), Some(""));
    }

    #[test]
    fn a_child_has_the_traces_text_and_the_spans_as_its_parents() {
        let mut texts = TextIds::default();
        let trace = texts.set_trace_id("trace123");
        let span = texts.set_span_id("span456");
        let child = texts.child().unwrap();
        assert_eq!(child.trace_id(trace), Some("trace123"));
        assert_eq!(child.span_id(span), None);
        assert_eq!(child.parent_span_id(span), Some("span456"));
    }
}
