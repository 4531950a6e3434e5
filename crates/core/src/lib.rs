//! The tracing engine: tracer, context, span, buffers, pipeline.

// pure half

