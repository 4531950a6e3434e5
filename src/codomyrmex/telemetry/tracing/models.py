"""SpanKind, SpanStatus, SpanContext and Span."""

from __future__ import annotations

import enum

from codomyrmex.telemetry.tracing import _native
from codomyrmex.telemetry.tracing._native import Span, SpanContext

__all__ = ["Span", "SpanContext", "SpanKind", "SpanStatus"]


class SpanKind(enum.Enum):
    """What role a span plays in the call that it describes."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class SpanStatus(enum.Enum):
    """How the work of a span went."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


_native.register(SpanKind, SpanStatus)
