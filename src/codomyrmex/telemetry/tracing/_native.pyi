"""The native half of the package. Import the names from `codomyrmex.telemetry.tracing`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import datetime
from inspect import Signature
from os import PathLike
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, final, overload

from typing_extensions import Self, disjoint_base

from codomyrmex.telemetry.tracing.exporters import SpanExporter
from codomyrmex.telemetry.tracing.models import SpanKind, SpanStatus

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ContextT = TypeVar("_ContextT", bound=Span | SpanContext)
_Time = float | datetime
_Text = str | bytes
_Carrier = Mapping[str, Any] | Iterable[tuple[_Text, _Text]]
_CarrierT = TypeVar("_CarrierT", bound=MutableMapping[str, Any] | list[Any])
_EnvironmentT = TypeVar("_EnvironmentT", bound=MutableMapping[str, str])
_Headers = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]

@disjoint_base
class SpanContext:
    """Ids, sampling and baggage of a span; what travels to other processes."""

    __match_args__: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]
    __signature__: ClassVar[Signature]
    __hash__: ClassVar[None]  # type: ignore[assignment]

    trace_id: str
    span_id: str
    parent_span_id: str | None
    sampled: bool
    baggage: dict[str, str]
    trace_state: str
    is_remote: bool

    def __new__(
        cls,
        trace_id: str,
        span_id: str,
        parent_span_id: str | None = None,
        sampled: bool = True,
        baggage: dict[str, str] = {},
        *,
        trace_state: str = "",
        is_remote: bool = False,
    ) -> Self: ...
    @property
    def is_valid(self) -> bool: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self: ...
    def to_headers(self) -> dict[str, str]: ...
    @classmethod
    def from_headers(cls, headers: _Headers) -> Self | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __replace__(self, /, **changes: Any) -> Self: ...

@disjoint_base
class Span:
    """A unit of work. Made by `Tracer.span` and `Tracer.start_span`, or by hand."""

    __match_args__: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]
    __signature__: ClassVar[Signature]
    __hash__: ClassVar[None]  # type: ignore[assignment]

    name: str
    context: SpanContext
    kind: SpanKind
    status: SpanStatus
    status_message: str
    start_time: float
    end_time: float | None
    attributes: dict[str, Any]
    events: list[dict[str, Any]]

    def __init__(
        self,
        name: str,
        context: SpanContext,
        kind: SpanKind = ...,
        status: SpanStatus = ...,
        status_message: str = "",
        start_time: float = ...,
        end_time: float | None = None,
        attributes: dict[str, Any] = ...,
        events: list[dict[str, Any]] = ...,
    ) -> None: ...
    @property
    def links(self) -> list[tuple[SpanContext, dict[str, Any]]]: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def duration_ms(self) -> float: ...
    @property
    def is_finished(self) -> bool: ...
    @property
    def is_recording(self) -> bool: ...
    def set_attribute(self, key: str, value: Any) -> Self: ...
    def set_attributes(self, attributes: Mapping[str, Any]) -> Self: ...
    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: _Time | None = None
    ) -> Self: ...
    def add_link(self, context: SpanContext | Span, attributes: Mapping[str, Any] | None = None) -> Self: ...
    def set_status(self, status: SpanStatus, message: str = "") -> Self: ...
    def record_exception(
        self, exception: BaseException, attributes: Mapping[str, Any] | None = None
    ) -> Self: ...
    def update_name(self, name: str) -> Self: ...
    def finish(self) -> None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self, pretty: bool = False) -> str: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __call__(self, function: _Function, /) -> _Function: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __replace__(self, /, **changes: Any) -> Self: ...

class _OwnSampler(Protocol):
    def sample(
        self,
        name: str,
        /,
        *,
        trace_id: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        links: list[SpanContext],
    ) -> SamplingResult | bool: ...

@final
class Sampler:
    """Decides which traces are recorded, before anything else is paid for."""

    @staticmethod
    def always_on() -> Sampler: ...
    @staticmethod
    def always_off() -> Sampler: ...
    @staticmethod
    def ratio(ratio: float) -> Sampler: ...
    @staticmethod
    def consistent_probability(probability: float) -> Sampler: ...
    @staticmethod
    def rate_limit(per_second: float) -> Sampler: ...
    @staticmethod
    def parent_based(root: Sampler | _OwnSampler | str) -> Sampler: ...

@final
class SamplingResult:
    """What a sampler of the user's own may answer, beside True and False."""

    def __new__(
        cls, sampled: bool, attributes: dict[str, Any] | None = None, trace_state: str | None = None
    ) -> Self: ...
    @property
    def sampled(self) -> bool: ...
    @property
    def attributes(self) -> dict[str, Any]: ...
    @property
    def trace_state(self) -> str | None: ...

@final
class Limits:
    """How much one span may hold; what is over a limit is dropped or cut, and counted."""

    def __new__(
        cls,
        *,
        attributes: int = 128,
        events: int = 128,
        links: int = 128,
        attributes_per_event: int = 128,
        attributes_per_link: int = 128,
        attribute_value_length: int | None = None,
    ) -> Self: ...
    @property
    def attributes(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def links(self) -> int: ...
    @property
    def attributes_per_event(self) -> int: ...
    @property
    def attributes_per_link(self) -> int: ...
    @property
    def attribute_value_length(self) -> int | None: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class ExporterStats:
    """One exporter's books: `recorded = exported + dropped + queued`."""

    @property
    def name(self) -> str: ...
    @property
    def exported(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def queue_capacity(self) -> int | None: ...
    @property
    def dropped(self) -> dict[str, int]: ...

@final
class Stats:
    """Where every span that started is now: `started = unsampled + recorded + open + abandoned`."""

    @property
    def started(self) -> int: ...
    @property
    def unsampled(self) -> int: ...
    @property
    def recorded(self) -> int: ...
    @property
    def open(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def ignored_after_finish(self) -> int: ...
    @property
    def redacted(self) -> int: ...
    @property
    def truncated(self) -> int: ...
    @property
    def over_limit(self) -> int: ...
    @property
    def queue_bytes(self) -> int: ...
    @property
    def queue_limit(self) -> int: ...
    @property
    def exporters(self) -> list[ExporterStats]: ...
    @property
    def balanced(self) -> bool: ...
    def metrics(self) -> list[dict[str, Any]]: ...
    def to_prometheus(self) -> str: ...

@disjoint_base
class Tracer:
    """Creates spans and exports the finished ones."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def __init__(
        self,
        service_name: str = "default",
        exporter: SpanExporter | None = None,
        *,
        sampler: Sampler | _OwnSampler | str | None = None,
        resource: dict[str, Any] | None = None,
        limits: Limits | None = None,
        batch_size: int = 10,
        flush_interval: float | None = None,
        redact: bool | str | Iterable[str] | None = None,
        hooks: object | None = None,
        queue_bytes: int | None = None,
        max_queue_size: int | None = None,
        max_export_batch_size: int | None = None,
        export_timeout: float | None = None,
        when_full: Literal["drop"] | float | None = None,
        books_on_the_wire: bool | None = None,
    ) -> None: ...
    @property
    def service_name(self) -> str: ...
    @property
    def exporter(self) -> SpanExporter | None: ...
    @overload
    def span(
        self,
        name: str,
        kind: SpanKind | None = None,
        attributes: Mapping[str, Any] | None = None,
        /,
        **more: Any,
    ) -> Span: ...
    @overload
    def span(
        self, *, name: str, kind: SpanKind | None = None, attributes: Any = None, **more: Any
    ) -> Span: ...
    def start_span(
        self,
        name: str,
        kind: SpanKind | None = None,
        parent: Span | SpanContext | None = None,
        attributes: Mapping[str, Any] | None = None,
        *,
        links: Iterable[Span | SpanContext | tuple[Span | SpanContext, Mapping[str, Any]]] | None = None,
        start_time: _Time | None = None,
        root: bool = False,
    ) -> Span: ...
    def flush(self) -> None: ...
    def force_flush(self, timeout: float = 30.0) -> bool: ...
    def aflush(self) -> Awaitable[None]: ...
    def shutdown(self) -> None: ...
    def stats(self) -> Stats: ...

@disjoint_base
class NullExporter:
    """The native half of NullExporter. A tracer that has one encodes its spans."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    @property
    def span_count(self) -> int: ...
    @property
    def byte_count(self) -> int: ...

@disjoint_base
class OTLPExporter:
    """The native half of OTLPExporter. A tracer that has one encodes its spans."""

    def __new__(
        cls,
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
    ) -> Self: ...
    def export(self, spans: Iterable[Span]) -> None: ...

registry: dict[str, Tracer]

def flush_on_sigterm(enabled: bool = True, *, timeout: float = 5.0) -> None: ...
def get_current_span() -> Span | None: ...
def inject(
    carrier: _CarrierT, context: Span | SpanContext | None = None, *, propagators: str | None = None
) -> _CarrierT: ...
def inject_environment(
    environment: _EnvironmentT, context: Span | SpanContext | None = None, *, propagators: str | None = None
) -> _EnvironmentT: ...
@overload
def extract(
    carrier: _Carrier, context: None = None, *, propagators: str | None = None
) -> SpanContext | None: ...
@overload
def extract(
    carrier: _Carrier, context: _ContextT, *, propagators: str | None = None
) -> _ContextT | SpanContext: ...
def register(kinds: type[SpanKind], statuses: type[SpanStatus]) -> None: ...
def traced(function: _Function, name: str | None, kind: SpanKind, tracer_name: str) -> _Function: ...
def json_text(spans: Iterable[Span], pretty: bool) -> str: ...
def tree_text(spans: Iterable[Span], width: int = 80, color: bool = False) -> str: ...
def shape_text(spans: Iterable[Span], attributes: list[str] = ...) -> str: ...
