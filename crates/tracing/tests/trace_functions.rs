//! `#[trace]` on functions that are not async.

#![deny(warnings)]

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::path::{Path, PathBuf};

use codomyrmex_tracing::{
    FinishedSpan, InMemoryExporter, SpanKind, SpanStatus, Tracer, Value, get_current_span, trace,
};

/// A tracer and what it recorded.
struct Recorded {
    tracer: Tracer,
    spans: InMemoryExporter,
}

impl Recorded {
    fn new() -> Self {
        let spans = InMemoryExporter::new();
        Self {
            tracer: Tracer::builder("test").exporter(spans.clone()).build(),
            spans,
        }
    }

    fn all(&self) -> Vec<FinishedSpan> {
        self.tracer.flush();
        self.spans.spans()
    }

    fn last(&self) -> FinishedSpan {
        self.all().pop().expect("a span was recorded")
    }

    fn last_attributes(&self) -> BTreeMap<String, Value> {
        self.last().attributes.into_iter().collect()
    }
}

fn text(value: &str) -> Value {
    Value::Str(value.to_owned())
}

#[trace(tracer = tracer)]
fn plain(tracer: &Tracer, a: u32) -> u32 {
    a + u32::from(get_current_span().is_some())
}

#[test]
fn a_call_is_a_span_that_is_current() {
    let recorded = Recorded::new();
    assert_eq!(plain(&recorded.tracer, 1), 2);
    assert!(get_current_span().is_none());
    let span = recorded.last();
    assert_eq!(
        (span.name.as_str(), span.kind, span.status),
        ("plain", SpanKind::Internal, SpanStatus::Unset)
    );
    assert_eq!(
        span.attributes,
        [("function.name".to_owned(), text("plain"))]
    );
}

const NAME: &str = "by constant";

#[trace("by text", kind = server, tracer = tracer)]
fn named_by_text(tracer: &Tracer) {}

#[trace(name = NAME, kind = SpanKind::Client, tracer = tracer)]
fn named_by_constant(tracer: &Tracer) {}

#[test]
fn name_and_kind_are_as_given() {
    let recorded = Recorded::new();
    named_by_text(&recorded.tracer);
    assert_eq!(
        (recorded.last().name.as_str(), recorded.last().kind),
        ("by text", SpanKind::Server)
    );
    named_by_constant(&recorded.tracer);
    assert_eq!(
        (recorded.last().name.as_str(), recorded.last().kind),
        ("by constant", SpanKind::Client)
    );
    assert_eq!(
        recorded.last_attributes()["function.name"],
        text("named_by_constant")
    );
}

#[trace(tracer = tracer)]
fn outer(tracer: &Tracer) {
    inner(tracer);
}

#[trace(tracer = tracer)]
fn inner(tracer: &Tracer) {}

#[test]
fn calls_nest() {
    let recorded = Recorded::new();
    outer(&recorded.tracer);
    recorded.tracer.flush();
    assert_eq!(recorded.spans.tree(), "outer\n╰─ inner\n");
}

struct OnlyDebug;

impl Debug for OnlyDebug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seen")
    }
}

#[allow(clippy::too_many_arguments)]
#[trace(tracer = tracer, attributes(
    number, text, owned, float, truth, letter, referred, some, none, some_text, path, path_buf, debug, list, generic,
))]
#[allow(unused_variables)]
fn values(
    tracer: &Tracer,
    number: u32,
    text: &str,
    owned: String,
    float: f32,
    truth: bool,
    letter: char,
    referred: &u64,
    some: Option<u8>,
    none: Option<u8>,
    some_text: Option<String>,
    path: &Path,
    path_buf: PathBuf,
    debug: OnlyDebug,
    list: &[i64],
    generic: impl Display,
    unlisted: &str,
) {
}

#[test]
fn listed_arguments_are_values_of_their_kind() {
    let recorded = Recorded::new();
    values(
        &recorded.tracer,
        3,
        "text",
        "owned".to_owned(),
        0.5,
        true,
        'x',
        &7,
        Some(1),
        None,
        Some("some".to_owned()),
        Path::new("/a/b"),
        PathBuf::from("/c"),
        OnlyDebug,
        &[1, 2],
        format_args!("{}", 5),
        "unlisted",
    );
    let mut attributes = recorded.last_attributes();
    attributes.remove("function.name");
    let expected = [
        ("number", Value::Int(3)),
        ("text", text("text")),
        ("owned", text("owned")),
        ("float", Value::Double(0.5)),
        ("truth", Value::Bool(true)),
        ("letter", text("x")),
        ("referred", Value::Int(7)),
        ("some", Value::Int(1)),
        ("some_text", text("some")),
        ("path", text("/a/b")),
        ("path_buf", text("/c")),
        ("debug", text("seen")),
        ("list", Value::Array(vec![Value::Int(1), Value::Int(2)])),
        ("generic", text("5")),
    ];
    assert_eq!(
        attributes,
        expected
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect()
    );
}

#[trace(tracer = tracer, fields(user.id = id + 1, "url.path" = format!("/{id}"), r#type))]
fn expressions(tracer: &Tracer, id: u32, r#type: &str) -> usize {
    r#type.len()
}

#[test]
fn keys_can_have_expressions() {
    let recorded = Recorded::new();
    expressions(&recorded.tracer, 3, "t");
    let attributes = recorded.last_attributes();
    assert_eq!(attributes["user.id"], Value::Int(4));
    assert_eq!(attributes["url.path"], text("/3"));
    assert_eq!(attributes["type"], text("t"));
}

#[trace(tracer = tracer, attributes(cost = expensive()))]
fn with_cost(tracer: &Tracer, expensive: impl Fn() -> u32) {
    let _ = expensive;
}

#[test]
fn expressions_are_not_evaluated_for_a_span_that_is_not_recorded() {
    let unsampled = Tracer::builder("test")
        .sampler(codomyrmex_tracing::Sampler::always_off())
        .build();
    with_cost(&unsampled, || panic!("evaluated"));
    assert_eq!(unsampled.stats().unsampled, 1);
    let recorded = Recorded::new();
    with_cost(&recorded.tracer, || 9);
    assert_eq!(recorded.last_attributes()["cost"], Value::Int(9));
}

#[derive(Debug)]
struct Broken(std::num::ParseIntError);

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[trace(tracer = tracer)]
fn number(tracer: &Tracer, text: &str) -> Result<u8, Broken> {
    let number = text.parse().map_err(Broken)?;
    if number == 0 {
        return Ok(1);
    }
    Ok(number)
}

#[test]
fn an_error_is_recorded_and_returned() {
    let recorded = Recorded::new();
    assert_eq!(number(&recorded.tracer, "3").unwrap(), 3);
    assert_eq!(recorded.last().status, SpanStatus::Unset);
    assert_eq!(number(&recorded.tracer, "0").unwrap(), 1);
    assert_eq!(
        number(&recorded.tracer, "x").unwrap_err().to_string(),
        "broken"
    );
    let span = recorded.last();
    assert_eq!(
        (span.status, span.status_message.as_str()),
        (SpanStatus::Error, "broken")
    );
    let event = &span.events[0];
    assert_eq!(event.name, "exception");
    let of = |key: &str| {
        event
            .attributes
            .iter()
            .find(|(k, _)| k == key)
            .and_then(|(_, value)| value.as_str())
    };
    assert!(of("exception.type").unwrap().ends_with("Broken"));
    assert_eq!(of("exception.message"), Some("broken"));
    assert!(
        of("exception.stacktrace")
            .unwrap()
            .contains("invalid digit"),
        "{event:?}"
    );
}

struct Nothing;

#[trace(tracer = tracer)]
fn fails<E>(tracer: &Tracer, error: E) -> Result<(), E> {
    Err(error)
}

#[trace(tracer = tracer)]
fn fails_shown<E: Display>(tracer: &Tracer, error: E) -> Result<(), E> {
    Err(error)
}

#[trace(tracer = tracer)]
fn fails_described<E: Debug>(tracer: &Tracer, error: E) -> Result<(), E> {
    Err(error)
}

#[trace(tracer = tracer)]
fn fails_boxed(tracer: &Tracer) -> Result<(), Box<dyn std::error::Error>> {
    Err("boxed".into())
}

#[trace(tracer = tracer)]
fn fails_boxed_send(tracer: &Tracer) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err("boxed and sent".into())
}

#[test]
fn errors_need_be_no_errors() {
    let recorded = Recorded::new();
    let failed = |message: &str| {
        let span = recorded.last();
        assert_eq!(
            (span.status, span.status_message.as_str()),
            (SpanStatus::Error, message)
        );
    };
    let _ = fails_shown(&recorded.tracer, "shown");
    failed("shown");
    let _ = fails_described(&recorded.tracer, ());
    failed("()");
    let _ = fails_boxed(&recorded.tracer);
    failed("boxed");
    let _ = fails_boxed_send(&recorded.tracer);
    failed("boxed and sent");
    let _ = fails(&recorded.tracer, Nothing);
    failed("");
    let kind = &recorded.last().events[0].attributes[0];
    assert!(kind.1.as_str().unwrap().ends_with("Nothing"), "{kind:?}");
}

struct Unspeakable;

impl Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
fn an_error_that_cannot_be_shown_is_returned_as_any_other() {
    let recorded = Recorded::new();
    assert!(fails_shown(&recorded.tracer, Unspeakable).is_err());
    let span = recorded.last();
    assert_eq!(
        (span.status, span.status_message.as_str()),
        (SpanStatus::Error, "[unprintable]")
    );
}

type Outcome = Result<(), &'static str>;

#[trace(tracer = tracer, err)]
fn renamed(tracer: &Tracer) -> Outcome {
    Err("renamed")
}

#[trace(tracer = tracer)]
fn renamed_unseen(tracer: &Tracer) -> Outcome {
    Err("renamed")
}

#[trace(tracer = tracer, err = false)]
fn kept_quiet(tracer: &Tracer) -> Result<(), &'static str> {
    Err("quiet")
}

#[test]
fn err_decides() {
    let recorded = Recorded::new();
    let _ = renamed(&recorded.tracer);
    assert_eq!(recorded.last().status, SpanStatus::Error);
    let _ = renamed_unseen(&recorded.tracer);
    assert_eq!(recorded.last().status, SpanStatus::Unset);
    let _ = kept_quiet(&recorded.tracer);
    assert_eq!(recorded.last().status, SpanStatus::Unset);
}

struct Shelf {
    items: Vec<String>,
    tracer: Tracer,
}

impl Shelf {
    #[trace(tracer = self.tracer, attributes(place))]
    fn item(&mut self, place: usize) -> Result<&mut String, &'static str> {
        let item = self.items.get_mut(place).ok_or("no such item")?;
        item.push('!');
        Ok(item)
    }

    #[trace(tracer = self.tracer)]
    fn first<'a>(&'a self) -> Option<&'a str> {
        self.items.first().map(String::as_str)
    }

    #[trace(tracer = &self.tracer.clone())]
    fn empty(self) -> Result<Vec<String>, Self> {
        if self.items.is_empty() {
            Err(self)
        } else {
            Ok(self.items)
        }
    }
}

#[test]
fn methods_borrow_and_consume_as_they_did() {
    let recorded = Recorded::new();
    let mut shelf = Shelf {
        items: vec!["a".to_owned()],
        tracer: recorded.tracer.clone(),
    };
    shelf.item(0).unwrap().push('?');
    assert_eq!(shelf.first(), Some("a!?"));
    assert!(shelf.item(1).is_err());
    assert_eq!(recorded.last().status_message, "no such item");
    assert!(shelf.empty().is_ok_and(|items| items.len() == 1));
    assert_eq!(recorded.all().len(), 4);
}

#[trace(tracer = tracer)]
unsafe fn dangerous(tracer: &Tracer, at: *const u8) -> Result<u8, &'static str> {
    // SAFETY: the caller says so.
    Ok(unsafe { *at })
}

#[trace(tracer = tracer)]
extern "C" fn foreign(tracer: &Tracer, a: i32) -> i32 {
    a
}

#[trace(tracer = tracer)]
fn hidden(tracer: &Tracer, bytes: &[u8]) -> Result<impl Iterator<Item = u8> + use<>, &'static str> {
    let first = *bytes.first().ok_or("empty")?;
    Ok(std::iter::once(first))
}

#[trace(tracer = tracer)]
fn patterns(tracer: &Tracer, (a, [b, ..]): (u8, [u8; 2]), mut c: u8, _: u8) -> u8 {
    c += a;
    c + b
}

#[trace(tracer = tracer)]
fn never(tracer: &Tracer) -> ! {
    panic!("never returns")
}

#[trace(tracer = tracer)]
fn constant<const N: usize, T>(tracer: &Tracer, values: [T; N]) -> usize
where
    T: Copy,
{
    #![allow(clippy::needless_return)]
    return values.len();
}

#[test]
fn functions_of_every_kind_are_traced() {
    let recorded = Recorded::new();
    let tracer = &recorded.tracer;
    let byte = 7;
    // SAFETY: the pointer is to a live byte.
    assert_eq!(unsafe { dangerous(tracer, &raw const byte) }, Ok(7));
    assert_eq!(foreign(tracer, 3), 3);
    assert_eq!(hidden(tracer, &[5]).unwrap().collect::<Vec<_>>(), [5]);
    assert_eq!(patterns(tracer, (1, [2, 3]), 4, 5), 7);
    assert_eq!(constant(tracer, [1; 3]), 3);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| never(tracer)));
    assert!(unwound.is_err());
    assert!(get_current_span().is_none());
    let names: Vec<String> = recorded.all().into_iter().map(|span| span.name).collect();
    assert_eq!(
        names,
        [
            "dangerous",
            "foreign",
            "hidden",
            "patterns",
            "constant",
            "never"
        ]
    );
}
