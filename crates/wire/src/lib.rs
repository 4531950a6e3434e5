//! OTLP span bytes: one encoder, one zero-copy view.
