//! Limits: how much one span may hold.

use codomyrmex_core::Limits as Core;
use pyo3::prelude::*;

/// How much one span may hold; what is over a limit is dropped or cut, and counted.
#[pyclass(
    module = "codomyrmex.telemetry.tracing",
    name = "Limits",
    frozen,
    eq,
    from_py_object
)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) core: Core,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (*, attributes = 128, events = 128, links = 128, attributes_per_event = 128, attributes_per_link = 128, attribute_value_length = None))]
    fn new(
        attributes: u32,
        events: u32,
        links: u32,
        attributes_per_event: u32,
        attributes_per_link: u32,
        attribute_value_length: Option<u32>,
    ) -> Self {
        let core = Core {
            attributes,
            events,
            links,
            attributes_per_event,
            attributes_per_link,
            attribute_value_length,
        };
        Self { core }
    }

    /// Attributes of a span.
    #[getter]
    fn attributes(&self) -> u32 {
        self.core.attributes
    }

    /// Events of a span.
    #[getter]
    fn events(&self) -> u32 {
        self.core.events
    }

    /// Links of a span.
    #[getter]
    fn links(&self) -> u32 {
        self.core.links
    }

    /// Attributes of one event.
    #[getter]
    fn attributes_per_event(&self) -> u32 {
        self.core.attributes_per_event
    }

    /// Attributes of one link.
    #[getter]
    fn attributes_per_link(&self) -> u32 {
        self.core.attributes_per_link
    }

    /// The longest text of a value in characters; None is any length.
    #[getter]
    fn attribute_value_length(&self) -> Option<u32> {
        self.core.attribute_value_length
    }

    fn __repr__(&self) -> String {
        let Core {
            attributes,
            events,
            links,
            attributes_per_event,
            attributes_per_link,
            attribute_value_length,
        } = self.core;
        let length =
            attribute_value_length.map_or_else(|| "None".to_owned(), |length| length.to_string());
        format!(
            "Limits(attributes={attributes}, events={events}, links={links}, attributes_per_event={attributes_per_event}, \
             attributes_per_link={attributes_per_link}, attribute_value_length={length})"
        )
    }
}
