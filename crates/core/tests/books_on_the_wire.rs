//! What an exporter of bytes tells the receiver of the tracer's books.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use codomyrmex_core::{Batch, Delivery, ExportError, SpanExporter, Tracer, Value};
use codomyrmex_wire::{TracesView, books};

/// A request as it came: the scope's attributes, and the trace ids of its spans.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    attributes: BTreeMap<String, Value>,
    traces: Vec<String>,
}

impl Request {
    fn count(&self, name: &str) -> i64 {
        match self.attributes.get(name) {
            None => 0,
            Some(Value::Int(count)) => *count,
            Some(other) => panic!("{name} is {other:?}"),
        }
    }

    fn lost(&self, name: &str) -> Vec<String> {
        match self.attributes.get(name) {
            None => Vec::new(),
            Some(Value::Array(ids)) => ids
                .iter()
                .map(|id| id.as_str().unwrap().to_owned())
                .collect(),
            Some(other) => panic!("{name} is {other:?}"),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.attributes[name].as_str().unwrap()
    }
}

type Answer = Box<dyn Fn(usize) -> Result<(), ExportError> + Send + Sync>;

/// Sends requests to a list, and answers as the test says.
struct Sender {
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Answer,
}

impl Sender {
    fn new(
        answer: impl Fn(usize) -> Result<(), ExportError> + Send + Sync + 'static,
    ) -> (Self, Arc<Mutex<Vec<Request>>>) {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let sender = Self {
            requests: requests.clone(),
            answer: Box::new(answer),
        };
        (sender, requests)
    }
}

impl SpanExporter for Sender {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let mut bytes = batch.request_prefix();
        bytes.extend_from_slice(batch.bytes());
        let view = TracesView::parse(&bytes).unwrap();
        let scope = view
            .resource_spans()
            .next()
            .unwrap()
            .scope_spans()
            .next()
            .unwrap();
        let request = Request {
            attributes: scope
                .attributes()
                .map(|(key, value)| (key.into_owned(), value.to_value()))
                .collect(),
            traces: view
                .spans()
                .map(|span| span.trace_id().iter().map(|b| format!("{b:02x}")).collect())
                .collect(),
        };
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        (self.answer)(number)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "sender"
    }
}

#[test]
fn counters_and_the_instance_go_along() {
    let (sender, requests) = Sender::new(|_| Ok(()));
    let (other, others) = Sender::new(|_| Ok(()));
    let tracer = Tracer::builder("shop")
        .exporter(sender)
        .exporter(other)
        .build();
    let _open = tracer.span("open");
    tracer.span("a").finish();
    tracer.flush();
    tracer.span("b").finish();
    tracer.span("c").finish();
    tracer.flush();
    let requests = requests.lock().unwrap();
    let counts: Vec<_> = requests
        .iter()
        .map(|r| {
            (
                r.count(books::STARTED),
                r.count(books::RECORDED),
                r.count(books::EXPORTED),
            )
        })
        .collect();
    assert_eq!(counts, [(2, 1, 0), (4, 3, 1)]);
    let instance = requests[0].text(books::INSTANCE_ID);
    assert_eq!(instance.len(), 32);
    assert!(instance.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(requests[1].text(books::INSTANCE_ID), instance);
    assert_eq!(requests[0].text(books::EXPORTER), "sender/0");
    let others = others.lock().unwrap();
    assert_eq!(others[0].text(books::EXPORTER), "sender/1");
    assert_eq!(others[0].text(books::INSTANCE_ID), instance);

    let (sender, requests) = Sender::new(|_| Ok(()));
    let second = Tracer::builder("shop").exporter(sender).build();
    second.span("a").finish();
    second.flush();
    assert_ne!(
        requests.lock().unwrap()[0].text(books::INSTANCE_ID),
        instance
    );
}

#[test]
fn traces_that_lost_spans_are_named_until_a_receiver_knows() {
    let (sender, requests) = Sender::new(|number| match number {
        0 | 1 => Err(ExportError::retryable("down", None)),
        2 => Err(ExportError::rejected(1, "one is no good")),
        _ => Ok(()),
    });
    let tracer = Tracer::builder("shop").exporter(sender).build();
    for _ in 0..5 {
        tracer.span("a").finish();
        tracer.flush();
    }
    let requests = requests.lock().unwrap();
    let lost: Vec<_> = requests
        .iter()
        .map(|r| r.lost(books::LOST_EXPORT_FAILED))
        .collect();
    let first_two = vec![requests[0].traces[0].clone(), requests[1].traces[0].clone()];
    assert_eq!(
        lost,
        [
            vec![],
            first_two[..1].to_vec(),
            first_two,
            // The third came through, and which of its spans were refused nobody says.
            vec![],
            vec![],
        ]
    );
    assert_eq!(requests[4].count(books::DROPPED_EXPORT_FAILED), 3);
    assert_eq!(requests[4].count(books::EXPORTED), 1);
}

#[test]
fn at_an_overload_some_of_the_traces_are_named_and_all_are_counted() {
    let (entered, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let (sender, requests) = Sender::new(move |_| {
        let _ = entered.send(());
        let _ = may_go_on.lock().unwrap().recv();
        Ok(())
    });
    let tracer = Tracer::builder("shop")
        .exporter(sender)
        .queue_bytes(64 << 10)
        .build();
    tracer.span("first").finish();
    let _ = tracer.force_flush(Duration::ZERO);
    is_inside.recv().unwrap();
    for number in 0..20_000 {
        tracer.span("more").set_attribute("number", number);
    }
    drop(go_on);
    tracer.flush();
    tracer.span("last").finish();
    tracer.flush();
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    let requests = requests.lock().unwrap();
    let last = requests.last().unwrap();
    let dropped = stats.exporters[0].dropped.queue_full;
    assert!(dropped > 64, "{stats}");
    assert_eq!(last.count(books::DROPPED_QUEUE_FULL) as u64, dropped);
    let telling: Vec<_> = requests
        .iter()
        .filter(|r| !r.lost(books::LOST_QUEUE_FULL).is_empty())
        .collect();
    assert!(!telling.is_empty());
    let arrived: Vec<_> = requests.iter().flat_map(|r| &r.traces).collect();
    for request in telling {
        let lost = request.lost(books::LOST_QUEUE_FULL);
        assert!(lost.len() <= books::MOST_LOST);
        // Each span is a trace here: what is lost never comes.
        assert!(lost.iter().all(|trace| !arrived.contains(&trace)));
        let more = request.attributes.get(books::LOST_MORE);
        assert!(more.is_none() || lost.len() == books::MOST_LOST);
    }
    assert!(
        requests
            .iter()
            .any(|r| r.attributes.contains_key(books::LOST_MORE))
    );
}

#[test]
fn the_books_can_stay_at_home() {
    let (sender, requests) = Sender::new(|_| Err(ExportError::permanent("no")));
    let tracer = Tracer::builder("shop")
        .exporter(sender)
        .books_on_the_wire(false)
        .build();
    for _ in 0..2 {
        tracer.span("a").finish();
        tracer.flush();
    }
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.attributes.is_empty()));
}
