//! The attribute macro `#[trace]` of `codomyrmex-tracing`, which re-exports and documents it.
//!
//! `args` reads what stands in the brackets, `function` what stands below them, `expand` writes the traced
//! function. The generated code names `::codomyrmex_tracing` and nothing else.

#![forbid(unsafe_code)]

mod args;
mod expand;
mod function;

use proc_macro::TokenStream;

/// Traces a function: each call is a span that covers the body.
///
/// Documented, with examples that run, as `codomyrmex_tracing::trace`.
#[proc_macro_attribute]
pub fn trace(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::trace(args.into(), item.into()).into()
}
