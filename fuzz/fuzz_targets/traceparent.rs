//! One header's value: `cargo +nightly fuzz run traceparent`

#![no_main]

use codomyrmex_core::SpanContext;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let Some(context) = SpanContext::from_traceparent(value) else {
        return;
    };
    let written = context.traceparent().expect("what was read is valid");
    assert_eq!(SpanContext::from_traceparent(&written), Some(context));
    // Version and unknown flags apart it is the text that came in.
    assert_eq!(written[2..53], value.trim_matches([' ', '\t'])[2..53]);
});
