"""Distributed tracing on a native engine."""

from codomyrmex.telemetry.tracing._native import Sampler, get_current_span
from codomyrmex.telemetry.tracing.models import Span, SpanContext, SpanKind, SpanStatus
from codomyrmex.telemetry.tracing._native import Tracer
from codomyrmex.telemetry.tracing.exporters import *
