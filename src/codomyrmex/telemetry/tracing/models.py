"""SpanKind, SpanStatus, SpanContext and Span: what a trace is made of."""

from __future__ import annotations

import enum

from codomyrmex.telemetry.tracing import _native
from codomyrmex.telemetry.tracing._native import Span, SpanContext

# As `typing` has it, without the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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


class _Fields:
    """`__dataclass_fields__` of a native class, made when somebody asks: `dataclasses` is not imported at start."""

    def __init__(self, **fields: tuple[str, Any]) -> None:
        self._given = fields
        self._fields: dict[str, Any] | None = None

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        if self._fields is None:
            import dataclasses

            def field(default: Any) -> Any:
                if default is _REQUIRED:
                    return dataclasses.field()
                if isinstance(default, type):
                    return dataclasses.field(default_factory=default)
                return dataclasses.field(default=default)

            twin = dataclasses.make_dataclass(
                "Twin", [(name, kind, field(default)) for name, (kind, default) in self._given.items()]
            )
            self._fields = {field.name: field for field in dataclasses.fields(twin)}
        return self._fields


_REQUIRED = object()


class _Now:
    """Stands in a signature for the time of the call."""

    def __repr__(self) -> str:
        return "<now>"


class _Signature:
    """`__signature__` of a native class, made when somebody asks: `inspect` is not imported at start."""

    def __init__(self, native: Any, fields: dict[str, tuple[str, Any]], options: dict[str, Any]) -> None:
        self._native = native
        self._fields = fields
        self._options = options

    def __get__(self, instance: object, owner: Any) -> Any:
        native = self._native
        if (
            instance is not None
            or owner.__init__ is not native.__init__
            or owner.__new__ is not native.__new__
        ):
            # A subclass may be made in another way, and an instance is called in another.
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature

        def default(value: Any) -> Any:
            if value is _REQUIRED:
                return Parameter.empty
            if isinstance(value, type):
                return _Now() if value is float else value()
            return value

        return Signature(
            [
                Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default(value))
                for name, (_, value) in self._fields.items()
            ]
            + [
                Parameter(name, Parameter.KEYWORD_ONLY, default=value)
                for name, value in self._options.items()
            ]
        )


def _like_a_dataclass(native: Any, options: dict[str, Any], /, **fields: tuple[str, Any]) -> None:
    native.__dataclass_fields__ = _Fields(**fields)
    native.__signature__ = _Signature(native, fields, options)
    type.__setattr__(native, "__match_args__", tuple(fields))

    def replace(self: Any, /, **changes: Any) -> Any:
        return type(self)(**{name: getattr(self, name) for name in fields} | changes)

    # What copy.replace() calls.
    native.__replace__ = replace


_like_a_dataclass(
    SpanContext,
    {"trace_state": "", "is_remote": False},
    trace_id=("str", _REQUIRED),
    span_id=("str", _REQUIRED),
    parent_span_id=("str | None", None),
    sampled=("bool", True),
    baggage=("dict[str, str]", dict),
)
_like_a_dataclass(
    Span,
    {},
    name=("str", _REQUIRED),
    context=("SpanContext", _REQUIRED),
    kind=("SpanKind", SpanKind.INTERNAL),
    status=("SpanStatus", SpanStatus.UNSET),
    status_message=("str", ""),
    start_time=("float", float),
    end_time=("float | None", None),
    attributes=("dict[str, Any]", dict),
    events=("list[dict[str, Any]]", list),
)
