//! Headers from strangers, read by every propagator: `cargo +nightly fuzz run extract`
//!
//! The input is lines of `name: value`, as a request has them.

#![no_main]

use codomyrmex_core::{Propagator, Propagators, SpanContext};
use libfuzzer_sys::fuzz_target;

const FORMATS: [&str; 8] = [
    "tracecontext",
    "baggage",
    "b3",
    "b3multi",
    "jaeger",
    "xray",
    "codomyrmex",
    "tracecontext,baggage,b3,jaeger,xray,codomyrmex",
];

fuzz_target!(|input: &str| {
    let headers: Vec<(&str, &str)> = input
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let mut old = SpanContext::from_text("old trace", "old span", None);
    old.baggage.insert("old", "1");
    for format in FORMATS {
        let propagators: Propagators = format.parse().expect("these are its names");
        let mut context = old.clone();
        let extracted = propagators.extract(&mut context, &headers);
        assert!(extracted.found || context == old, "{format}");
        assert!(context.is_valid(), "{format}");
        // Whatever came in goes out as headers that nobody can break open, and is the same span there.
        let mut out: Vec<(String, String)> = Vec::new();
        propagators.inject(&context, &mut out);
        for (name, value) in &out {
            let fine = |byte: u8| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
            assert!(value.bytes().all(fine), "{name}: {value:?}");
        }
        if format != "baggage" {
            let back = propagators.extract_from(&out).expect("it was just written");
            assert_eq!(back.span_id, context.span_id, "{format}");
        }
    }
    if let Some(context) = SpanContext::from_headers(&headers) {
        let back = SpanContext::from_headers(&context.to_headers());
        assert_eq!(back.map(|back| back.trace_id), Some(context.trace_id));
    }
});
