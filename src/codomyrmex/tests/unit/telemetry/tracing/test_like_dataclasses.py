"""SpanContext and Span made by hand behave as dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
import time

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, Span, SpanContext, SpanKind, SpanStatus, Tracer

CONTEXT = SpanContext("t", "s", "p", False, {"k": "v"})


def full_span():
    return Span(
        "name",
        CONTEXT,
        SpanKind.SERVER,
        SpanStatus.ERROR,
        "bad",
        1.5,
        2.5,
        {"a": 1},
        [{"name": "e", "timestamp": 2.0, "attributes": {}}],
    )


def test_positions_and_keywords():
    assert (
        SpanContext(span_id="s", trace_id="t", parent_span_id="p", sampled=False, baggage={"k": "v"})
        == CONTEXT
    )
    span = full_span()
    assert span == Span(**{field: getattr(span, field) for field in Span.__match_args__})
    assert (span.name, span.context, span.kind, span.status) == (
        "name",
        CONTEXT,
        SpanKind.SERVER,
        SpanStatus.ERROR,
    )
    assert (span.status_message, span.start_time, span.end_time) == ("bad", 1.5, 2.5)
    assert (span.trace_id, span.span_id, span.parent_span_id, span.duration_ms) == ("t", "s", "p", 1000.0)


def test_defaults():
    context = SpanContext("t", "s")
    assert (context.parent_span_id, context.sampled, context.baggage) == (None, True, {})
    assert SpanContext("t", "s").baggage is not context.baggage
    before = time.time()
    span = Span("name", context)
    assert before <= span.start_time <= time.time()
    assert (span.kind, span.status, span.status_message) == (SpanKind.INTERNAL, SpanStatus.UNSET, "")
    assert (span.end_time, span.attributes, span.events) == (None, {}, [])
    assert not span.is_finished


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: SpanContext("t"), "span_id"),
        (lambda: Span("n"), "context"),
        (lambda: Span("n", CONTEXT, nothing=1), "nothing"),
        (lambda: Span("n", CONTEXT, name="m"), "name"),
        (lambda: Span(*range(10)), "arguments"),
    ],
)
def test_wrong_arguments(make, complaint):
    with pytest.raises(TypeError, match=complaint):
        make()


def test_the_callers_own_objects_are_kept():
    attributes, events, baggage = {"a": 1}, [], {}
    span = Span("n", CONTEXT, attributes=attributes, events=events)
    assert span.attributes is attributes
    assert span.events is events
    assert SpanContext("t", "s", baggage=baggage).baggage is baggage


@pytest.mark.parametrize("made", [CONTEXT, full_span()], ids=["context", "span"])
def test_equality_and_repr(made):
    same = copy.deepcopy(made)
    assert same == made
    assert not same != made
    assert made != 3
    assert eval(repr(same), {"Span": Span, "SpanContext": SpanContext}) == made if made is CONTEXT else True
    with pytest.raises(TypeError):
        hash(made)


def test_repr():
    assert repr(CONTEXT) == (
        "SpanContext(trace_id='t', span_id='s', parent_span_id='p', sampled=False, baggage={'k': 'v'})"
    )
    assert repr(full_span()) == (
        f"Span(name='name', context={CONTEXT!r}, kind=<SpanKind.SERVER: 'server'>, "
        "status=<SpanStatus.ERROR: 'error'>, status_message='bad', start_time=1.5, end_time=2.5, "
        "attributes={'a': 1}, events=[{'name': 'e', 'timestamp': 2.0, 'attributes': {}}])"
    )


def test_a_span_that_contains_itself_has_a_repr():
    span = full_span()
    span.attributes["itself"] = span
    assert "'itself': ..." in repr(span)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    context = SpanContext("t", "s", trace_state="a=b")
    for made in (CONTEXT, context, full_span()):
        again = pickle.loads(pickle.dumps(made, protocol))
        assert again == made
        assert type(again) is type(made)
    assert pickle.loads(pickle.dumps(context, protocol)).trace_state == "a=b"


def test_copies_share_and_deep_copies_do_not():
    span = full_span()
    assert copy.copy(span) == span
    assert copy.copy(span).attributes is span.attributes
    assert copy.deepcopy(span).attributes is not span.attributes
    assert copy.copy(CONTEXT).baggage is CONTEXT.baggage


def test_a_span_of_a_tracer_is_copied_as_one_made_by_hand():
    memory = InMemoryExporter()
    tracer = Tracer("shop", memory)
    with tracer.span("a", SpanKind.CLIENT, k=1) as span:
        span.add_event("e").add_link(CONTEXT)
    for again in (copy.copy(span), copy.deepcopy(span), pickle.loads(pickle.dumps(span))):
        assert again == span
        assert again.links == span.links
    again.finish()
    tracer.flush()
    assert memory.spans == [span]


def test_dataclasses_know_them():
    assert dataclasses.is_dataclass(Span)
    assert dataclasses.is_dataclass(CONTEXT)
    names = ["trace_id", "span_id", "parent_span_id", "sampled", "baggage"]
    assert [field.name for field in dataclasses.fields(SpanContext)] == names
    assert dataclasses.asdict(CONTEXT) == CONTEXT.to_dict()
    assert dataclasses.replace(CONTEXT, span_id="x") == SpanContext("t", "x", "p", False, {"k": "v"})
    span = full_span()
    assert dataclasses.replace(span, name="other").name == "other"
    assert dataclasses.asdict(span)["context"] == CONTEXT.to_dict()
    assert dataclasses.astuple(CONTEXT) == ("t", "s", "p", False, {"k": "v"})


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace is new in 3.13")
def test_copy_replace():
    assert copy.replace(CONTEXT, sampled=True) == SpanContext("t", "s", "p", True, {"k": "v"})
    assert copy.replace(full_span(), name="x").name == "x"


def test_match():
    match full_span():
        case Span("name", SpanContext(trace_id, "s"), kind=SpanKind.SERVER, attributes={"a": value}):
            assert (trace_id, value) == ("t", 1)
        case _:
            pytest.fail("did not match")


def test_every_field_can_be_assigned():
    span = Span("n", CONTEXT)
    for field in Span.__match_args__:
        value = object()
        setattr(span, field, value)
        assert getattr(span, field) is value
    context = SpanContext("t", "s")
    for field in SpanContext.__match_args__:
        value = object()
        setattr(context, field, value)
        assert getattr(context, field) is value


def test_fields_of_a_tracers_span_are_exported_as_they_stand_at_finish(memory, tracer):
    with tracer.span("a") as span:
        span.name = "b"
        span.kind = SpanKind.CLIENT
        span.status = SpanStatus.ERROR
        span.status_message = "odd"
        span.start_time = 10.0
        span.end_time = 12.0
        span.attributes = {"only": 1}
        span.events = [{"name": "e", "timestamp": 11.0, "attributes": {}}]
    tracer.flush()
    (exported,) = memory.spans
    assert exported is span
    data = exported.to_dict()
    assert (data["name"], data["kind"], data["status"], data["status_message"]) == (
        "b",
        "client",
        "error",
        "odd",
    )
    assert (data["start_time"], data["end_time"], data["duration_ms"]) == (10.0, 12.0, 2000.0)
    assert data["attributes"] == {"only": 1}
    assert data["events"] == [{"name": "e", "timestamp": 11.0, "attributes": {}}]


def test_a_span_made_by_hand_can_be_written_and_exported():
    span = Span("n", CONTEXT)
    span.set_attribute("k", 1).add_event("e").set_status(SpanStatus.OK)
    span.finish()
    end = span.end_time
    span.finish()
    assert span.is_finished
    assert span.end_time == end >= span.start_time
    assert span.attributes == {"k": 1}
    memory = InMemoryExporter()
    memory.export([span])
    assert memory.spans == [span]
    assert memory.get_spans("t") == [span]


def test_subclasses():
    class Mine(SpanContext):
        pass

    class MySpan(Span):
        extra = 1

    made = Mine("t", "s")
    assert type(copy.copy(made)) is Mine
    assert made != SpanContext("t", "s")
    assert type(Mine.from_dict(made.to_dict())) is Mine
    assert type(Mine.from_headers(made.to_headers())) is Mine
    span = MySpan("n", made)
    assert repr(span).startswith("test_subclasses.<locals>.MySpan" if False else type(span).__qualname__)
    assert span.set_attribute("a", 1) is span


def test_attributes_cannot_be_deleted():
    with pytest.raises(AttributeError):
        del full_span().name
