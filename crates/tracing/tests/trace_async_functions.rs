//! `#[trace]` on async functions.

#![deny(warnings)]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use codomyrmex_tracing::{InMemoryExporter, SpanStatus, Tracer, Value, get_current_span, trace};
use tokio::task::yield_now;

fn recorded() -> (Tracer, InMemoryExporter) {
    let spans = InMemoryExporter::new();
    (
        Tracer::builder("test").exporter(spans.clone()).build(),
        spans,
    )
}

fn sent<F: Future + Send>(future: F) -> F {
    future
}

#[trace(tracer = tracer, attributes(left))]
async fn down(tracer: &Tracer, left: u32) -> u32 {
    yield_now().await;
    assert!(get_current_span().is_some());
    if left > 0 {
        // A recursive future has to be boxed.
        return Box::pin(down(tracer, left - 1)).await + 1;
    }
    0
}

#[tokio::test]
async fn the_span_covers_the_body_across_awaits() {
    let (tracer, spans) = recorded();
    assert_eq!(sent(down(&tracer, 2)).await, 2);
    assert!(get_current_span().is_none());
    tracer.flush();
    assert_eq!(
        spans.tree_with(&["left"]),
        "down left=2\n╰─ down left=1\n   ╰─ down left=0\n"
    );
}

#[tokio::test]
async fn futures_that_interleave_keep_their_own_spans() {
    let (tracer, spans) = recorded();
    let (one, two) = tokio::join!(down(&tracer, 1), down(&tracer, 1));
    assert_eq!((one, two), (1, 1));
    tracer.flush();
    assert_eq!(
        spans.tree_with(&["left"]),
        "down left=1\n╰─ down left=0\ndown left=1\n╰─ down left=0\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_change_threads() {
    let (tracer, spans) = recorded();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let tracer = tracer.clone();
            tokio::spawn(async move { down(&tracer, 3).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 3);
    }
    tracer.flush();
    let spans = spans.spans();
    assert_eq!(spans.len(), 8 * 4);
    assert_eq!(
        spans
            .iter()
            .filter(|span| span.context.parent_span_id.is_none())
            .count(),
        8
    );
    assert!(tracer.stats().balanced());
}

#[trace(tracer = tracer)]
async fn parsed(tracer: &Tracer, text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let number: u32 = text.parse()?;
    yield_now().await;
    if number == 0 {
        return Err("zero".into());
    }
    Ok(number)
}

#[tokio::test]
async fn an_error_is_recorded_and_returned() {
    let (tracer, spans) = recorded();
    assert_eq!(parsed(&tracer, "3").await.unwrap(), 3);
    assert_eq!(parsed(&tracer, "0").await.unwrap_err().to_string(), "zero");
    assert!(parsed(&tracer, "x").await.is_err());
    tracer.flush();
    let ends: Vec<_> = spans
        .spans()
        .into_iter()
        .map(|span| (span.status, span.status_message))
        .collect();
    assert_eq!(
        ends,
        [
            (SpanStatus::Unset, String::new()),
            (SpanStatus::Error, "zero".to_owned()),
            (
                SpanStatus::Error,
                "invalid digit found in string".to_owned()
            ),
        ]
    );
}

/// Finishes a span of its own when it is dropped.
struct Farewell(Tracer);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.span("farewell").finish();
    }
}

#[trace(tracer = tracer)]
async fn endless(tracer: &Tracer) -> Result<(), ()> {
    let _farewell = Farewell(tracer.clone());
    std::future::pending::<()>().await;
    Ok(())
}

#[tokio::test]
async fn a_dropped_future_finishes_its_span_after_what_it_held() {
    let (tracer, spans) = recorded();
    drop(endless(&tracer));
    tracer.flush();
    assert!(
        spans.spans().is_empty(),
        "a future that was never polled leaves no span"
    );

    let mut future = Box::pin(endless(&tracer));
    tokio::select! {
        biased;
        _ = &mut future => unreachable!("it never ends"),
        () = yield_now() => {}
    }
    drop(future);
    tracer.flush();
    let names: Vec<_> = spans.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["farewell", "endless"]);
}

struct Shelf {
    items: Vec<String>,
    tracer: Tracer,
}

impl Shelf {
    #[trace(tracer = self.tracer, fields(place, full = !self.items.is_empty()))]
    async fn item(&mut self, place: usize) -> Result<&mut String, &'static str> {
        yield_now().await;
        self.items.get_mut(place).ok_or("no such item")
    }
}

#[trace(tracer = tracer)]
async fn owned(tracer: &Tracer, cell: Cell<u32>) -> u32 {
    cell.set(cell.get() + 1);
    yield_now().await;
    cell.get()
}

#[trace(tracer = tracer)]
async fn never(tracer: &Tracer) -> ! {
    loop {
        yield_now().await;
    }
}

#[trace(tracer = tracer)]
async fn generic<T: ToString + Send>(tracer: &Tracer, value: T) -> impl ToString + use<T> {
    value.to_string()
}

#[trace(tracer = tracer)]
fn boxed<'a>(
    tracer: &'a Tracer,
    name: &'a str,
) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>> {
    Box::pin(async move {
        yield_now().await;
        if name.is_empty() {
            Err("no name".to_owned())
        } else {
            Ok(name.len())
        }
    })
}

#[tokio::test]
async fn functions_of_every_kind_are_traced() {
    let (tracer, spans) = recorded();
    let mut shelf = Shelf {
        items: vec!["a".to_owned()],
        tracer: tracer.clone(),
    };
    sent(shelf.item(0)).await.unwrap().push('!');
    assert!(shelf.item(1).await.is_err());
    assert_eq!(sent(owned(&tracer, Cell::new(1))).await, 2);
    drop(never(&tracer));
    assert_eq!(generic(&tracer, 3).await.to_string(), "3");
    assert!(sent(boxed(&tracer, "")).await.is_err());
    tracer.flush();
    let ends: Vec<_> = spans
        .spans()
        .into_iter()
        .map(|span| (span.name, span.status_message))
        .collect();
    let expected = [
        ("item", ""),
        ("item", "no such item"),
        ("owned", ""),
        ("generic", ""),
        ("boxed", "no name"),
    ];
    assert_eq!(
        ends,
        expected.map(|(name, message)| (name.to_owned(), message.to_owned()))
    );
}

#[async_trait::async_trait]
trait Store {
    async fn get(&self, key: u32) -> Result<String, String>;
    async fn len(&self, name: &str) -> usize {
        name.len()
    }
}

#[async_trait::async_trait]
impl Store for Shelf {
    #[trace("get", tracer = self.tracer, attributes(key, items = self.items.len()))]
    async fn get(&self, key: u32) -> Result<String, String> {
        yield_now().await;
        assert!(get_current_span().is_some());
        self.items
            .get(key as usize)
            .cloned()
            .ok_or_else(|| format!("no item {key}"))
    }

    #[trace(tracer = self.tracer, attributes(name))]
    async fn len(&self, name: &str) -> usize {
        yield_now().await;
        self.items.len() + name.len()
    }
}

#[tokio::test]
async fn methods_under_async_trait_are_traced_to_their_end() {
    let (tracer, spans) = recorded();
    let shelf: Box<dyn Store + Send + Sync> = Box::new(Shelf {
        items: vec!["a".to_owned()],
        tracer: tracer.clone(),
    });
    assert_eq!(sent(shelf.get(0)).await.unwrap(), "a");
    assert!(shelf.get(5).await.is_err());
    assert_eq!(shelf.len("ab").await, 3);
    tracer.flush();
    let spans = spans.spans();
    assert_eq!(spans[1].status_message, "no item 5");
    let attributes: Vec<_> = spans[1]
        .attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value.clone()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("function.name", Value::Str("get".to_owned())),
            ("key", Value::Int(5)),
            ("items", Value::Int(1))
        ]
    );
    assert_eq!(spans[2].name, "len");
}
