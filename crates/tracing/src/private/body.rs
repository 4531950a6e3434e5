use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use codomyrmex_core::Span;

/// The future with `span` current at each poll. `then` sees the span and what came out.
///
/// The span is borrowed, and so is over only after everything that the future dropped; by `&mut`, because a span can be
/// sent to other threads but not shared with them.
pub fn in_span_then<F: Future>(
    span: &mut Span,
    mut future: Pin<&mut F>,
    then: impl Fn(&Span, &F::Output),
) -> impl Future<Output = F::Output> {
    poll_fn(move |context| {
        let poll = span.in_scope(|| future.as_mut().poll(context));
        if let Poll::Ready(output) = &poll {
            then(span, output);
        }
        poll
    })
}

/// Calls it. A closure in this place is known to be called once, so that it may give away what it captured.
#[inline(always)]
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    body()
}
