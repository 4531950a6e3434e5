//! Spans inside spans, drawn as a tree: `cargo run -p codomyrmex-tracing --example quickstart`

use codomyrmex_tracing::{ConsoleExporter, SpanKind, SpanOptions, Tracer, trace};

struct Shop {
    tracer: Tracer,
}

impl Shop {
    fn checkout(&self, user: &str) {
        let span = self
            .tracer
            .span_with("POST /checkout", SpanOptions::new().kind(SpanKind::Server));
        span.set_attribute("user", user);
        for item in ["soup", "bread", "caviar"] {
            if self.reserve(item).is_err() {
                span.add_event("left out", &[("item", item.into())]);
            }
        }
        self.charge(12.5);
    }

    #[trace(tracer = self.tracer, attributes(item))]
    fn reserve(&self, item: &str) -> Result<(), String> {
        if item == "caviar" {
            Err(format!("{item} is sold out"))
        } else {
            Ok(())
        }
    }

    #[trace("charge", kind = client, tracer = self.tracer, attributes(amount))]
    fn charge(&self, amount: f64) -> bool {
        amount > 0.0
    }
}

fn main() {
    let shop = Shop {
        tracer: Tracer::builder("shop")
            .exporter(ConsoleExporter::tree())
            .build(),
    };
    shop.checkout("ann");
    shop.tracer.flush();

    let stats = shop.tracer.stats();
    println!("{stats}");
    assert_eq!((stats.started, stats.exporters[0].exported), (5, 5));
}

#[test]
fn it_runs() {
    main();
}
