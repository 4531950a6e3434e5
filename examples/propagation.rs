//! One trace through two services, with the context in the message: `cargo run -p codomyrmex-tracing --example propagation`

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use codomyrmex_tracing::{InMemoryExporter, SpanContext, SpanKind, SpanOptions, Tracer};

/// What goes over the wire: headers, as HTTP and message queues have them, and a body.
struct Message {
    headers: BTreeMap<String, String>,
    body: String,
}

fn shop(tracer: &Tracer, outbox: mpsc::Sender<Message>) {
    let order = tracer.span_with("send order", SpanOptions::new().kind(SpanKind::Producer));
    order.set_baggage("customer.tier", "gold");
    let headers = order.context().to_headers().into_iter().collect();
    outbox
        .send(Message {
            headers,
            body: "3 × soup".to_owned(),
        })
        .expect("the kitchen is open");
}

fn kitchen(tracer: &Tracer, inbox: mpsc::Receiver<Message>) {
    for message in inbox {
        // Nothing, or nothing of use, in the headers: then it is a trace of its own.
        let sender = SpanContext::from_headers(&message.headers);
        let options = SpanOptions::new().kind(SpanKind::Consumer);
        let cook = match &sender {
            Some(sender) => tracer.span_with("cook", options.parent(sender)),
            None => tracer.span_with("cook", options),
        };
        cook.set_attribute("order", &message.body);
        if let Some(tier) = cook.context().baggage.get("customer.tier") {
            cook.set_attribute("customer.tier", tier);
        }
    }
}

fn main() {
    let spans = InMemoryExporter::new();
    let tracer_of = |service| Tracer::builder(service).exporter(spans.clone()).build();
    let (of_shop, of_kitchen) = (&tracer_of("shop"), &tracer_of("kitchen"));

    let (outbox, inbox) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || kitchen(of_kitchen, inbox));
        shop(of_shop, outbox);
    });

    of_shop.flush();
    of_kitchen.flush();
    print!("{}", spans.tree_with(&["order", "customer.tier"]));
    let spans = spans.spans();
    let (sent, cooked) = (&spans[0].context, &spans[1].context);
    assert_eq!(
        (cooked.trace_id, cooked.parent_span_id),
        (sent.trace_id, Some(sent.span_id))
    );
}

#[test]
fn it_runs() {
    main();
}
