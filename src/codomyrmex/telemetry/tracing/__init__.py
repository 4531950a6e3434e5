"""
Distributed tracing: spans, their context across threads, tasks and processes, and where they go.

>>> from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer
>>> memory = InMemoryExporter()
>>> tracer = Tracer("shop", memory)
>>> with tracer.span("checkout", items=3):
...     with tracer.span("pay"):
...         pass
>>> tracer.flush()
>>> print(memory.tree("items"), end="")
checkout items=3
└─ pay
"""

from __future__ import annotations

from codomyrmex.telemetry.tracing._native import (
    ExporterStats,
    Limits,
    Sampler,
    SamplingResult,
    Stats,
    flush_on_sigterm,
)
from codomyrmex.telemetry.tracing.exporters import (
    ConsoleExporter,
    InMemoryExporter,
    NullExporter,
    OTLPExporter,
    SpanExporter,
)
from codomyrmex.telemetry.tracing.models import Span, SpanContext, SpanKind, SpanStatus
from codomyrmex.telemetry.tracing.tracer import Tracer, get_current_span, get_tracer, reset_tracers, trace

__all__ = [
    "ConsoleExporter",
    "ExporterStats",
    "InMemoryExporter",
    "Limits",
    "NullExporter",
    "OTLPExporter",
    "Sampler",
    "SamplingResult",
    "Span",
    "SpanContext",
    "SpanExporter",
    "SpanKind",
    "SpanStatus",
    "Stats",
    "Tracer",
    "flush_on_sigterm",
    "get_current_span",
    "get_tracer",
    "reset_tracers",
    "trace",
]
