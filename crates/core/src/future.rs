//! Futures that carry their span.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::span::Span;

/// Gives futures [`in_span`](FutureExt::in_span).
pub trait FutureExt: Future + Sized {
    /// This future with a span: current at each poll, on whatever thread, and finished when the future completes or is
    /// dropped.
    ///
    /// ```
    /// use codomyrmex_core::{FutureExt, Tracer};
    /// # fn main() {
    /// let tracer = Tracer::builder("shop").build();
    /// let work = async { 42 }.in_span(tracer.start_span("work"));
    /// # drop(work);
    /// # }
    /// ```
    fn in_span(self, span: Span) -> InSpan<Self> {
        InSpan {
            future: self,
            span: Some(span),
        }
    }
}

impl<F: Future> FutureExt for F {}

pin_project_lite::pin_project! {
    /// A future and its span.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InSpan<F> {
        // The future goes first, so that what it drops still sees its span open.
        #[pin]
        future: F,
        span: Option<Span>,
    }
}

impl<F> InSpan<F> {
    /// The span, until the future is complete.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(span) = &this.span else {
            return this.future.poll(context);
        };
        let polled = span.in_scope(|| this.future.poll(context));
        if polled.is_ready() {
            *this.span = None;
        }
        polled
    }
}
