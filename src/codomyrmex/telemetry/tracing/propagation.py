"""
Contexts to and from other processes.

>>> from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer
>>> from codomyrmex.telemetry.tracing.propagation import extract, inject
>>> tracer = Tracer("shop", InMemoryExporter())
>>> with tracer.span("GET /stock") as call:
...     headers = inject({})
>>> caller = extract(headers)
>>> caller.span_id == call.span_id
True
>>> tracer.start_span("stock", parent=caller).parent_span_id == call.span_id
True

The formats are those of `CODOMYRMEX_PROPAGATORS` or `OTEL_PROPAGATORS` as they are at the first use, by default
`tracecontext,baggage`; the argument `propagators` names others for one call. `SpanContext.to_headers` and `from_headers` ask nobody:
they write and read every header of W3C and of our own.
"""

from __future__ import annotations

from codomyrmex.telemetry.tracing._native import extract, inject, inject_environment

# As `typing` has it, without the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from codomyrmex.telemetry.tracing._native import _Carrier

__all__ = ["extract", "incoming", "inject", "inject_environment"]


def incoming(carrier: _Carrier, *, trust: str = "parent", propagators: str | None = None) -> dict[str, Any]:
    """
    The arguments of `Tracer.start_span` for a request that came in with `carrier`.

    Whoever sends a request chooses its trace id, sampled flag and baggage. With `trust="parent"` the caller's trace goes on.
    A service that strangers can reach says `trust="link"`: a new trace, sampled as its own sampler says and without the
    caller's baggage, that has a link to the caller's. `trust="nothing"` forgets the caller.

    >>> headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    >>> [name for name in incoming(headers, trust="link")]
    ['root', 'links']
    """
    if trust not in ("parent", "link", "nothing"):
        raise ValueError(f"trust must be 'parent', 'link' or 'nothing', not {trust!r}")
    context = None if trust == "nothing" else extract(carrier, propagators=propagators)
    if context is None:
        return {"root": True}
    return {"parent": context} if trust == "parent" else {"root": True, "links": [context]}
