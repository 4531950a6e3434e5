//! The methods that every span goes through, written on the C API: they allocate the span and nothing else.

mod attribute;
mod block;
mod finish;
mod start;

pub(crate) use attribute::{adopt, set_pair};
pub(crate) use block::{begin, begin_here, begin_under, enter_block, leave_block};
pub(crate) use finish::finish;
pub(crate) use start::span_method;

use crate::heap_type::TypeBuilder;

/// The hot methods of Span.
pub(crate) fn methods(builder: TypeBuilder) -> TypeBuilder {
    builder
        .bare_method(c"__enter__", block::enter, c"Begins the span and makes it current.")
        .plain_method(c"__exit__", block::exit, c"Records an exception, ends the span and makes its parent current again.")
        .method(
            c"set_attribute",
            attribute::set_attribute,
            c"set_attribute($self, /, key, value)\n--\n\nSets an attribute; the last value of an equal key wins.",
        )
        .bare_method(
            c"finish",
            finish::finish_method,
            c"finish($self, /)\n--\n\nEnds the span and hands it to the exporter; a second call is ignored.",
        )
}
