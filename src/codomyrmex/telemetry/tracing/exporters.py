"""Where finished spans go: the contract, the console, memory, an OTLP receiver, and nowhere."""

from __future__ import annotations

import abc
import sys
from collections import deque

from codomyrmex.telemetry.tracing import _native
from codomyrmex.telemetry.tracing._native import Span

# As `typing` has it, without the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

__all__ = ["ConsoleExporter", "InMemoryExporter", "NullExporter", "OTLPExporter", "SpanExporter"]


class SpanExporter(abc.ABC):
    """
    Takes finished spans somewhere.

    `export` gets a list of finished `Span` objects that is its own to keep, in batches of ten of one tracer, on the
    thread that finished the tenth, or on the one that flushes. Calls of `export` never overlap, and no lock is held
    during them: an exporter may start spans, call `flush()`, or take its time. What it raises is counted and never
    reaches the application; an answer of False counts as a failure too.
    """

    @abc.abstractmethod
    def export(self, spans: list[Span]) -> object:
        """Take one batch."""

    def flush(self) -> None:
        """Hand on what the exporter itself still holds; called by `Tracer.flush` after the last batch."""

    def shutdown(self) -> None:
        """End; called once, after the last batch."""


class InMemoryExporter(SpanExporter):
    """Keeps the newest `max_spans` finished spans: for tests."""

    def __init__(self, max_spans: int = 1000) -> None:
        self.max_spans = max_spans
        self._spans: deque[Span] = deque(maxlen=max_spans)

    def export(self, spans: list[Span]) -> None:
        self._spans.extend(spans)

    @property
    def spans(self) -> list[Span]:
        """The spans, in the order in which they ended."""
        return list(self._spans)

    def get_spans(self, trace_id: str | None = None) -> list[Span]:
        """The spans of one trace, or of all."""
        return [span for span in list(self._spans) if trace_id is None or span.trace_id == trace_id]

    def clear(self) -> None:
        """Forget the spans."""
        self._spans.clear()

    def shutdown(self) -> None:
        self.clear()

    def tree(self, *attributes: str) -> str:
        """The spans as a drawn tree without times, with the values of these attributes: for assertions."""
        return _native.shape_text(self.spans, list(attributes))


class ConsoleExporter(SpanExporter):
    """
    Prints finished spans to standard output.

    As indented JSON, with `pretty=False` as one line a span, with `tree=True` as drawn trees: one for each trace, when
    its first span has ended. Control and bidirectional characters are shown escaped, secrets are redacted.
    """

    def __init__(self, pretty: bool = True, *, tree: bool = False) -> None:
        self.pretty = pretty
        self.tree = tree
        self._traces: dict[str, list[Span]] = {}

    def export(self, spans: list[Span]) -> None:
        if self.tree:
            for span in spans:
                self._add(span)
        else:
            _write(_native.json_text(spans, self.pretty))

    def _add(self, span: Span) -> None:
        # Somebody may have assigned anything as the id.
        trace_id = span.trace_id if type(span.trace_id) is str else ""
        self._traces.setdefault(trace_id, []).append(span)
        if span.parent_span_id is None or len(self._traces[trace_id]) >= _LARGEST_TREE:
            self._draw(self._traces.pop(trace_id))

    def _draw(self, spans: list[Span]) -> None:
        colour = bool(getattr(sys.stdout, "isatty", bool)())
        _write(_native.tree_text(spans, color=colour))

    def flush(self) -> None:
        while self._traces:
            self._draw(self._traces.pop(next(iter(self._traces))))
        if sys.stdout is not None:
            sys.stdout.flush()

    def shutdown(self) -> None:
        self.flush()


# A trace whose root does not end here is drawn in parts of this many spans.
_LARGEST_TREE = 10_000


def _write(text: str) -> None:
    if sys.stdout is not None:
        sys.stdout.write(text)


class NullExporter(_native.NullExporter, SpanExporter):
    """Takes encoded spans, counts and drops them: for benchmarks. A tracer that has it encodes its spans."""

    def __init__(self) -> None:
        """Take nothing, and start at zero."""

    def export(self, spans: list[Span]) -> None:
        """Nothing: a tracer hands over bytes."""


class OTLPExporter(_native.OTLPExporter, SpanExporter):
    """
    Sends spans by OTLP, to a Collector or to whatever else takes it. A tracer that has it encodes its spans.

    Batches go out on a thread of its own, which never holds the interpreter: by size, by interval, on flush and at exit.
    What is not given here is as the environment's `OTEL_EXPORTER_OTLP_…` have it, and else goes to a Collector on this
    machine. `protocol` is "http/protobuf", "http/json" or "grpc", `compression` is "gzip", "zstd" or "none", `timeout` is in
    seconds, for a batch with all its retries. `headers` is a mapping, or text as in the environment. `certificate`,
    `client_certificate` and `client_key` are PEM files. `insecure` is for a gRPC endpoint without a scheme.

    `export` sends spans of any tracers, or made by hand, and waits for the answer. They stand in no tracer's books; what
    did not arrive is a RuntimeError.

    ValueError says what is wrong with an option.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: str | None = None,
        headers: Mapping[str, str] | str | None = None,
        timeout: float | None = None,
        compression: str | None = None,
        certificate: str | PathLike[str] | None = None,
        client_certificate: str | PathLike[str] | None = None,
        client_key: str | PathLike[str] | None = None,
        insecure: bool | None = None,
    ) -> None:
        """Check the options; nothing is connected yet."""
