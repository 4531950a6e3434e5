//! The methods that every span goes through, written on the C API: they allocate the span and nothing else.

mod attribute;
mod block;
mod finish;
mod methods;
mod propagate;
mod start;

pub(crate) use attribute::{adopt, set_pair};
pub(crate) use block::{begin, begin_here, begin_under, enter_block, leave_block};
pub(crate) use finish::finish;
pub(crate) use methods::methods;
pub(crate) use propagate::fill;
pub(crate) use start::span_method;
