//! Errors recorded, whatever their type offers.

use std::any::type_name;
use std::error::Error;
use std::fmt::{self, Debug, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use codomyrmex_core::{Span, SpanGuard};

use super::Probe;

/// A span that an error can be recorded on.
pub trait Failing {
    /// Records an error of Rust's kind.
    fn fail<E: Error + ?Sized>(&self, error: &E);

    /// Records something else that a function failed with, by its type and what it says.
    fn fail_with<E: ?Sized>(&self, message: fmt::Arguments<'_>);
}

macro_rules! failing {
    ($($span:ty),*) => {$(
        impl Failing for $span {
            fn fail<E: Error + ?Sized>(&self, error: &E) {
                self.record_error(error);
            }

            fn fail_with<E: ?Sized>(&self, message: fmt::Arguments<'_>) {
                if self.is_recording() {
                    self.record_exception(type_name::<E>(), &formatted(message), "");
                }
            }
        }
    )*};
}

failing!(Span, SpanGuard);

/// What the error says. A traced function does not panic because its error cannot be shown.
fn formatted(message: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    match catch_unwind(AssertUnwindSafe(|| text.write_fmt(message))) {
        Ok(Ok(())) => text,
        _ => "[unprintable]".to_owned(),
    }
}

/// It is an error.
pub trait RecordError {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: Error + ?Sized> RecordError for &&&&&Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail(self.0);
    }
}

/// There is an error in it that may change threads: `Box<dyn Error + Send + Sync>`.
pub trait RecordSendInner {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: AsRef<dyn Error + Send + Sync>> RecordSendInner for &&&&Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail(self.0.as_ref());
    }
}

/// There is an error in it: `Box<dyn Error>`.
pub trait RecordInner {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: AsRef<dyn Error>> RecordInner for &&&Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail(self.0.as_ref());
    }
}

/// It has a `Display`: `String`.
pub trait RecordDisplay {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: Display + ?Sized> RecordDisplay for &&Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail_with::<E>(format_args!("{}", self.0));
    }
}

/// It has a `Debug`: `()`.
pub trait RecordDebug {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: Debug + ?Sized> RecordDebug for &Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail_with::<E>(format_args!("{:?}", self.0));
    }
}

/// It has nothing to say but its type.
pub trait RecordType {
    /// Records it.
    fn record_on(&self, span: &impl Failing);
}

impl<E: ?Sized> RecordType for Probe<&E> {
    #[cold]
    fn record_on(&self, span: &impl Failing) {
        span.fail_with::<E>(format_args!(""));
    }
}
