//! What the code that `#[trace]` writes stands on. Not for others: it changes without notice.

pub mod attribute;
mod call_site;
pub mod error;
mod future;

pub use call_site::CallSite;
pub use future::in_span_then;

/// Something whose traits decide what is done with it.
///
/// The modules [`attribute`] and [`error`] have a trait a case, each implemented for one reference to a probe more than
/// the next. A call through many references finds the first case that holds, and does so where the type is known only
/// by its bounds, too.
#[derive(Debug)]
pub struct Probe<T>(pub T);

/// Calls it. A closure in this place is known to be called once, so that it may give away what it captured.
#[inline(always)]
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    body()
}
