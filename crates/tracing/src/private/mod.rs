//! What the code that `#[trace]` writes stands on. Not for others: it changes without notice.

pub mod attribute;
mod body;
mod call_site;
pub mod error;
mod probe;

pub use body::{in_span_then, run};
pub use call_site::CallSite;
pub use probe::Probe;
