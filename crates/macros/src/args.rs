//! What stands in the brackets of `#[trace(…)]`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprPath, Ident, LitBool, LitStr, Path, Result, Token, parenthesized};

const KNOWN: &str = "`name`, `kind`, `tracer`, `attributes` (or `fields`) and `err`";

/// The arguments, each at most once; `None` where it was not given.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<Name>,
    pub(crate) kind: Option<Kind>,
    pub(crate) tracer: Option<TracerArg>,
    pub(crate) attributes: Option<Vec<AttributeArg>>,
    pub(crate) err: Option<LitBool>,
}

/// The span's name: text, or a constant of the caller's.
pub(crate) enum Name {
    Text(LitStr),
    Constant(ExprPath),
}

/// A kind, at the place where it was written.
pub(crate) struct Kind {
    /// The variant of `SpanKind`.
    pub(crate) variant: &'static str,
    pub(crate) span: Span,
}

/// Which tracer records the span.
pub(crate) enum TracerArg {
    /// `tracer = "name"`: the registry's tracer of this name.
    Registry(LitStr),
    /// Anything else: an expression that is a tracer, evaluated at each call.
    Value(Box<Expr>),
}

/// One entry of `attributes(…)`.
pub(crate) enum AttributeArg {
    /// `user`: the argument of this name, under its own name.
    Argument(Ident),
    /// `user.id = user.id()` or `"user.id" = user.id()`.
    Value { key: LitStr, value: Box<Expr> },
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        if input.peek(LitStr) {
            args.name = Some(Name::Text(name_text(input.parse()?)?));
            comma(input)?;
        }
        while !input.is_empty() {
            args.parse_one(input)?;
            comma(input)?;
        }
        Ok(args)
    }
}

impl Args {
    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(LitStr) {
            return Err(
                input.error("the name of the span stands first, or is given as `name = \"…\"`")
            );
        }
        let word: Ident = input
            .call(Ident::parse_any)
            .map_err(|error| Error::new(error.span(), format!("expected one of {KNOWN}")))?;
        match word.to_string().as_str() {
            "name" => {
                assign(input, &word)?;
                once(&self.name, &word)?;
                self.name = Some(parse_name(input)?);
            }
            "kind" => {
                assign(input, &word)?;
                once(&self.kind, &word)?;
                self.kind = Some(parse_kind(input)?);
            }
            "tracer" => {
                assign(input, &word)?;
                once(&self.tracer, &word)?;
                self.tracer = Some(parse_tracer(input)?);
            }
            "attributes" | "fields" => {
                once(&self.attributes, &word)?;
                self.attributes = Some(parse_attributes(input, &word)?);
            }
            "err" => {
                once(&self.err, &word)?;
                self.err = Some(parse_err(input, &word)?);
            }
            "tracer_name" => {
                return Err(Error::new(
                    word.span(),
                    "unknown argument `tracer_name`: the tracer is named by `tracer = \"…\"`",
                ));
            }
            "skip" | "skip_all" => {
                return Err(Error::new(
                    word.span(),
                    format!(
                        "unknown argument `{word}`: nothing needs to be skipped, only arguments listed in `attributes(…)` become attributes"
                    ),
                ));
            }
            _ => {
                return Err(Error::new(
                    word.span(),
                    format!("unknown argument `{word}`: `trace` takes {KNOWN}"),
                ));
            }
        }
        Ok(())
    }
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    input.parse::<Token![,]>().map(drop).map_err(|error| {
        Error::new(
            error.span(),
            "expected `,` between the arguments of `trace`",
        )
    })
}

fn assign(input: ParseStream<'_>, word: &Ident) -> Result<()> {
    if input.peek(Token![=]) {
        return input.parse::<Token![=]>().map(drop);
    }
    Err(Error::new(
        word.span(),
        format!("`{word}` takes a value: `{word} = …`"),
    ))
}

fn once<T>(slot: &Option<T>, word: &Ident) -> Result<()> {
    match slot {
        None => Ok(()),
        Some(_) => Err(Error::new(word.span(), format!("`{word}` is given twice"))),
    }
}

fn name_text(text: LitStr) -> Result<LitStr> {
    if text.value().is_empty() {
        return Err(Error::new(text.span(), "the name of a span is not empty"));
    }
    Ok(text)
}

fn parse_name(input: ParseStream<'_>) -> Result<Name> {
    if input.peek(LitStr) {
        return Ok(Name::Text(name_text(input.parse()?)?));
    }
    let value: Expr = input.parse()?;
    match value {
        Expr::Path(path) => Ok(Name::Constant(path)),
        other => Err(Error::new(
            other.span(),
            "the name of a span is a string literal or a constant; what differs from call to call belongs in `attributes(…)`",
        )),
    }
}

fn parse_kind(input: ParseStream<'_>) -> Result<Kind> {
    let (text, span) = if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        (text.value(), text.span())
    } else {
        let path = input.call(Path::parse_mod_style).map_err(|error| {
            Error::new(
                error.span(),
                "a kind is one of internal, server, client, producer and consumer",
            )
        })?;
        let last = path.segments.last().expect("a parsed path has a segment");
        (last.ident.to_string(), path.span())
    };
    let variant = match text.to_ascii_lowercase().as_str() {
        "internal" => "Internal",
        "server" => "Server",
        "client" => "Client",
        "producer" => "Producer",
        "consumer" => "Consumer",
        _ => {
            return Err(Error::new(
                span,
                format!(
                    "unknown kind `{text}`: it is one of internal, server, client, producer and consumer"
                ),
            ));
        }
    };
    Ok(Kind { variant, span })
}

fn parse_tracer(input: ParseStream<'_>) -> Result<TracerArg> {
    let value: Expr = input.parse()?;
    if let Expr::Lit(literal) = &value
        && let syn::Lit::Str(text) = &literal.lit
    {
        return Ok(TracerArg::Registry(text.clone()));
    }
    Ok(TracerArg::Value(Box::new(value)))
}

fn parse_err(input: ParseStream<'_>, word: &Ident) -> Result<LitBool> {
    if !input.peek(Token![=]) {
        return Ok(LitBool::new(true, word.span()));
    }
    input.parse::<Token![=]>()?;
    input
        .parse()
        .map_err(|error| Error::new(error.span(), "`err` is true or false"))
}

fn parse_attributes(input: ParseStream<'_>, word: &Ident) -> Result<Vec<AttributeArg>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(
            word.span(),
            format!("`{word}` takes a list: `{word}(argument, key = expression)`"),
        ));
    }
    let content;
    parenthesized!(content in input);
    let list = Punctuated::<AttributeArg, Token![,]>::parse_terminated(&content)?;
    let mut keys: Vec<String> = Vec::new();
    for attribute in &list {
        let (key, span) = match attribute {
            AttributeArg::Argument(name) => (name.unraw().to_string(), name.span()),
            AttributeArg::Value { key, .. } => (key.value(), key.span()),
        };
        if keys.contains(&key) {
            return Err(Error::new(
                span,
                format!("the attribute `{key}` is given twice"),
            ));
        }
        keys.push(key);
    }
    Ok(list.into_iter().collect())
}

impl Parse for AttributeArg {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            let key: LitStr = input.parse()?;
            if key.value().is_empty() {
                return Err(Error::new(
                    key.span(),
                    "the key of an attribute is not empty",
                ));
            }
            if !input.peek(Token![=]) {
                return Err(Error::new(
                    key.span(),
                    "this key needs a value: `\"key\" = expression`",
                ));
            }
            input.parse::<Token![=]>()?;
            let value = Box::new(input.parse()?);
            return Ok(Self::Value { key, value });
        }
        let first: Ident = input.call(Ident::parse_any).map_err(|error| {
            Error::new(
                error.span(),
                "expected the name of an argument, or `key = expression`",
            )
        })?;
        let mut key = first.unraw().to_string();
        let mut dotted = false;
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            let part: Ident = input.call(Ident::parse_any)?;
            key.push('.');
            key.push_str(&part.unraw().to_string());
            dotted = true;
        }
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let key = LitStr::new(&key, first.span());
            let value = Box::new(input.parse()?);
            return Ok(Self::Value { key, value });
        }
        if dotted {
            return Err(Error::new(
                first.span(),
                format!("this key needs a value: `{key} = expression`"),
            ));
        }
        if first == "self" {
            return Err(Error::new(
                first.span(),
                "`self` needs a key: `key = self.part`",
            ));
        }
        Ok(Self::Argument(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Args> {
        syn::parse_str(text)
    }

    fn message(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("{text} was accepted"),
            Err(error) => error.to_string(),
        }
    }

    fn name(args: &Args) -> String {
        match &args.name {
            Some(Name::Text(text)) => text.value(),
            Some(Name::Constant(path)) => {
                format!("constant {}", path.path.segments.last().unwrap().ident)
            }
            None => "none".to_owned(),
        }
    }

    #[test]
    fn nothing_is_a_complete_list() {
        let args = parse("").unwrap();
        assert_eq!(name(&args), "none");
        assert!(
            args.kind.is_none()
                && args.tracer.is_none()
                && args.attributes.is_none()
                && args.err.is_none()
        );
    }

    #[test]
    fn a_name_stands_first_or_has_its_word() {
        assert_eq!(name(&parse(r#""load""#).unwrap()), "load");
        assert_eq!(name(&parse(r#""load", kind = client"#).unwrap()), "load");
        assert_eq!(name(&parse(r#"name = "load""#).unwrap()), "load");
        assert_eq!(name(&parse("name = names::LOAD").unwrap()), "constant LOAD");
    }

    #[test]
    fn a_kind_is_a_word_a_text_or_a_path_in_any_case() {
        for text in [
            "kind = server",
            "kind = \"SERVER\"",
            "kind = SpanKind::Server",
            "kind = Server",
        ] {
            assert_eq!(
                parse(text).unwrap().kind.unwrap().variant,
                "Server",
                "{text}"
            );
        }
        for (word, variant) in [
            ("internal", "Internal"),
            ("client", "Client"),
            ("producer", "Producer"),
            ("consumer", "Consumer"),
        ] {
            assert_eq!(
                parse(&format!("kind = {word}"))
                    .unwrap()
                    .kind
                    .unwrap()
                    .variant,
                variant
            );
        }
    }

    #[test]
    fn a_tracer_is_a_name_in_the_registry_or_an_expression() {
        assert!(
            matches!(parse("tracer = \"shop\"").unwrap().tracer, Some(TracerArg::Registry(name)) if name.value() == "shop")
        );
        assert!(matches!(
            parse("tracer = self.tracer").unwrap().tracer,
            Some(TracerArg::Value(_))
        ));
        assert!(matches!(
            parse("tracer = tracer(), err").unwrap().tracer,
            Some(TracerArg::Value(_))
        ));
    }

    #[test]
    fn attributes_are_arguments_or_keys_with_values() {
        let list = parse("attributes(user, r#type, user.id = user.id(), \"url.path\" = path,)")
            .unwrap()
            .attributes
            .unwrap();
        let shown: Vec<String> = list
            .iter()
            .map(|attribute| match attribute {
                AttributeArg::Argument(name) => name.to_string(),
                AttributeArg::Value { key, .. } => format!("{} =", key.value()),
            })
            .collect();
        assert_eq!(shown, ["user", "r#type", "user.id =", "url.path ="]);
        assert!(parse("fields(a)").unwrap().attributes.is_some());
        assert!(parse("fields()").unwrap().attributes.unwrap().is_empty());
    }

    #[test]
    fn err_alone_means_true() {
        assert!(parse("err").unwrap().err.unwrap().value);
        assert!(parse("err = true").unwrap().err.unwrap().value);
        assert!(
            !parse("err = false, kind = client")
                .unwrap()
                .err
                .unwrap()
                .value
        );
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        for (text, part) in [
            ("nmae = \"x\"", "unknown argument `nmae`"),
            ("tracer_name = \"x\"", "`tracer = \"…\"`"),
            ("skip(a)", "nothing needs to be skipped"),
            ("kind = sever", "unknown kind `sever`"),
            ("kind = 3", "a kind is one of"),
            ("kind", "`kind = …`"),
            ("name = \"\"", "not empty"),
            ("name = format!(\"x\")", "string literal or a constant"),
            ("name = \"a\", name = \"b\"", "`name` is given twice"),
            ("\"a\", name = \"b\"", "`name` is given twice"),
            ("kind = server, \"a\"", "stands first"),
            ("kind = server err", "expected `,`"),
            ("attributes", "takes a list"),
            ("attributes(self)", "`self` needs a key"),
            ("attributes(user.id)", "`user.id = expression`"),
            ("attributes(\"user\")", "needs a value"),
            ("attributes(\"\" = 3)", "not empty"),
            ("attributes(a, a = 3)", "`a` is given twice"),
            ("attributes(3)", "expected the name of an argument"),
            ("err = 3", "true or false"),
            ("3", "expected one of"),
        ] {
            assert!(message(text).contains(part), "{text}: {}", message(text));
        }
    }
}
