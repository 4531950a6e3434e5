"""Bad input never raises out of a recording call and never breaks a batch."""

from __future__ import annotations

import json

import pytest

from codomyrmex.telemetry.tracing import (
    ConsoleExporter,
    InMemoryExporter,
    Limits,
    NullExporter,
    Span,
    SpanContext,
    SpanKind,
    Tracer,
)


class NoText:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class TextEvil(str):
    __slots__ = ()

    def __hash__(self):
        raise RuntimeError("no hash")

    def __eq__(self, other):
        raise RuntimeError("no eq")


class WritesBack:
    """Its text changes the span that it is an attribute of."""

    def __init__(self, span):
        self.span = span

    def __str__(self):
        self.span.attributes.clear()
        self.span.set_attribute("again", 1)
        self.span.events.clear()
        return "written"


class Exits:
    def __str__(self):
        raise SystemExit(3)


def endless():
    value = []
    value.append(value)
    return value


def endless_dict():
    value = {}
    value["itself"] = value
    return value


VALUES = [
    None,
    object(),
    NoText(),
    TextEvil("x"),
    Exits(),
    b"\xff\xfe",
    bytearray(b"x"),
    memoryview(b"x"),
    "\ud800 lone",
    float("nan"),
    float("inf"),
    -(2**63),
    2**63,
    10**5000,
    endless(),
    endless_dict(),
    [1, "x", None, NoText()],
    {1: 2, NoText(): 3},
    {1, 2},
    frozenset({"a"}),
    (1, (2, (3,))),
    range(3),
    NoText,
    lambda: None,
    [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
    3 + 4j,
]

LARGE = ["x" * 10_000_000, b"x" * 10_000_000, list(range(200_000)), {str(n): n for n in range(100_000)}]


def kinds(value):
    text = type(value).__name__
    return f"{text}"


@pytest.fixture(params=["memory", "null", "console", "line", "tree"])
def exporter(request):
    return {
        "memory": InMemoryExporter,
        "null": NullExporter,
        "console": ConsoleExporter,
        "line": lambda: ConsoleExporter(pretty=False),
        "tree": lambda: ConsoleExporter(tree=True),
    }[request.param]()


def assert_both_arrived(tracer):
    (books,) = tracer.stats().exporters
    # A span that is larger than all buffers of bytes together is dropped, and counted.
    assert books.exported + books.dropped["limit"] + books.dropped["queue_full"] == 2
    assert books.exported >= 1
    assert tracer.stats().balanced


@pytest.mark.parametrize("value", VALUES, ids=kinds)
def test_values(exporter, value, capsys):
    tracer = Tracer("t", exporter)
    with tracer.span("a", given=value) as span:
        span.set_attribute("set", value)
        span.add_event("e", {"k": value})
        span.set_status(value).set_status("error", value)
    with tracer.span("good"):
        pass
    tracer.flush()
    assert_both_arrived(tracer)
    if getattr(exporter, "pretty", None) is False:
        for line in capsys.readouterr().out.splitlines():
            json.loads(line)


@pytest.mark.parametrize("value", LARGE, ids=kinds)
def test_large_values(value, capsys):
    for exporter in (InMemoryExporter(), NullExporter(), ConsoleExporter(pretty=False)):
        tracer = Tracer("t", exporter)
        with tracer.span("a", given=value):
            pass
        with tracer.span("good"):
            pass
        tracer.flush()
        assert_both_arrived(tracer)


@pytest.mark.parametrize("value", VALUES, ids=kinds)
def test_names_and_keys(exporter, value):
    tracer = Tracer("t", exporter)
    with tracer.span(value, value) as span:
        span.set_attribute(value, 1)
        span.set_attributes(value)
        span.update_name(value)
        span.add_event(value, value, value)
        span.record_exception(value)
        span.add_link(value, value)
        assert isinstance(span.name, str)
    tracer.start_span(value, value, value, value, links=value, start_time=value).finish()
    tracer.flush()
    assert_both_arrived(tracer)


@pytest.mark.parametrize("value", VALUES, ids=kinds)
def test_assigned_fields(exporter, value):
    tracer = Tracer("t", exporter)
    for field in Span.__match_args__:
        with tracer.span("a") as span:
            setattr(span, field, value)
    for field in SpanContext.__match_args__:
        with tracer.span("a") as span:
            setattr(span.context, field, value)
            with tracer.span("child"):
                span.context.to_headers()
    tracer.flush()
    stats = tracer.stats()
    assert stats.balanced
    assert stats.recorded + stats.unsampled == len(Span.__match_args__) + 2 * len(SpanContext.__match_args__)
    assert stats.exporters[0].dropped["export_failed"] == 0


def test_a_value_that_changes_its_own_span(exporter):
    tracer = Tracer("t", exporter)
    for look in (False, True):
        with tracer.span("a", first=1) as span:
            span.add_event("e", {"k": WritesBack(span)}).add_event("f")
            span.set_attribute("evil", WritesBack(span)).set_attribute("last", 2)
            if look:
                assert span.attributes
                assert span.events
    tracer.flush()
    assert_both_arrived(tracer)


def test_odd_keys(tracer):
    with tracer.span("a", SpanKind.INTERNAL, {1: 2, (3,): 4}) as span:
        span.set_attribute(5, 6).set_attribute(None, 7).set_attribute(TextEvil("evil"), 8)
        span.set_attribute("", 9)
    assert span.attributes == {"service.name": "shop", "1": 2, "(3,)": 4, "5": 6, "None": 7, "evil": 8, "": 9}


def test_lone_surrogates_are_kept_for_objects_and_replaced_for_bytes(tracer, capsys):
    with tracer.span("na\ud800me", SpanKind.INTERNAL, {"k\udfff": "v\ud83d"}) as span:
        pass
    assert span.name == "na\ud800me"
    assert span.attributes["k\udfff"] == "v\ud83d"
    assert json.loads(span.to_json())["name"] == "na\ufffdme"


def test_methods_of_an_unfinished_tracer():
    tracer = Tracer.__new__(Tracer)
    for call in (
        tracer.flush,
        tracer.shutdown,
        tracer.stats,
        lambda: tracer.span("a"),
        lambda: tracer.start_span("a"),
    ):
        with pytest.raises(RuntimeError, match="__init__"):
            call()


def test_a_tracer_is_made_once(tracer):
    with pytest.raises(RuntimeError, match="before"):
        tracer.__init__("again", InMemoryExporter())


def test_enter_and_exit_by_hand(tracer):
    span = tracer.span("a")
    assert span.__exit__(None, None, None) is None
    with span:
        span.__enter__()
    span.__exit__(None, None, None)
    span.__exit__()
    unborn = tracer.span("never entered")
    unborn.finish()
    assert tracer.stats().started == 1
    assert tracer.stats().balanced


@pytest.mark.parametrize("events", [range(10**9), "x" * 10_000_000, [{"name": "e"}] * 1_000])
def test_no_more_events_are_read_than_the_limit(events):
    def span(tracer):
        made = tracer.start_span("a")
        made.events = events
        return made

    tracer = Tracer("t", NullExporter())
    made = span(tracer)
    assert len(json.loads(made.to_json())["events"]) == 128
    made.finish()
    few = span(Tracer("t", NullExporter(), limits=Limits(events=2)))
    assert len(json.loads(few.to_json())["events"]) == 2
    by_hand = Span("a", SpanContext("t", "s"), events=events)
    assert len(json.loads(by_hand.to_json())["events"]) == 128
    tracer.flush()
    assert tracer.stats().exporters[0].exported == 1
