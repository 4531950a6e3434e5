"""Limits: what is over them is dropped and counted."""

from __future__ import annotations

from codomyrmex.telemetry.tracing import InMemoryExporter, Limits, NullExporter, SpanContext, Tracer

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
    with tracer.span("many", {f"k{number}": number for number in range(10)}) as span:
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
