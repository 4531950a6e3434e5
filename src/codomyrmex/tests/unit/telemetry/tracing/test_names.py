"""Every name of the API is where callers import it from."""

from __future__ import annotations

import importlib
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
    import enum

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
