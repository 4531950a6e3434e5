//! The attribute macro #[trace] of codomyrmex-tracing.
