"""Every name of the API is where callers import it from."""

from __future__ import annotations

import enum
import importlib
import inspect
import subprocess
import sys

import pytest

from codomyrmex.telemetry import tracing

NAMES = [
    "SpanKind",
    "SpanStatus",
    "SpanContext",
    "Span",
    "SpanExporter",
    "ConsoleExporter",
    "InMemoryExporter",
    "Tracer",
    "get_tracer",
    "trace",
    "get_current_span",
]


@pytest.mark.parametrize("module", ["", ".core"])
def test_the_package_and_core_have_every_name(module):
    found = importlib.import_module(f"codomyrmex.telemetry.tracing{module}")
    for name in NAMES:
        assert getattr(found, name) is getattr(tracing, name)
        assert name in found.__all__


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("models", ["SpanKind", "SpanStatus", "SpanContext", "Span"]),
        ("exporters", ["SpanExporter", "ConsoleExporter", "InMemoryExporter", "NullExporter"]),
        ("tracer", ["Tracer", "get_tracer", "trace", "get_current_span"]),
    ],
)
def test_submodules_have_the_names_that_callers_import_from_them(module, names):
    found = importlib.import_module(f"codomyrmex.telemetry.tracing.{module}")
    for name in names:
        assert getattr(found, name) is getattr(tracing, name)


def test_the_package_is_a_namespace():
    import codomyrmex
    import codomyrmex.telemetry

    assert getattr(codomyrmex, "__file__", None) is None
    assert getattr(codomyrmex.telemetry, "__file__", None) is None


def test_importing_loads_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); import codomyrmex.telemetry.tracing;"
        "print(sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=_environment()
    )
    assert loaded.returncode == 0, loaded.stderr
    for heavy in [
        "typing",
        "dataclasses",
        "inspect",
        "asyncio",
        "json",
        "traceback",
        "logging",
        "threading",
        "re",
    ]:
        assert f"'{heavy}'" not in loaded.stdout


def _environment():
    from pathlib import Path

    import codomyrmex.telemetry.tracing as package

    return {"PYTHONPATH": str(Path(package.__file__).parents[3])}


def test_kinds_and_statuses_are_enums():
    assert issubclass(tracing.SpanKind, enum.Enum)
    assert issubclass(tracing.SpanStatus, enum.Enum)
    assert tracing.SpanKind("server") is tracing.SpanKind.SERVER
    assert [kind.value for kind in tracing.SpanKind] == [
        "internal",
        "server",
        "client",
        "producer",
        "consumer",
    ]
    assert [status.value for status in tracing.SpanStatus] == ["unset", "ok", "error"]


@pytest.mark.parametrize("name", tracing.__all__)
def test_every_public_name_says_what_it_is(name):
    found = getattr(tracing, name)
    assert found.__doc__
    assert inspect.getdoc(found)
    if not isinstance(found, type) or issubclass(found, enum.Enum):
        return
    for member in dir(found):
        if not member.startswith("_"):
            assert inspect.getdoc(getattr(found, member)), f"{name}.{member}"


SIGNATURES = {
    "Span": "(name, context, kind=<SpanKind.INTERNAL: 'internal'>, status=<SpanStatus.UNSET: 'unset'>, "
    "status_message='', start_time=<now>, end_time=None, attributes={}, events=[])",
    "SpanContext": "(trace_id, span_id, parent_span_id=None, sampled=True, baggage={}, *, trace_state='', "
    "is_remote=False)",
    "Tracer": "(service_name='default', exporter=None, *, sampler=None, resource=None, limits=None, batch_size=10, "
    "flush_interval=None, redact=None, hooks=None, queue_bytes=None, max_queue_size=None, "
    "max_export_batch_size=None, export_timeout=None, when_full=None, books_on_the_wire=None)",
    "Tracer.span": "(self, /, name, kind=None, attributes=None, **more)",
    "Tracer.start_span": "(self, /, name, kind=None, parent=None, attributes=None, *, links=None, start_time=None, "
    "root=False)",
    "Tracer.force_flush": "(self, /, timeout=30.0)",
    "Span.set_attribute": "(self, /, key, value)",
    "Span.add_event": "(self, /, name, attributes=None, timestamp=None)",
    "Limits": "(*, attributes=128, events=128, links=128, attributes_per_event=128, attributes_per_link=128, "
    "attribute_value_length=None)",
    "SamplingResult": "(sampled, attributes=None, trace_state=None)",
    "trace": "(name=None, kind=<SpanKind.INTERNAL: 'internal'>, tracer_name='default')",
    "NullExporter": "() -> 'None'",
}


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures_are_the_real_ones(path):
    found = tracing
    for name in path.split("."):
        found = getattr(found, name)
    assert str(inspect.signature(found)) == SIGNATURES[path]


def test_the_signature_of_a_subclass_is_its_own():
    class Same(tracing.Span):
        """Made as a Span is."""

    class Other(tracing.Span):
        def __init__(self, number):
            super().__init__(str(number), tracing.SpanContext("t", "s"))

    assert str(inspect.signature(Same)) == SIGNATURES["Span"]
    assert str(inspect.signature(Other)) == "(number)"


def test_a_kind_of_none_is_internal():
    tracer = tracing.Tracer("t", tracing.InMemoryExporter())
    with tracer.span("a", None) as span, tracer.span("b", kind=None) as inner:
        pass
    assert span.kind is inner.kind is tracer.start_span("c", None).kind is tracing.SpanKind.INTERNAL
    assert tracer.stats().ignored_after_finish == 0
