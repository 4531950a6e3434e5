//! Distributed tracing: the published face of the engine.
