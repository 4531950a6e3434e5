//! What stands below `#[trace]`: a function with a body.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::visit_mut::{self, VisitMut};
use syn::{
    AttrStyle, Attribute, Block, Error, Expr, ExprAsync, ExprCall, FnArg, GenericArgument, Ident,
    PatIdent, PathArguments, Result, ReturnType, Signature, Stmt, Token, Type, TypeImplTrait,
    TypeParamBound, Visibility, braced,
};

/// A function or method. The body stays tokens: it is passed on, not looked into.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        reject_other_items(input)?;
        let signature: Signature = input.parse()?;
        if let Some(constness) = &signature.constness {
            return Err(Error::new_spanned(
                constness,
                "a `const fn` cannot be traced: starting a span reads the clock, which a constant cannot do",
            ));
        }
        if input.peek(Token![;]) {
            return Err(Error::new_spanned(
                &signature,
                "only a function with a body can be traced: put `#[trace]` on the implementation",
            ));
        }
        let content;
        braced!(content in input);
        for mut attribute in content.call(Attribute::parse_inner)? {
            attribute.style = AttrStyle::Outer;
            attributes.push(attribute);
        }
        Ok(Self {
            attributes,
            visibility,
            signature,
            body: content.parse()?,
        })
    }
}

fn reject_other_items(input: ParseStream<'_>) -> Result<()> {
    let look = input.lookahead1();
    if look.peek(Token![impl]) {
        return Err(input.error("`#[trace]` goes on a function: put it on each method of this `impl` that is to be traced"));
    }
    if look.peek(Token![struct])
        || look.peek(Token![enum])
        || look.peek(Token![trait])
        || look.peek(Token![mod])
        || look.peek(Token![type])
        || look.peek(Token![static])
        || look.peek(Token![use])
        || look.peek(Token![let])
        || look.peek(Token![|])
        || look.peek(Token![move])
    {
        return Err(input.error("`#[trace]` goes on a function or a method"));
    }
    Ok(())
}

impl Function {
    /// Whether a pattern among the arguments binds this name.
    pub(crate) fn has_argument(&self, name: &Ident) -> bool {
        struct Search<'a> {
            name: &'a Ident,
            found: bool,
        }
        impl VisitMut for Search<'_> {
            fn visit_pat_ident_mut(&mut self, pattern: &mut PatIdent) {
                self.found |= pattern.ident == *self.name;
                visit_mut::visit_pat_ident_mut(self, pattern);
            }
        }
        let mut search = Search { name, found: false };
        for argument in &self.signature.inputs {
            if let FnArg::Typed(typed) = argument {
                search.visit_pat_mut(&mut typed.pat.clone());
            }
        }
        search.found
    }

    /// The type of the returned value.
    pub(crate) fn output(&self) -> Output {
        match &self.signature.output {
            ReturnType::Default => Output { written: None },
            ReturnType::Type(_, written) => Output {
                written: Some((**written).clone()),
            },
        }
    }

    /// The parts of a body that ends in `Box::pin(async …)` and returns `Pin<Box<dyn Future<Output = …>>>`: what
    /// `async_trait` makes of an `async fn`.
    pub(crate) fn boxed_future(&self) -> Option<BoxedFuture> {
        let ReturnType::Type(_, written) = &self.signature.output else {
            return None;
        };
        let output = future_output(only_type_argument(
            only_type_argument(written, "Pin")?,
            "Box",
        )?)?;
        let body = &self.body;
        let mut block: Block = syn::parse2(quote::quote!({ #body })).ok()?;
        let Some(Stmt::Expr(Expr::Call(call), None)) = block.stmts.pop() else {
            return None;
        };
        let ExprCall { func, args, .. } = call;
        let Expr::Path(function) = &*func else {
            return None;
        };
        if function.path.segments.last()?.ident != "pin" || args.len() != 1 {
            return None;
        }
        let Some(Expr::Async(future)) = args.into_iter().next() else {
            return None;
        };
        let before = block.stmts.iter().map(ToTokens::to_token_stream).collect();
        Some(BoxedFuture {
            before,
            pin: *func,
            future,
            output: Output {
                written: Some(output),
            },
        })
    }
}

/// See [`Function::boxed_future`].
pub(crate) struct BoxedFuture {
    /// The statements before the future.
    pub(crate) before: TokenStream,
    /// `Box::pin`, as it was written.
    pub(crate) pin: Expr,
    pub(crate) future: ExprAsync,
    pub(crate) output: Output,
}

/// A return type.
pub(crate) struct Output {
    written: Option<Type>,
}

impl Output {
    /// Whether the type is called `Result`, under whatever path.
    pub(crate) fn is_result(&self) -> bool {
        let mut written = self.written.as_ref();
        while let Some(Type::Group(group)) = written {
            written = Some(&group.elem);
        }
        match written {
            Some(Type::Path(path)) => path
                .path
                .segments
                .last()
                .is_some_and(|last| last.ident == "Result"),
            _ => false,
        }
    }

    /// The type as it may stand at a closure or a `let`: `impl Trait` may not, so it is left to inference.
    pub(crate) fn annotation(&self) -> Type {
        struct Infer;
        impl VisitMut for Infer {
            fn visit_type_mut(&mut self, written: &mut Type) {
                if let Type::ImplTrait(TypeImplTrait { .. }) = written {
                    *written = Type::Infer(syn::TypeInfer {
                        underscore_token: Token![_](proc_macro2::Span::mixed_site()),
                    });
                } else {
                    visit_mut::visit_type_mut(self, written);
                }
            }
        }
        match &self.written {
            None => syn::parse_quote!(()),
            Some(written) => {
                let mut written = written.clone();
                Infer.visit_type_mut(&mut written);
                written
            }
        }
    }
}

/// `T` of `Name<T>`.
fn only_type_argument<'a>(written: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = written else {
        return None;
    };
    let last = path.path.segments.last()?;
    if last.ident != name {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// `R` of `dyn Future<Output = R> + …`.
fn future_output(written: &Type) -> Option<Type> {
    let Type::TraitObject(object) = written else {
        return None;
    };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assigned)
                if last.ident == "Future" && assigned.ident == "Output" =>
            {
                Some(assigned.ty.clone())
            }
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::{format_ident, quote};

    fn function(tokens: TokenStream) -> Function {
        syn::parse2(tokens).unwrap()
    }

    fn message(tokens: TokenStream) -> String {
        match syn::parse2::<Function>(tokens) {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn patterns_bind_arguments() {
        let function = function(quote! {
            fn f(&self, plain: u8, mut changed: u8, (left, [first, ..]): (u8, [u8; 2]), Point { x, y: up }: Point, _: u8) {}
        });
        for name in ["plain", "changed", "left", "first", "x", "up"] {
            assert!(function.has_argument(&format_ident!("{name}")), "{name}");
        }
        for name in ["y", "Point", "other"] {
            assert!(!function.has_argument(&format_ident!("{name}")), "{name}");
        }
    }

    #[test]
    fn a_result_is_known_by_its_name() {
        for (output, result) in [
            (quote!(Result<u8, E>), true),
            (quote!(io::Result<()>), true),
            (quote!(::core::result::Result<(), E>), true),
            (quote!(Option<Result<u8, E>>), false),
            (quote!(u8), false),
        ] {
            assert_eq!(
                function(quote!(fn f() -> #output {})).output().is_result(),
                result,
                "{output}"
            );
        }
        assert!(
            !function(quote!(
                fn f() {}
            ))
            .output()
            .is_result()
        );
    }

    #[test]
    fn impl_trait_is_left_to_inference() {
        let annotation = function(quote!(
            fn f() -> Result<impl Iterator<Item = u8>, &'static str> {}
        ))
        .output()
        .annotation();
        assert_eq!(
            annotation.to_token_stream().to_string(),
            quote!(Result<_, &'static str>).to_string()
        );
    }

    #[test]
    fn a_boxed_future_is_taken_apart() {
        let boxed = function(quote! {
            fn f<'a>(&'a self) -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = Result<u8, E>> + Send + 'a>> {
                let before = 1;
                Box::pin(async move { before })
            }
        })
        .boxed_future()
        .unwrap();
        assert!(boxed.output.is_result());
        assert!(boxed.future.capture.is_some());
        assert_eq!(
            boxed.before.to_string(),
            quote!(let before = 1;).to_string()
        );
    }

    #[test]
    fn other_futures_are_no_boxed_future() {
        for tokens in [
            quote!(
                fn f() -> impl Future<Output = u8> {
                    async move { 1 }
                }
            ),
            quote!(
                fn f() -> Pin<Box<dyn Future<Output = u8>>> {
                    other()
                }
            ),
            quote!(
                fn f() -> Pin<Box<dyn Future<Output = u8>>> {
                    Box::pin(other())
                }
            ),
            quote!(
                fn f() -> Pin<Box<u8>> {
                    Box::pin(async move { 1 })
                }
            ),
            quote!(
                fn f() {
                    Box::pin(async move { 1 })
                }
            ),
        ] {
            assert!(
                function(tokens.clone()).boxed_future().is_none(),
                "{tokens}"
            );
        }
    }

    #[test]
    fn inner_attributes_move_out() {
        let function = function(quote!(
            fn f() {
                #![allow(dead_code)]
                let x = 1;
            }
        ));
        let attribute = &function.attributes[0];
        assert_eq!(
            quote!(#attribute).to_string(),
            quote!(#[allow(dead_code)]).to_string()
        );
        assert_eq!(function.body.to_string(), quote!(let x = 1;).to_string());
    }

    #[test]
    fn what_cannot_be_traced_says_why() {
        assert!(
            message(quote!(
                const fn f() {}
            ))
            .contains("reads the clock")
        );
        assert!(
            message(quote!(
                fn f(&self);
            ))
            .contains("with a body")
        );
        assert!(
            message(quote!(
                struct S;
            ))
            .contains("goes on a function")
        );
        assert!(message(quote!(impl S {})).contains("each method"));
    }
}
