"""Everything in one module: the names as they were before they had modules of their own."""

from __future__ import annotations

from codomyrmex.telemetry.tracing.exporters import (
    ConsoleExporter,
    InMemoryExporter,
    NullExporter,
    SpanExporter,
)
from codomyrmex.telemetry.tracing.models import Span, SpanContext, SpanKind, SpanStatus
from codomyrmex.telemetry.tracing.tracer import Tracer, get_current_span, get_tracer, reset_tracers, trace

__all__ = [
    "ConsoleExporter",
    "InMemoryExporter",
    "NullExporter",
    "Span",
    "SpanContext",
    "SpanExporter",
    "SpanKind",
    "SpanStatus",
    "Tracer",
    "get_current_span",
    "get_tracer",
    "reset_tracers",
    "trace",
]
