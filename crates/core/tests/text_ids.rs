//! Ids of any text through children, bytes, headers, and back.

mod watched;

use std::sync::{Arc, Mutex};

use codomyrmex_core::{
    Delivery, InMemoryExporter, Limits, SPAN_ID_ATTRIBUTE, SpanContext, SpanOptions,
    TRACE_ID_ATTRIBUTE, TraceId, Tracer,
};
use watched::Watched;

#[test]
fn children_keep_the_traces_text_and_name_their_parents() {
    let memory = InMemoryExporter::new();
    let tracer = Tracer::builder("shop").exporter(memory.clone()).build();
    let incoming = SpanContext::from_text("trace123", "span456", Some("caller"));
    {
        let _serve = tracer.span_with("serve", SpanOptions::new().parent(&incoming));
        let _query = tracer.span("query");
        tracer.start_span("job").finish();
    }
    tracer.flush();
    let spans = memory.spans();
    assert_eq!(
        memory.tree(),
        "serve (parent missing)\n╰─ query\n   ╰─ job\n"
    );
    for span in &spans {
        assert_eq!(span.context.trace_id_text(), "trace123");
        assert_eq!(span.context.trace_id, TraceId::from_text("trace123"));
        assert!(span.attributes.is_empty(), "{:?}", span.attributes);
    }
    let serve = spans.iter().find(|span| span.name == "serve").unwrap();
    assert_eq!(
        serve.context.parent_span_id_text().as_deref(),
        Some("span456")
    );
    let query = spans.iter().find(|span| span.name == "query").unwrap();
    assert_eq!(query.context.text_parent_span_id(), None);
    assert_eq!(query.context.parent_span_id, Some(serve.context.span_id));
    let json = serve.to_json();
    assert!(
        json.contains(r#""trace_id": "trace123""#)
            && json.contains(r#""parent_span_id": "span456""#),
        "{json}"
    );
}

#[test]
fn the_text_goes_along_where_bytes_are_needed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let exporter = Watched::new(Delivery::Background).doing({
        let seen = seen.clone();
        move |batch| {
            for span in batch.spans() {
                assert_eq!(
                    TraceId::from_bytes(span.trace_id()),
                    TraceId::from_text("trace123")
                );
                let text = |key| span.attribute(key).map(|value| value.to_string());
                seen.lock()
                    .unwrap()
                    .push((text(TRACE_ID_ATTRIBUTE), text(SPAN_ID_ATTRIBUTE)));
            }
            Ok(())
        }
    });
    let tracer = Tracer::builder("shop").exporter(exporter).build();
    let incoming = SpanContext::from_text("trace123", "span456", None);
    drop(tracer.span_with("serve", SpanOptions::new().parent(&incoming)));
    tracer.flush();
    assert_eq!(
        seen.lock().unwrap()[0].1,
        None,
        "the span's own id is an ordinary one"
    );
    let trace = seen.lock().unwrap()[0].0.clone().unwrap();
    assert_eq!(trace.trim_matches('"'), "trace123");
}

#[test]
fn headers_of_a_child_carry_the_text_on() {
    let tracer = Tracer::builder("shop")
        .exporter(InMemoryExporter::new())
        .build();
    let incoming = SpanContext::from_text("trace 123 \u{e9}", "span456", None);
    let span = tracer.span_with("serve", SpanOptions::new().parent(&incoming));
    let context = span.context();
    let there = SpanContext::from_headers(&context.to_headers()).unwrap();
    assert_eq!(there, context);
    assert_eq!(there.trace_id_text(), "trace 123 \u{e9}");
    assert_eq!(there.parent_span_id_text().as_deref(), Some("span456"));
}

#[test]
fn limits_do_not_change_ids() {
    let memory = InMemoryExporter::new();
    let limits = Limits {
        attributes: 1,
        attribute_value_length: Some(3),
        ..Limits::default()
    };
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .limits(limits)
        .build();
    let trace = "trace-".repeat(100);
    let incoming = SpanContext::from_text(&trace, "span456", None);
    {
        let span = tracer.span_with("serve", SpanOptions::new().parent(&incoming));
        span.set_attribute("own", "value")
            .set_attribute("over", "limit")
            .set_attribute("own", "again");
    }
    tracer.flush();
    let span = &memory.spans()[0];
    assert_eq!(span.context.trace_id_text(), trace);
    assert_eq!(
        span.context.parent_span_id_text().as_deref(),
        Some("span456")
    );
    assert_eq!(span.attributes.len(), 1);
    assert_eq!(span.attribute("own").unwrap().as_str(), Some("aga"));
    assert_eq!(tracer.stats().over_limit, 1);
}

#[test]
fn an_attribute_of_the_same_name_replaces_the_text_and_nothing_breaks() {
    let memory = InMemoryExporter::new();
    let tracer = Tracer::builder("shop").exporter(memory.clone()).build();
    let incoming = SpanContext::from_text("trace123", "span456", None);
    {
        let span = tracer.span_with("serve", SpanOptions::new().parent(&incoming));
        span.set_attribute(TRACE_ID_ATTRIBUTE, "mine")
            .set_attribute(TRACE_ID_ATTRIBUTE, 7);
        span.set_attribute("k", 1);
    }
    tracer.flush();
    let span = &memory.spans()[0];
    assert_eq!(span.context.trace_id, TraceId::from_text("trace123"));
    assert_eq!(
        span.attributes
            .iter()
            .filter(|(key, _)| key == TRACE_ID_ATTRIBUTE)
            .count(),
        1
    );
    assert!(tracer.stats().balanced());
}
