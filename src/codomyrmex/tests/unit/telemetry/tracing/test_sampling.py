"""Samplers: the built-in ones and the user's own; unsampled spans and switched-off tracers."""

from __future__ import annotations

import pytest

from codomyrmex.telemetry.tracing import (
    InMemoryExporter,
    Sampler,
    SamplingResult,
    SpanContext,
    SpanKind,
    Tracer,
    get_current_span,
)


def test_unsampled_spans_carry_the_context_and_are_not_exported():
    memory = InMemoryExporter()
    tracer = Tracer("t", memory, sampler=Sampler.always_off())
    with tracer.span("a", k=1) as a:
        assert get_current_span() is a
        a.set_attribute("l", 2).add_event("e").record_exception(ValueError())
        with tracer.span("b") as b:
            assert (b.trace_id, b.parent_span_id) == (a.trace_id, a.span_id)
            assert b.context.sampled is False
            assert b.context.to_headers()["X-Sampled"] == "false"
    assert not a.is_recording
    assert a.is_finished
    assert a.events == []
    tracer.flush()
    assert memory.spans == []
    stats = tracer.stats()
    assert (stats.started, stats.unsampled, stats.recorded, stats.open) == (2, 2, 0, 0)
    assert stats.balanced


def test_children_do_as_their_parents_by_default():
    memory = InMemoryExporter()
    off, on = Tracer("off", memory, sampler="always_off"), Tracer("on", memory)
    with off.span("a"), on.span("b"):
        pass
    with on.span("c"):
        pass
    on.flush()
    assert memory.tree() == "c\n"


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (Sampler.always_on(), True),
        (Sampler.always_off(), False),
        (Sampler.ratio(1.0), True),
        (Sampler.ratio(0.0), False),
        (Sampler.parent_based(Sampler.always_off()), False),
        ("parentbased_always_on", True),
    ],
)
def test_built_in_samplers(sampler, expected):
    tracer = Tracer("t", InMemoryExporter(), sampler=sampler)
    span = tracer.start_span("a")
    assert span.context.sampled is expected
    span.finish()


def test_a_ratio_keeps_whole_traces_and_about_its_share():
    tracer = Tracer("t", InMemoryExporter(), sampler=Sampler.parent_based(Sampler.ratio(0.5)))
    sampled = 0
    for _ in range(400):
        with tracer.span("root") as root, tracer.span("child") as child:
            assert root.context.sampled is child.context.sampled
        sampled += root.context.sampled
    assert 100 < sampled < 300


def test_a_sampler_of_the_users_own():
    class Own:
        def __init__(self):
            self.seen = []

        def sample(self, name, *, trace_id, parent, kind, attributes, links):
            self.seen.append((name, trace_id, parent, kind, attributes, links))
            if name == "drop":
                return False
            return SamplingResult(True, {"sampled.by": "own"})

    own, memory = Own(), InMemoryExporter()
    tracer = Tracer("t", memory, sampler=own)
    with tracer.span("keep", SpanKind.SERVER, k=1) as keep, tracer.span("drop"):
        pass
    tracer.flush()
    assert memory.spans == [keep]
    assert keep.attributes == {"service.name": "t", "k": 1, "sampled.by": "own"}
    (name, trace_id, parent, kind, attributes, links), second = own.seen
    assert (name, trace_id, parent, kind, attributes, links) == (
        "keep",
        keep.trace_id,
        None,
        SpanKind.SERVER,
        {"k": 1},
        [],
    )
    assert isinstance(second[2], SpanContext)
    assert second[2].span_id == keep.span_id


def test_a_sampler_may_choose_the_trace_state():
    class Own:
        def sample(self, name, **rest):
            return SamplingResult(True, trace_state="own=1")

    tracer = Tracer("t", InMemoryExporter(), sampler=Own())
    with tracer.span("root") as root:
        assert root.context.to_headers()["tracestate"] == "own=1"
    remote = SpanContext("1" * 32, "2" * 16, baggage={"k": "v"}, trace_state="theirs=2")
    span = tracer.start_span("child", parent=remote)
    assert (span.context.trace_state, span.context.baggage) == ("own=1", {"k": "v"})
    span.finish()


def test_a_sampler_that_raises_drops_the_span(caplog):
    class Broken:
        def sample(self, name, **rest):
            raise RuntimeError("no idea")

    tracer = Tracer("t", InMemoryExporter(), sampler=Broken())
    with tracer.span("a") as span:
        assert not span.is_recording
    assert tracer.stats().balanced


@pytest.mark.parametrize("sampler", [3, "nonsense", object()])
def test_what_is_no_sampler(sampler):
    with pytest.raises((TypeError, ValueError), match="sampler"):
        Tracer("t", InMemoryExporter(), sampler=sampler)


def test_a_ratio_lies_between_0_and_1():
    with pytest.raises(ValueError, match="ratio"):
        Sampler.ratio(1.5)


def test_a_tracer_that_is_off_passes_contexts_through(monkeypatch):
    monkeypatch.setenv("CODOMYRMEX_SDK_DISABLED", "true")
    memory = InMemoryExporter()
    tracer = Tracer("t", memory)
    remote = SpanContext("1" * 32, "2" * 16)
    span = tracer.start_span("a", parent=remote)
    with span, tracer.span("b") as inner:
        assert inner.trace_id == remote.trace_id
        assert inner.context.to_headers()["traceparent"].split("-")[1:3] == ["1" * 32, "2" * 16]
    with tracer.span("root") as root:
        root.set_attribute("k", 1)
    tracer.flush()
    assert memory.spans == []
    assert tracer.stats().started == 0
    assert tracer.stats().balanced


class Asked:
    """Remembers what it was asked, and answers what it was told to."""

    def __init__(self, answer):
        self.answer = answer
        self.attributes = []
        self.links = []

    def sample(self, name, *, trace_id, parent, kind, attributes, links):
        self.attributes.append(attributes)
        self.links.append(links)
        return self.answer


@pytest.mark.parametrize("count", [0, 8, 9, 100])
@pytest.mark.parametrize("sampled", [True, False])
def test_a_sampler_sees_all_initial_attributes(count, sampled):
    given = {f"k{number}": number for number in range(count)}
    asked = Asked(SamplingResult(sampled, {"chosen": True}))
    tracer = Tracer("t", InMemoryExporter(), sampler=asked)
    with tracer.span("a", **given) as span:
        pass
    tracer.start_span("b", attributes=given).finish()
    assert asked.attributes == [given, given]
    expected = {"service.name": "t"} | (given | {"chosen": True} if sampled else {})
    assert span.attributes == expected


def test_a_sampler_sees_the_links():
    one, other = SpanContext("1" * 32, "2" * 16), SpanContext("text", "s", trace_state="a=b")
    for sampled in (True, False):
        asked = Asked(sampled)
        tracer = Tracer("t", InMemoryExporter(), sampler=asked)
        span = tracer.start_span("a", links=[one, (other, {"k": 1})])
        assert asked.links == [[one, other]]
        assert span.links == ([(one, {}), (other, {"k": 1})] if sampled else [])
        with tracer.span("b"):
            pass
        assert asked.links[1] == []


def test_consistent_probability_says_what_a_trace_stands_for():
    tracer = Tracer("t", InMemoryExporter(), sampler=Sampler.parent_based(Sampler.consistent_probability(1)))
    with tracer.span("a"), tracer.span("b") as b:
        assert "ot=th:0" in b.context.to_headers()["tracestate"]
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sampler.consistent_probability(1.5)


def test_a_rate_limit_keeps_whole_traces_and_not_too_many():
    memory = InMemoryExporter()
    # One trace in a thousand seconds.
    tracer = Tracer("t", memory, sampler=Sampler.parent_based(Sampler.rate_limit(0.001)))
    for _ in range(5):
        with tracer.span("root"), tracer.span("child"):
            pass
    tracer.flush()
    assert [span.name for span in memory.spans] == ["child", "root"]
    with pytest.raises(ValueError, match="at least 0"):
        Sampler.rate_limit(float("nan"))
