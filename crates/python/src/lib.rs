//! The Python extension module codomyrmex.telemetry.tracing._native.
