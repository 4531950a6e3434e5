use std::borrow::Cow;

use crate::error::DecodeError;
use crate::fields::{Field, Fields, Payload};
use crate::value_view::{Attributes, ValueView, check_attribute};
use crate::view::SpanView;

/// An `ExportTraceServiceRequest` or `TracesData` (the same bytes), read in place.
///
/// ```
/// use codomyrmex_wire::{ScopeHeader, TracesView};
/// let resource = [("service.name".to_owned(), "shop".into())];
/// let request = ScopeHeader::new(&resource, "cart", "", "", &[]).request(&[]);
/// for resource in TracesView::parse(&request)?.resource_spans() {
///     assert_eq!(resource.attribute("service.name").unwrap().as_str(), Some("shop"));
///     for scope in resource.scope_spans() {
///         assert_eq!((scope.name(), scope.spans().count()), ("cart".into(), 0));
///     }
/// }
/// # Ok::<(), codomyrmex_wire::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TracesView<'a> {
    bytes: &'a [u8],
}

/// The spans of one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceSpansView<'a> {
    bytes: &'a [u8],
}

/// The spans of one instrumentation scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeSpansView<'a> {
    bytes: &'a [u8],
}

impl<'a> TracesView<'a> {
    /// Checks the whole request, so that nothing fails afterwards.
    ///
    /// # Errors
    ///
    /// Where the bytes are no protobuf message, or values are nested more than 100 levels deep.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        each_message(bytes, 0, |number, resource_spans, base| match number {
            1 => check_resource_spans(resource_spans, base),
            _ => Ok(()),
        })?;
        Ok(TracesView { bytes })
    }

    /// The resources with their spans.
    pub fn resource_spans(&self) -> impl Iterator<Item = ResourceSpansView<'a>> + Clone + use<'a> {
        Fields::new(self.bytes)
            .messages(1)
            .map(|bytes| ResourceSpansView { bytes })
    }

    /// All spans, whatever their resource and scope.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + Clone + use<'a> {
        self.resource_spans()
            .flat_map(|resource| resource.scope_spans())
            .flat_map(|scope| scope.spans())
    }
}

impl<'a> ResourceSpansView<'a> {
    /// The resource's attributes.
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = (Cow<'a, str>, ValueView<'a>)> + Clone + use<'a> {
        Fields::new(self.bytes)
            .messages(1)
            .flat_map(|resource| Attributes::new(resource, 1))
    }

    /// The value of this attribute of the resource; the last one if the key stands several times.
    pub fn attribute(&self, key: &str) -> Option<ValueView<'a>> {
        self.attributes()
            .filter(|(found, _)| found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// Attributes of the resource that a limit kept out.
    pub fn dropped_attributes(&self) -> u32 {
        Fields::new(self.bytes)
            .messages(1)
            .filter_map(|resource| last_count(resource, 2))
            .last()
            .unwrap_or(0)
    }

    /// URL of the schema that the resource follows.
    pub fn schema_url(&self) -> Cow<'a, str> {
        last_text(self.bytes, 3)
    }

    /// The scopes with their spans.
    pub fn scope_spans(&self) -> impl Iterator<Item = ScopeSpansView<'a>> + Clone + use<'a> {
        Fields::new(self.bytes)
            .messages(2)
            .map(|bytes| ScopeSpansView { bytes })
    }
}

impl<'a> ScopeSpansView<'a> {
    fn scope(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        Fields::new(self.bytes).messages(1)
    }

    /// The scope's name.
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(
            self.scope()
                .flat_map(|scope| Fields::new(scope).messages(1))
                .last()
                .unwrap_or_default(),
        )
    }

    /// The scope's version.
    pub fn version(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(
            self.scope()
                .flat_map(|scope| Fields::new(scope).messages(2))
                .last()
                .unwrap_or_default(),
        )
    }

    /// The scope's attributes.
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = (Cow<'a, str>, ValueView<'a>)> + Clone + use<'a> {
        self.scope().flat_map(|scope| Attributes::new(scope, 3))
    }

    /// Attributes of the scope that a limit kept out.
    pub fn dropped_attributes(&self) -> u32 {
        self.scope()
            .filter_map(|scope| last_count(scope, 4))
            .last()
            .unwrap_or(0)
    }

    /// URL of the schema that the spans follow.
    pub fn schema_url(&self) -> Cow<'a, str> {
        last_text(self.bytes, 3)
    }

    /// The spans.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + Clone + use<'a> {
        Fields::new(self.bytes)
            .messages(2)
            .filter_map(SpanView::read)
    }
}

fn last_text(bytes: &[u8], number: u32) -> Cow<'_, str> {
    String::from_utf8_lossy(
        Fields::new(bytes)
            .messages(number)
            .last()
            .unwrap_or_default(),
    )
}

fn last_count(bytes: &[u8], wanted: u32) -> Option<u32> {
    let counts = Fields::new(bytes)
        .flatten()
        .filter_map(|field| match field {
            Field {
                number,
                payload: Payload::Varint(count),
                ..
            } if number == wanted => Some(count as u32),
            _ => None,
        });
    counts.last()
}

/// Calls `check` with number, bytes and offset of each field of bytes.
fn each_message<'a>(
    bytes: &'a [u8],
    base: usize,
    check: impl Fn(u32, &'a [u8], usize) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    for field in Fields::at(bytes, base) {
        if let Field {
            number,
            payload: Payload::Bytes(message),
            offset,
        } = field?
        {
            check(number, message, offset)?;
        }
    }
    Ok(())
}

fn check_resource_spans(bytes: &[u8], base: usize) -> Result<(), DecodeError> {
    each_message(bytes, base, |number, message, base| match number {
        1 => check_attributes(message, base, 1),
        2 => each_message(message, base, |number, message, base| match number {
            1 => check_attributes(message, base, 3),
            2 => SpanView::scan(message, base, true).map(drop),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn check_attributes(bytes: &[u8], base: usize, wanted: u32) -> Result<(), DecodeError> {
    each_message(bytes, base, |number, message, base| {
        if number == wanted {
            check_attribute(message, base)
        } else {
            Ok(())
        }
    })
}
