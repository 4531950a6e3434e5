"""A planted secret is found in no output."""

from __future__ import annotations

import pytest

from codomyrmex.telemetry.tracing import ConsoleExporter, InMemoryExporter, Span, SpanContext, Tracer

SECRET = "hunter2-the-planted-secret"
FORMS = [{}, {"pretty": False}, {"tree": True}]


def fill(span):
    span.set_attribute("db.password", SECRET)
    span.set_attribute("apiKey", SECRET)
    span.set_attribute("nested", {"access_token": SECRET, "fine": 1})
    span.set_attribute("url.full", f"https://ann:{SECRET}@example.com/x")
    span.set_attribute("gen_ai.usage.input_tokens", 4321)
    span.add_event("e", {"authorization": SECRET})


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_console_shows_no_secret(form, capsys):
    tracer = Tracer("shop", ConsoleExporter(**form))
    with tracer.span("a", password=SECRET) as span:
        fill(span)
    tracer.flush()
    out = capsys.readouterr().out
    assert SECRET not in out
    assert tracer.stats().redacted == 6
    assert "[redacted]" in out or form == {"tree": True}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_nor_for_spans_made_by_hand(form, capsys):
    span = Span("a", SpanContext("t", "s"))
    fill(span)
    span.finish()
    exporter = ConsoleExporter(**form)
    exporter.export([span])
    exporter.flush()
    assert SECRET not in capsys.readouterr().out


def test_headers_carry_no_secret():
    headers = SpanContext("t", "s", baggage={"session.cookie": SECRET, "user": "ann"}).to_headers()
    assert SECRET not in str(headers)
    assert "user=ann" in headers["baggage"]


def test_no_secret_is_encoded(monkeypatch):
    from codomyrmex.telemetry.tracing import NullExporter

    sizes = []
    for value in ("x", "x" * 1000):
        null = NullExporter()
        tracer = Tracer("shop", null)
        with tracer.span("a", password=value):
            pass
        tracer.flush()
        sizes.append(null.byte_count)
        assert tracer.stats().redacted == 1
    # A secret of any length becomes the same few bytes.
    assert sizes[0] == sizes[1]


def test_the_callers_objects_stay_as_they_are(tracer):
    with tracer.span("a", password=SECRET) as span:
        pass
    assert span.attributes["password"] == SECRET


def printed(capsys, **options):
    tracer = Tracer("shop", ConsoleExporter(), **options)
    with tracer.span("a", password=SECRET, pin="1234-pin"):
        pass
    tracer.flush()
    return capsys.readouterr().out


def test_more_words(capsys):
    out = printed(capsys, redact=["pin"])
    assert SECRET not in out
    assert "1234-pin" not in out


def test_the_syntax_of_the_variable(capsys):
    out = printed(capsys, redact="+pin,-password")
    assert SECRET in out
    assert "1234-pin" not in out


def test_switched_off(capsys):
    assert SECRET in printed(capsys, redact=False)
    assert SECRET not in printed(capsys, redact=True)


def test_in_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("CODOMYRMEX_REDACT", "off")
    assert SECRET in printed(capsys)
    assert SECRET not in printed(capsys, redact=True)


def test_what_is_no_rule():
    with pytest.raises(TypeError, match="redact"):
        Tracer("t", InMemoryExporter(), redact=3)
