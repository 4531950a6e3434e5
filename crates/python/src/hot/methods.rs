//! The list of the hot methods, for the type.

use super::{attribute, block, finish};
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
