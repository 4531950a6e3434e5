//! An exporter of one's own, with a thread of its own: `cargo run -p codomyrmex-tracing --example custom_exporter`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use codomyrmex_tracing::{Batch, Delivery, ExportError, SpanExporter, Tracer};

/// Adds up where the time went, by the spans' names.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<BTreeMap<String, Vec<u64>>>>);

impl SpanExporter for Times {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let mut times = self
            .0
            .lock()
            .map_err(|_| ExportError::permanent("an earlier call panicked"))?;
        // The spans are views: they read the encoded bytes in place.
        for span in batch.spans() {
            times
                .entry(span.name().into_owned())
                .or_default()
                .push(span.end_ns() - span.start_ns());
        }
        Ok(())
    }

    // Recording threads never wait for this exporter.
    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "times"
    }
}

fn main() {
    let times = Times::default();
    let tracer = Tracer::builder("primes").exporter(times.clone()).build();

    for limit in [1_000, 10_000] {
        let _count = tracer.span("count");
        for from in (0_u32..limit).step_by(100) {
            let part = tracer.span("part");
            let primes = (from.max(2)..from + 100)
                .filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
            part.set_attribute("primes", primes.count());
        }
    }

    tracer.flush();
    let times = times.0.lock().unwrap();
    for (name, each) in times.iter() {
        println!(
            "{name}: {} spans, {} µs",
            each.len(),
            each.iter().sum::<u64>() / 1000
        );
    }
    assert_eq!((times["count"].len(), times["part"].len()), (2, 110));
}

#[test]
fn it_runs() {
    main();
}
