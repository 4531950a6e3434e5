use crate::any_value::push_bytes;
use crate::attribute::{Field, push_attribute};
use crate::encode::SPANS;
use crate::value::Value;
use crate::varint;

/// Resource and instrumentation scope, encoded once, to stand in front of any number of batches of spans.
///
/// ```
/// use codomyrmex_wire::ScopeHeader;
/// let resource = [("service.name".to_owned(), "shop".into())];
/// let header = ScopeHeader::new(&resource, "shop", "1.0", "", &[]);
/// let spans: &[u8] = &[];
/// assert_eq!(header.request(spans), header.prefix(0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeHeader {
    /// `ResourceSpans.resource`, with its tag.
    resource: Vec<u8>,
    /// The content of `ScopeSpans.scope`.
    scope: Vec<u8>,
    /// `ScopeSpans.schema_url`, with its tag.
    schema_url: Vec<u8>,
}

impl ScopeHeader {
    /// Encodes the header. `schema_url` is that of the scope; empty texts are left out.
    pub fn new(
        resource: &[(String, Value)],
        scope_name: &str,
        scope_version: &str,
        schema_url: &str,
        scope_attributes: &[(String, Value)],
    ) -> Self {
        let mut message = Vec::new();
        for (key, value) in resource {
            push_attribute(&mut message, Field::Resource, key, value.into(), usize::MAX);
        }
        let mut resource = Vec::new();
        push_bytes(&mut resource, 0x0a, &message);

        message.clear();
        if !scope_name.is_empty() {
            push_bytes(&mut message, 0x0a, scope_name.as_bytes());
        }
        if !scope_version.is_empty() {
            push_bytes(&mut message, 0x12, scope_version.as_bytes());
        }
        push_scope_attributes(&mut message, scope_attributes);
        let mut url = Vec::new();
        if !schema_url.is_empty() {
            push_bytes(&mut url, 0x1a, schema_url.as_bytes());
        }
        ScopeHeader {
            resource,
            scope: message,
            schema_url: url,
        }
    }

    /// A whole `ExportTraceServiceRequest` (which is a `TracesData`) with these spans, laid one behind the other as
    /// [`encode_span`](crate::encode_span) wrote them. Requests laid one behind the other are a request again.
    pub fn request(&self, spans: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.push_prefix(&mut bytes, spans.len(), spans.len(), &[]);
        bytes.extend_from_slice(spans);
        bytes
    }

    /// The bytes that make a request when `spans_len` bytes of spans follow them.
    pub fn prefix(&self, spans_len: usize) -> Vec<u8> {
        self.prefix_with(spans_len, &[])
    }

    /// As [`prefix`](Self::prefix), with more attributes of the scope, which must not be among those that the header has.
    pub fn prefix_with(&self, spans_len: usize, scope_attributes: &[(String, Value)]) -> Vec<u8> {
        let mut more = Vec::new();
        push_scope_attributes(&mut more, scope_attributes);
        let mut bytes = Vec::new();
        self.push_prefix(&mut bytes, spans_len, 0, &more);
        bytes
    }

    /// `more` are encoded attributes of the scope.
    fn push_prefix(&self, bytes: &mut Vec<u8>, spans_len: usize, extra: usize, more: &[u8]) {
        let field = |len: usize| 1 + varint::len(len as u64) + len;
        let scope = self.scope.len() + more.len();
        let scope_spans = field(scope) + self.schema_url.len() + spans_len;
        let resource_spans = self.resource.len() + field(scope_spans);
        bytes.reserve(field(resource_spans) - spans_len + extra);
        bytes.push(0x0a);
        varint::push(bytes, resource_spans as u64);
        bytes.extend_from_slice(&self.resource);
        bytes.push(0x12);
        varint::push(bytes, scope_spans as u64);
        bytes.push(0x0a);
        varint::push(bytes, scope as u64);
        bytes.extend_from_slice(&self.scope);
        bytes.extend_from_slice(more);
        bytes.extend_from_slice(&self.schema_url);
    }
}

fn push_scope_attributes(scope: &mut Vec<u8>, attributes: &[(String, Value)]) {
    for (key, value) in attributes {
        push_attribute(scope, Field::SCOPE, key, value.into(), usize::MAX);
    }
}

// Spans lie in a batch with the tag that `ScopeSpans` has for them.
const _: () = assert!(SPANS == 2 << 3 | 2);
