//! The binary codomyrmex-trace.
fn main() {}
