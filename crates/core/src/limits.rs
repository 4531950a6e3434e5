/// How much one span may hold. What is over a limit is dropped or cut, and counted.
///
/// The defaults are OpenTelemetry's.
///
/// ```
/// use codomyrmex_core::Limits;
///
/// let limits = Limits { attribute_value_length: Some(1024), ..Limits::default() };
/// assert_eq!(limits.attributes, 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes of a span (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`).
    pub attributes: u32,
    /// Events of a span (`OTEL_SPAN_EVENT_COUNT_LIMIT`).
    pub events: u32,
    /// Links of a span (`OTEL_SPAN_LINK_COUNT_LIMIT`).
    pub links: u32,
    /// Attributes of one event (`OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`).
    pub attributes_per_event: u32,
    /// Attributes of one link (`OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`).
    pub attributes_per_link: u32,
    /// The longest string value in characters (`OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`); `None`: no limit.
    pub attribute_value_length: Option<u32>,
}

impl Limits {
    /// OpenTelemetry's defaults: 128 of everything, values of any length.
    pub const DEFAULT: Limits = Limits {
        attributes: 128,
        events: 128,
        links: 128,
        attributes_per_event: 128,
        attributes_per_link: 128,
        attribute_value_length: None,
    };

    /// The length limit as a count of characters that can be compared with, [`usize::MAX`] where there is none.
    #[inline]
    pub const fn value_length(&self) -> usize {
        match self.attribute_value_length {
            Some(length) => length as usize,
            None => usize::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_limit_compares_as_a_number() {
        assert_eq!(Limits::default().value_length(), usize::MAX);
        let short = Limits {
            attribute_value_length: Some(0),
            ..Limits::DEFAULT
        };
        assert_eq!(short.value_length(), 0);
    }
}
