"""Tracer, the registry of tracers by name, and the decorator `trace`."""

from __future__ import annotations

from codomyrmex.telemetry.tracing import _native
from codomyrmex.telemetry.tracing._native import Tracer, get_current_span
from codomyrmex.telemetry.tracing.models import SpanKind

# As `typing` has it, without the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from codomyrmex.telemetry.tracing.exporters import SpanExporter

    _Function = TypeVar("_Function", bound=Callable[..., Any])

__all__ = ["Tracer", "get_current_span", "get_tracer", "reset_tracers", "trace"]


def get_tracer(name: str = "default", exporter: SpanExporter | None = None) -> Tracer:
    """
    The tracer of this name, made on the first call.

    Its exporter is that of the first call; another one later is warned of and not used.
    """
    known = _native.registry.get(name)
    if known is None:
        # Of two threads that come here together both get the tracer of the first.
        known = _native.registry.setdefault(name, Tracer(name, exporter))
    if exporter is not None and known.exporter is not exporter:
        import warnings

        warnings.warn(
            f"the tracer {name!r} has an exporter already and keeps it", RuntimeWarning, stacklevel=2
        )
    return known


def reset_tracers() -> None:
    """Flush the tracers of the registry and forget them: the next `get_tracer` makes new ones."""
    tracers = list(_native.registry.values())
    _native.registry.clear()
    for tracer in tracers:
        tracer.flush()


if TYPE_CHECKING:

    @overload
    def trace(name: _Function, /) -> _Function: ...
    @overload
    def trace(
        name: str | None = None, kind: SpanKind = SpanKind.INTERNAL, tracer_name: str = "default"
    ) -> Callable[[_Function], _Function]: ...
    def trace(name: Any = None, kind: SpanKind = SpanKind.INTERNAL, tracer_name: str = "default") -> Any:
        """See below."""

else:

    def trace(name=None, kind=SpanKind.INTERNAL, tracer_name="default"):
        """
        Trace every call of a function, method, coroutine function, generator or async generator.

        Used as `@trace`, `@trace("name")` or `@trace(name=…, kind=…, tracer_name=…)`. The span covers the body, and is named
        after the function unless a name is given.
        """
        # A class method is not callable, and is a function all the same.
        if callable(name) or isinstance(name, classmethod):
            return _native.traced(name, None, kind, tracer_name)

        def decorate(function):
            return _native.traced(function, name, kind, tracer_name)

        return decorate
