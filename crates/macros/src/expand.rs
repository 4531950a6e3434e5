//! The traced function.
//!
//! Names of items are written out from `::codomyrmex_tracing`; names of locals are hygienic, so that neither can meet
//! a name of the caller's. Only expressions that the caller wrote are placed where they see the caller's names.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, LitStr, Result, Type};

use crate::args::{Args, AttributeArg, Name, TracerArg};
use crate::function::{BoxedFuture, Function, Output};

/// The registry's name of the tracer where none is given.
const DEFAULT_TRACER: &str = "default";

/// `#[trace(args)] item`. A mistake becomes a `compile_error!` in front of the function as it was, so that it is the
/// only error that the compiler reports.
pub(crate) fn trace(args: TokenStream, item: TokenStream) -> TokenStream {
    traced(args, item.clone()).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#error #item)
    })
}

fn traced(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: Function = syn::parse2(item)?;
    let args: Args = syn::parse2(args)?;
    check(&args, &function)?;
    let body = if function.signature.asyncness.is_some() {
        asynchronous(&args, &function)
    } else if let Some(boxed) = function.boxed_future() {
        boxed_future(&args, &function, boxed)
    } else {
        synchronous(&args, &function)
    };
    let Function {
        attributes,
        visibility,
        signature,
        ..
    } = function;
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #body
        }
    })
}

fn check(args: &Args, function: &Function) -> Result<()> {
    for attribute in args.attributes.iter().flatten() {
        if let AttributeArg::Argument(name) = attribute
            && !function.has_argument(name)
        {
            let function = function.signature.ident.unraw();
            return Err(Error::new(
                name.span(),
                format!(
                    "`{function}` has no argument `{name}`: write `{name} = expression` for another value"
                ),
            ));
        }
    }
    Ok(())
}

/// The guard makes the span current and finishes it when the function is left, however it is left.
fn synchronous(args: &Args, function: &Function) -> TokenStream {
    let span = local("span");
    let start = start(args, function, "span", "span_with");
    let body = &function.body;
    let output = function.output();
    let Some(err) = records_error(args, &output) else {
        return quote! {
            #start
            #body
        };
    };
    let result = local("result");
    let annotation = output.annotation();
    let record = record(&result, &quote!(&#span), err);
    // `run` asks for `FnOnce`: the body may then give away what it borrows from a captured `&mut`.
    quote! {
        #start
        let #result = ::codomyrmex_tracing::__private::run(move || -> #annotation { #body });
        #record
        #result
    }
}

fn asynchronous(args: &Args, function: &Function) -> TokenStream {
    let output = function.output();
    let body = &function.body;
    future(args, function, &quote!(move), &output, body)
}

/// The span starts with the first poll here as well, so that a future that is never polled leaves no span.
fn boxed_future(args: &Args, function: &Function, boxed: BoxedFuture) -> TokenStream {
    let BoxedFuture {
        before,
        pin,
        future: written,
        output,
    } = boxed;
    let capture = &written.capture;
    let statements = &written.block.stmts;
    let inner = future(
        args,
        function,
        &quote!(#capture),
        &output,
        &quote!(#(#statements)*),
    );
    quote! {
        #before
        #pin(async #capture { #inner })
    }
}

/// Statements for an `async` context that run `body` within a span that is current at each poll.
fn future(
    args: &Args,
    function: &Function,
    capture: &TokenStream,
    output: &Output,
    body: &TokenStream,
) -> TokenStream {
    let span = local("span");
    let start = start(args, function, "start_span", "start_span_with");
    let annotation = output.annotation();
    let pin_type = pin_type(&annotation);
    match records_error(args, output) {
        None => quote! {
            #start
            ::codomyrmex_tracing::FutureExt::in_span(
                async #capture {
                    #pin_type
                    #body
                },
                #span,
            )
            .await
        },
        Some(err) => {
            let result = local("result");
            let record = record(&result, &quote!(#span), err);
            quote! {
                #start
                let mut #span = #span;
                ::codomyrmex_tracing::__private::in_span_then(
                    &mut #span,
                    ::core::pin::pin!(async #capture {
                        #pin_type
                        #body
                    }),
                    |#span, #result| { #record },
                )
                .await
            }
        }
    }
}

/// Tells an `async` block its type, which it has no syntax for: without it `?` and `return` could not be inferred.
fn pin_type(annotation: &Type) -> TokenStream {
    // No variable may have this type, and nothing that never returns needs it.
    if let Type::Never(_) = annotation {
        return TokenStream::new();
    }
    let never = local("never");
    quote! {
        #[allow(unreachable_code, unused_variables, clippy::all)]
        if false {
            let #never: #annotation = loop {};
            return #never;
        }
    }
}

/// Statements that start the span, with the tracer's method `plain` or, where a kind is given, `with_options`.
fn start(args: &Args, function: &Function, plain: &str, with_options: &str) -> TokenStream {
    let function_name = function.signature.ident.unraw();
    let function_name = LitStr::new(&function_name.to_string(), function_name.span());
    let name = match &args.name {
        None => quote!(#function_name),
        Some(Name::Text(text)) => quote!(#text),
        Some(Name::Constant(path)) => quote!(#path),
    };
    let call = match &args.kind {
        None => {
            let method = format_ident!("{plain}");
            quote!(#method(#name))
        }
        Some(kind) => {
            let method = format_ident!("{with_options}");
            let variant = Ident::new(kind.variant, Span::mixed_site().located_at(kind.span));
            quote! {
                #method(#name, ::codomyrmex_tracing::SpanOptions::new().kind(::codomyrmex_tracing::SpanKind::#variant))
            }
        }
    };
    let span = local("span");
    let tracer = local("tracer");
    let started = match &args.tracer {
        Some(TracerArg::Value(value)) => {
            let choice = quote_spanned! {value.span().resolved_at(Span::mixed_site())=>
                let #tracer: &::codomyrmex_tracing::Tracer = &(#value);
            };
            quote! {
                #choice
                #tracer.#call
            }
        }
        registry => {
            let registered = match registry {
                Some(TracerArg::Registry(text)) => text.clone(),
                _ => LitStr::new(DEFAULT_TRACER, Span::mixed_site()),
            };
            quote! {
                static __CODOMYRMEX_TRACER: ::codomyrmex_tracing::__private::CallSite =
                    ::codomyrmex_tracing::__private::CallSite::new(#registered);
                __CODOMYRMEX_TRACER.with(|#tracer| #tracer.#call)
            }
        }
    };
    let attributes = args
        .attributes
        .iter()
        .flatten()
        .map(|attribute| set_attribute(attribute, &span));
    quote! {
        let #span = { #started };
        if #span.is_recording() {
            #span.set_attribute("function.name", #function_name);
            #(#attributes)*
        }
    }
}

/// The caller's expression stands outside the block with the traits, whose methods it must not see.
fn set_attribute(attribute: &AttributeArg, span: &Ident) -> TokenStream {
    let value = local("value");
    let pick = local("pick");
    let (key, expression, place) = match attribute {
        AttributeArg::Argument(name) => (
            LitStr::new(&name.unraw().to_string(), name.span()),
            quote!(#name),
            name.span(),
        ),
        AttributeArg::Value { key, value } => (key.clone(), quote!((#value)), value.span()),
    };
    let place = place.resolved_at(Span::mixed_site());
    let bind = quote_spanned!(place=> let #value = &#expression;);
    let choose = quote_spanned!(place=> let #pick = (&&&&&&&&::codomyrmex_tracing::__private::Probe(#value)).pick_attribute(););
    quote! {
        #bind
        {
            #[allow(unused_imports)]
            use ::codomyrmex_tracing::__private::attribute::*;
            #choose
            if let ::core::option::Option::Some(#value) = #pick.to_attribute(::core::format_args!("{}", #pick)) {
                #span.set_attribute(#key, #value);
            }
        }
    }
}

/// Where an error comes from, if one is to be recorded: a `Result` by its name, or what `err` says.
fn records_error(args: &Args, output: &Output) -> Option<Span> {
    match &args.err {
        Some(err) => err.value.then(|| err.span()),
        None => output.is_result().then(Span::mixed_site),
    }
}

fn record(result: &Ident, span: &TokenStream, place: Span) -> TokenStream {
    let error = local("error");
    let pattern =
        quote_spanned!(place.resolved_at(Span::mixed_site())=> ::core::result::Result::Err(#error));
    quote! {
        if let #pattern = &#result {
            #[allow(unused_imports)]
            use ::codomyrmex_tracing::__private::error::*;
            (&&&&&&::codomyrmex_tracing::__private::Probe(#error)).record_on(#span);
        }
    }
}

fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_expands(args: TokenStream, item: TokenStream, expected: TokenStream) {
        let expanded = trace(args, item).to_string();
        let (expanded, expected) = (
            expanded.replace(' ', ""),
            expected.to_string().replace(' ', ""),
        );
        assert_eq!(
            expanded, expected,
            "\nexpanded: {expanded}\nexpected: {expected}\n"
        );
    }

    fn assert_contains(args: TokenStream, item: TokenStream, part: TokenStream) {
        let expanded = trace(args, item).to_string();
        assert!(
            expanded.contains(&part.to_string()),
            "{expanded}\nhas no\n{part}"
        );
    }

    #[test]
    fn a_plain_function_gets_a_guard() {
        assert_expands(
            quote!(),
            quote! {
                /// Adds.
                #[inline]
                pub(crate) fn add<T: Add>(a: T, b: T) -> T::Output where T: Copy { a + b }
            },
            quote! {
                #[doc = r" Adds."]
                #[inline]
                pub(crate) fn add<T: Add>(a: T, b: T) -> T::Output where T: Copy {
                    let __span = {
                        static __CODOMYRMEX_TRACER: ::codomyrmex_tracing::__private::CallSite =
                            ::codomyrmex_tracing::__private::CallSite::new("default");
                        __CODOMYRMEX_TRACER.with(|__tracer| __tracer.span("add"))
                    };
                    if __span.is_recording() {
                        __span.set_attribute("function.name", "add");
                    }
                    a + b
                }
            },
        );
    }

    #[test]
    fn a_result_goes_through_a_closure_of_its_type() {
        assert_expands(
            quote!("load", kind = client, tracer = self.tracer),
            quote!(
                unsafe fn f(&self) -> io::Result<impl Sized> {
                    self.g()?;
                    Ok(())
                }
            ),
            quote! {
                unsafe fn f(&self) -> io::Result<impl Sized> {
                    let __span = {
                        let __tracer: &::codomyrmex_tracing::Tracer = &(self.tracer);
                        __tracer.span_with(
                            "load",
                            ::codomyrmex_tracing::SpanOptions::new().kind(::codomyrmex_tracing::SpanKind::Client)
                        )
                    };
                    if __span.is_recording() {
                        __span.set_attribute("function.name", "f");
                    }
                    let __result = ::codomyrmex_tracing::__private::run(move || -> io::Result<_> { self.g()?; Ok(()) });
                    if let ::core::result::Result::Err(__error) = &__result {
                        #[allow(unused_imports)]
                        use ::codomyrmex_tracing::__private::error::*;
                        (&&&&&&::codomyrmex_tracing::__private::Probe(__error)).record_on(&__span);
                    }
                    __result
                }
            },
        );
    }

    #[test]
    fn an_async_function_puts_its_body_into_a_future() {
        assert_expands(
            quote!(tracer = tracer()),
            quote!(
                async fn f(a: u8) -> u8 {
                    g(a).await
                }
            ),
            quote! {
                async fn f(a: u8) -> u8 {
                    let __span = {
                        let __tracer: &::codomyrmex_tracing::Tracer = &(tracer());
                        __tracer.start_span("f")
                    };
                    if __span.is_recording() {
                        __span.set_attribute("function.name", "f");
                    }
                    ::codomyrmex_tracing::FutureExt::in_span(
                        async move {
                            #[allow(unreachable_code, unused_variables, clippy::all)]
                            if false {
                                let __never: u8 = loop {};
                                return __never;
                            }
                            g(a).await
                        },
                        __span,
                    ).await
                }
            },
        );
    }

    #[test]
    fn only_listed_arguments_are_taken() {
        assert_contains(
            quote!(attributes(user, "order.total" = order.total())),
            quote!(
                fn f(user: &str, password: &str, order: &Order) {}
            ),
            quote! {
                if __span.is_recording() {
                    __span.set_attribute("function.name", "f");
                    let __value = &user;
                    {
                        #[allow(unused_imports)]
                        use ::codomyrmex_tracing::__private::attribute::*;
                        let __pick = (&&&&&&&&::codomyrmex_tracing::__private::Probe(__value)).pick_attribute();
                        if let ::core::option::Option::Some(__value) = __pick.to_attribute(::core::format_args!("{}", __pick)) {
                            __span.set_attribute("user", __value);
                        }
                    }
                    let __value = &(order.total());
                    {
                        #[allow(unused_imports)]
                        use ::codomyrmex_tracing::__private::attribute::*;
                        let __pick = (&&&&&&&&::codomyrmex_tracing::__private::Probe(__value)).pick_attribute();
                        if let ::core::option::Option::Some(__value) = __pick.to_attribute(::core::format_args!("{}", __pick)) {
                            __span.set_attribute("order.total", __value);
                        }
                    }
                }
            },
        );
    }

    #[test]
    fn a_boxed_future_is_traced_inside() {
        let item = || {
            quote! {
                fn f<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<u8, E>> + Send + 'a>> {
                    let before = 1;
                    Box::pin(async move { self.g(before).await })
                }
            }
        };
        assert_contains(
            quote!(tracer = t),
            item(),
            quote!(let __tracer: &::codomyrmex_tracing::Tracer = &(t);),
        );
        assert_contains(
            quote!(tracer = t),
            item(),
            quote! {
                ::core::pin::pin!(async move {
                    #[allow(unreachable_code, unused_variables, clippy::all)]
                    if false {
                        let __never: Result<u8, E> = loop {};
                        return __never;
                    }
                    self.g(before).await
                })
            },
        );
    }

    #[test]
    fn err_says_whether_errors_are_recorded() {
        let records = |args: TokenStream, item: TokenStream| {
            trace(args, item).to_string().contains("record_on")
        };
        assert!(!records(
            quote!(err = false),
            quote!(
                fn f() -> Result<(), E> {
                    g()
                }
            )
        ));
        assert!(records(
            quote!(err),
            quote!(
                fn f() -> Outcome {
                    g()
                }
            )
        ));
        assert!(!records(
            quote!(),
            quote!(
                fn f() -> Outcome {
                    g()
                }
            )
        ));
    }

    #[test]
    fn raw_names_lose_their_mark() {
        assert_contains(
            quote!(),
            quote!(
                fn r#match() {}
            ),
            quote!("function.name", "match"),
        );
        let expanded = trace(
            quote!(fields(r#type)),
            quote!(
                fn f(r#type: u8) {}
            ),
        )
        .to_string();
        assert!(
            expanded.contains(r#"set_attribute ("type" ,"#),
            "{expanded}"
        );
    }

    #[test]
    fn a_mistake_keeps_the_function() {
        let expanded = trace(
            quote!(fields(nobody)),
            quote!(
                fn f(body: u8) -> u8 {
                    body
                }
            ),
        )
        .to_string();
        assert!(
            expanded.contains("`f` has no argument `nobody`"),
            "{expanded}"
        );
        assert!(
            expanded.ends_with(
                &quote!(
                    fn f(body: u8) -> u8 {
                        body
                    }
                )
                .to_string()
            ),
            "{expanded}"
        );
    }
}
