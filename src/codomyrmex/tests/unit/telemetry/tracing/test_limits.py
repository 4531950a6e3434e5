"""Limits: what is over them is dropped and counted."""

from __future__ import annotations

import json

import pytest

from codomyrmex.telemetry.tracing import (
    ConsoleExporter,
    InMemoryExporter,
    Limits,
    NullExporter,
    SpanContext,
    SpanStatus,
    Tracer,
)

OTHER = SpanContext("1" * 32, "2" * 16)


def test_the_defaults():
    assert repr(Limits()) == (
        "Limits(attributes=128, events=128, links=128, attributes_per_event=128, attributes_per_link=128, "
        "attribute_value_length=None)"
    )
    assert Limits() == Limits(attributes=128)
    assert Limits(attributes=1) != Limits()


def test_attributes():
    tracer = Tracer("t", InMemoryExporter(), limits=Limits(attributes=3))
    with tracer.span("a", a=1, b=2) as span:
        span.set_attribute("c", 3).set_attribute("d", 4).set_attribute("a", 5)
    assert span.attributes == {"service.name": "t", "a": 5, "b": 2, "c": 3}
    with tracer.span("many", None, {f"k{number}": number for number in range(10)}) as span:
        pass
    tracer = Tracer("t", InMemoryExporter(), limits=Limits(attributes=20))
    with tracer.span("many") as span:
        span.set_attributes({f"k{number}": number for number in range(100)})
    assert len(span.attributes) == 21


def test_a_million_attributes(tracer):
    with tracer.span("a") as span:
        for number in range(1_000_000):
            span.set_attribute(f"k{number}", number)
    assert len(span.attributes) == 129


def test_events_and_their_attributes():
    tracer = Tracer("t", InMemoryExporter(), limits=Limits(events=2, attributes_per_event=1))
    for look in (False, True):
        with tracer.span("a") as span:
            for number in range(5):
                if look:
                    assert len(span.events) <= 2
                span.add_event(f"e{number}", {"a": 1, "b": 2})
        assert [(event["name"], event["attributes"]) for event in span.events] == [
            ("e0", {"a": 1}),
            ("e1", {"a": 1}),
        ]


def test_links():
    tracer = Tracer("t", InMemoryExporter(), limits=Limits(links=1, attributes_per_link=1))
    span = tracer.start_span("a", links=[(OTHER, {"a": 1, "b": 2}), OTHER])
    span.add_link(OTHER)
    assert span.links == [(OTHER, {"a": 1})]
    span.finish()


def test_what_is_over_a_limit_is_counted_on_its_way_to_bytes():
    tracer = Tracer(
        "t", NullExporter(), limits=Limits(attributes=2, events=1, links=1, attribute_value_length=3)
    )
    with tracer.span("a", a="long text", b=1, c=2, d=3) as span:
        span.add_event("x").add_event("y").add_link(OTHER).add_link(OTHER)
    tracer.flush()
    stats = tracer.stats()
    assert stats.truncated == 1
    assert stats.over_limit >= 1
    assert stats.balanced


def test_the_environment_sets_limits(monkeypatch):
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    tracer = Tracer("t", InMemoryExporter())
    with tracer.span("a", a=1, b=2) as span:
        pass
    assert span.attributes == {"service.name": "t", "a": 1}
    tracer = Tracer("t", InMemoryExporter(), limits=Limits())
    with tracer.span("a", a=1, b=2) as span:
        pass
    assert len(span.attributes) == 3


@pytest.mark.parametrize("make", [InMemoryExporter, NullExporter])
def test_what_is_over_a_limit_is_counted_for_every_exporter(make):
    tracer = Tracer("t", make(), limits=Limits(attributes=2, events=1, links=1, attributes_per_event=1))
    with tracer.span("a", a=1, b=2, c=3, d=4) as span:
        span.add_event("x", {"a": 1, "b": 2}).add_event("y").add_event("z")
        span.add_link(OTHER).add_link(OTHER)
    # Two attributes of the span and one of an event, two events, one link.
    assert tracer.stats().over_limit == 6
    with tracer.span("within"):
        pass
    assert tracer.stats().over_limit == 6
    tracer = Tracer("t", make(), limits=Limits(attributes=1), sampler="always_off")
    with tracer.span("unsampled", None, {f"k{number}": number for number in range(20)}):
        pass
    assert tracer.stats().over_limit == 0


def test_limits_do_not_cut_ids():
    def size(text):
        null = NullExporter()
        tracer = Tracer("t", null, limits=Limits(attributes=0, attribute_value_length=3))
        with tracer.start_span("a", parent=SpanContext(text, "s" * 20)):
            pass
        tracer.flush()
        stats = tracer.stats()
        assert (stats.truncated, stats.over_limit, stats.exporters[0].exported) == (0, 0, 1)
        return null.byte_count

    # Two lengths of which each takes two bytes.
    assert size("t" * 900) - size("t" * 200) == 700


def test_the_console_cuts_long_values(capsys):
    tracer = Tracer("t", ConsoleExporter(pretty=False))
    with tracer.span("a", text="x" * 10_000_000, list=["y" * 1_000] * 1_000, blob=b"z" * 1_000_000):
        pass
    tracer.flush()
    out = capsys.readouterr().out
    assert len(out) < 300_000
    attributes = json.loads(out)["attributes"]
    assert attributes["text"] == "x" * 65_535 + "… [9934465 bytes left out]"
    assert attributes["list"][0] == "y" * 1_000
    assert tracer.stats().truncated == 3
    span = tracer.start_span("b", attributes={"k": "x" * 100_000})
    assert len(json.loads(span.to_json())["attributes"]["k"]) == 100_000


def test_the_console_cuts_names_keys_and_messages(capsys):
    tracer = Tracer("t", ConsoleExporter(pretty=False))
    long = "é" * 1_000_000
    with tracer.span(long, None, {long: 1}) as span:
        span.set_status(SpanStatus.ERROR, long).add_event(long, {long: long})
    tracer.flush()
    out = capsys.readouterr().out
    assert len(out) < 400_000
    assert json.loads(out)["name"].startswith("ééé")
    assert tracer.stats().truncated == 6


def test_the_console_follows_the_limits(capsys):
    limits = Limits(attributes=2, attributes_per_event=1, attribute_value_length=3)
    tracer = Tracer("t", ConsoleExporter(pretty=False), limits=limits)
    with tracer.span("a") as span:
        span.attributes.update(a="12345", b=["1234", {"c": "123"}], c=3, d=4)
        span.events.append({"name": "e", "timestamp": 1.0, "attributes": {"x": 1, "y": 2}})
    tracer.flush()
    data = json.loads(capsys.readouterr().out)
    assert data["attributes"] == {"service.name": "t", "a": "123", "b": ["123", {"c": "123"}]}
    assert data["events"][0]["attributes"] == {"x": 1}
    assert (tracer.stats().truncated, tracer.stats().over_limit) == (2, 3)
    assert span.attributes["a"] == "12345"
