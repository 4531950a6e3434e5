"""What type checkers make of the signatures."""

from __future__ import annotations

import pytest


def test_every_way_to_call_span_has_a_type(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    module = tmp_path / "calls.py"
    module.write_text(
        "from codomyrmex.telemetry.tracing import Span, SpanKind, Tracer\n"
        "tracer = Tracer('t')\n"
        "with tracer.span(name='kw'):\n"
        "    pass\n"
        "with tracer.span('a', SpanKind.SERVER, {'b': 1}, c=2) as positional:\n"
        "    pass\n"
        "with tracer.span(name='kw', kind=SpanKind.SERVER, c=2) as named:\n"
        "    pass\n"
        "spans: list[Span] = [positional, named]\n"
        "tracer.span()  # type: ignore[call-overload]\n"
    )
    monkeypatch.chdir(tmp_path)
    out, err, status = api.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(module)])
    assert (status, err) == (0, ""), out
