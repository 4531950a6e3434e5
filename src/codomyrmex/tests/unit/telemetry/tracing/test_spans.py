"""Starting, writing and finishing spans."""

from __future__ import annotations

import copy
import gc
import time
import weakref

import pytest

from codomyrmex.telemetry.tracing import (
    InMemoryExporter,
    Span,
    SpanContext,
    SpanKind,
    SpanStatus,
    Tracer,
    get_current_span,
)


def test_blocks_nest(tracer, memory):
    with tracer.span("checkout") as outer:
        with tracer.span("pay") as inner:
            assert get_current_span() is inner
        assert get_current_span() is outer
        with tracer.span("ship"):
            pass
    tracer.flush()
    assert memory.tree() == "checkout\n├─ pay\n╰─ ship\n"
    assert inner.trace_id == outer.trace_id
    assert inner.parent_span_id == outer.span_id
    assert outer.parent_span_id is None


def test_the_block_gives_the_span_itself(tracer):
    span = tracer.span("a")
    with span as entered:
        assert entered is span
        assert isinstance(span, Span)


@pytest.mark.parametrize("kind", list(SpanKind))
def test_kinds(tracer, kind):
    with tracer.span("a", kind) as by_position, tracer.span("b", kind=kind) as by_keyword:
        assert by_position.kind is kind
        assert by_keyword.kind is kind
    assert tracer.start_span("c", kind=kind).kind is kind


def test_every_other_keyword_is_an_attribute(tracer):
    given = {"http.method": "GET", "links": 1, "self": 2, "parent": 3, "attributes": 4, "tracer": 5}
    with tracer.span("a", SpanKind.CLIENT, {"first": 0}, name="x", **given) as span:
        assert span.name == "a"
        assert span.attributes == {"service.name": "shop", "first": 0, "name": "x", **given}
    with tracer.span(name="by keyword", kind=SpanKind.SERVER, size=1) as span:
        assert (span.name, span.kind) == ("by keyword", SpanKind.SERVER)
        assert span.attributes == {"service.name": "shop", "size": 1}


def test_a_name_is_needed(tracer):
    with pytest.raises(TypeError, match="name"):
        tracer.span()
    with pytest.raises(TypeError, match="positions"):
        tracer.span("a", SpanKind.CLIENT, {}, 1)


def test_attributes_hold_the_callers_own_objects_and_the_service_first(tracer):
    value = object()
    with tracer.span("a", value=value) as span:
        span.set_attribute("late", [value])
        assert span.attributes["value"] is value
    assert list(span.attributes) == ["service.name", "value", "late"]


def test_the_last_value_of_an_equal_key_wins(tracer):
    key = "".join(["ke", "y"])
    with tracer.span("a", key=1) as span:
        span.set_attribute(key, 2).set_attribute("key", 3)
    assert span.attributes == {"service.name": "shop", "key": 3}


def test_many_attributes_keep_their_order(tracer):
    with tracer.span("a") as span:
        for number in range(30):
            span.set_attribute(f"k{number}", number)
        for number in range(30):
            span.set_attribute(f"k{number}", -number)
    expected = {"service.name": "shop"} | {f"k{number}": -number for number in range(30)}
    assert span.attributes == expected
    assert list(span.attributes) == list(expected)


def test_attributes_may_be_changed_in_place_until_the_end(tracer, memory):
    with tracer.span("a", gone=1) as span:
        del span.attributes["gone"]
        span.attributes["new"] = 2
        span.set_attribute("set", 3)
    tracer.flush()
    assert memory.spans[0].attributes == {"service.name": "shop", "new": 2, "set": 3}


def test_setters_return_the_span(tracer):
    with tracer.span("a") as span:
        assert span.set_attribute("k", 1) is span
        assert span.set_attribute(key="k", value=2) is span
        assert span.set_attributes({"l": 3}) is span
        assert span.add_event("e") is span
        assert span.add_link(span) is span
        assert span.set_status(SpanStatus.OK) is span
        assert span.record_exception(ValueError("x")) is span
        assert span.update_name("b") is span
    assert span.attributes == {"service.name": "shop", "k": 2, "l": 3}
    assert span.name == "b"


def test_wrong_arguments_of_setters_are_type_errors(tracer):
    span = tracer.start_span("a")
    with pytest.raises(TypeError):
        span.set_attribute("only a key")
    with pytest.raises(TypeError):
        span.set_attribute("k", 1, value=2)
    with pytest.raises(TypeError):
        span.add_event()
    span.finish()


def test_events(tracer):
    before = time.time()
    with tracer.span("a") as span:
        span.add_event("plain").add_event("full", {"k": [1]}).add_event("timed", timestamp=1.5)
    first, second, third = span.events
    assert first["name"] == "plain"
    assert first["attributes"] == {}
    assert before - 1 <= first["timestamp"] <= time.time() + 1
    assert second == {"name": "full", "timestamp": second["timestamp"], "attributes": {"k": [1]}}
    assert third["timestamp"] == 1.5


def test_events_may_be_changed_in_place(tracer):
    with tracer.span("a") as span:
        span.add_event("x")
        span.events.clear()
        span.add_event("y")
    assert [event["name"] for event in span.events] == ["y"]


def test_links(tracer):
    other = SpanContext("0" * 31 + "1", "0" * 15 + "2")
    with tracer.span("a") as linked:
        pass
    span = tracer.start_span("b", links=[other, linked, (other, {"why": "x"})])
    span.add_link(linked, {"k": 1})
    span.finish()
    assert [(context.span_id, attributes) for context, attributes in span.links] == [
        (other.span_id, {}),
        (linked.span_id, {}),
        (other.span_id, {"why": "x"}),
        (linked.span_id, {"k": 1}),
    ]


def test_start_span_is_not_current_and_exports_at_finish(tracer, memory):
    with tracer.span("outer") as outer:
        span = tracer.start_span("inner", SpanKind.PRODUCER, attributes={"k": 1})
        assert get_current_span() is outer
    assert span.parent_span_id == outer.span_id
    assert not span.is_finished
    span.finish()
    assert span.is_finished
    tracer.flush()
    assert memory.spans == [outer, span]


def test_an_explicit_parent(tracer):
    remote = SpanContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", baggage={"k": "v"})
    with tracer.span("outer") as outer:
        pass
    with tracer.span("other"):
        child = tracer.start_span("child", parent=outer)
        far = tracer.start_span("far", parent=remote)
        root = tracer.start_span("root", root=True)
    assert (child.trace_id, child.parent_span_id) == (outer.trace_id, outer.span_id)
    assert (far.trace_id, far.parent_span_id) == (remote.trace_id, remote.span_id)
    assert far.context.baggage == {"k": "v"}
    assert root.parent_span_id is None
    assert root.trace_id != outer.trace_id
    for span in (child, far, root):
        span.finish()


def test_a_started_span_can_be_a_block(tracer, memory):
    span = tracer.start_span("a")
    with span:
        assert get_current_span() is span
    assert span.is_finished
    tracer.flush()
    assert memory.spans == [span]


def test_finish_is_idempotent_and_what_comes_after_is_ignored_and_counted(tracer, memory):
    span = tracer.start_span("a", attributes={"k": 1})
    span.finish()
    end = span.end_time
    span.finish()
    span.set_attribute("late", 1).set_status(SpanStatus.ERROR).add_event("late").record_exception(
        ValueError()
    )
    span.update_name("late")
    with span:
        assert get_current_span() is not span
    assert span.end_time == end
    assert (span.name, span.status, span.events) == ("a", SpanStatus.UNSET, [])
    assert span.attributes == {"service.name": "shop", "k": 1}
    tracer.flush()
    assert memory.spans == [span]
    assert tracer.stats().ignored_after_finish == 6


def test_times_are_seconds_since_the_epoch(tracer):
    before = time.time()
    with tracer.span("a") as span:
        assert span.end_time is None
        started = span.start_time
    after = time.time()
    assert before - 0.05 <= span.start_time <= span.end_time <= after + 0.05
    assert span.start_time == started
    assert span.duration_ms == pytest.approx((span.end_time - span.start_time) * 1000, abs=0.01)


def test_own_times(tracer):
    import datetime

    span = tracer.start_span("a", start_time=1000.25)
    span.end_time = 1001.5
    span.finish()
    assert (span.start_time, span.end_time, span.duration_ms) == (1000.25, 1001.5, 1250.0)
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    dated = tracer.start_span("b", start_time=moment)
    dated.finish()
    assert dated.start_time == moment.timestamp()


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ([], SpanStatus.UNSET, ""),
        ([(SpanStatus.OK, "dropped")], SpanStatus.OK, ""),
        ([(SpanStatus.ERROR, "bad")], SpanStatus.ERROR, "bad"),
        ([(SpanStatus.ERROR, "bad"), (SpanStatus.UNSET, "")], SpanStatus.ERROR, "bad"),
        ([(SpanStatus.ERROR, "bad"), (SpanStatus.OK, "")], SpanStatus.OK, ""),
        ([(SpanStatus.OK, ""), (SpanStatus.ERROR, "bad")], SpanStatus.OK, ""),
        ([(SpanStatus.ERROR, "one"), (SpanStatus.ERROR, "two")], SpanStatus.ERROR, "two"),
    ],
)
def test_ok_is_final_and_error_wins_over_unset(tracer, given, status, message):
    with tracer.span("a") as span:
        for one in given:
            span.set_status(*one)
    assert span.status is status
    assert span.status_message == message


def test_span_objects_are_collected(tracer):
    span = tracer.start_span("a")
    span.set_attribute("itself", span)
    span.attributes["again"] = span
    gone = weakref.ref(span)
    del span
    gc.collect()
    assert gone() is None
    assert tracer.stats().abandoned == 1
    assert tracer.stats().balanced


def test_a_tracer_is_collected_with_its_exporter():
    memory = InMemoryExporter()
    tracer = Tracer("t", memory)
    memory.tracer = tracer
    with tracer.span("a"):
        pass
    tracer.flush()
    gone = weakref.ref(tracer)
    del tracer, memory
    gc.collect()
    assert gone() is None


def test_to_dict(tracer):
    with tracer.span("outer") as outer, tracer.span("a", SpanKind.SERVER, k=1) as span:
        span.add_event("e", {"x": 1}).set_status(SpanStatus.ERROR, "bad")
    data = span.to_dict()
    assert list(data) == [
        "name",
        "trace_id",
        "span_id",
        "parent_span_id",
        "kind",
        "status",
        "status_message",
        "start_time",
        "end_time",
        "duration_ms",
        "attributes",
        "events",
    ]
    assert data["parent_span_id"] == outer.span_id
    assert (data["kind"], data["status"], data["status_message"]) == ("server", "error", "bad")
    assert data["attributes"] == {"service.name": "shop", "k": 1}
    assert data["attributes"] is not span.attributes
    assert data["events"] == [{"name": "e", "timestamp": span.events[0]["timestamp"], "attributes": {"x": 1}}]


def test_to_json_is_the_dict_as_json(tracer):
    import json

    with tracer.span("a", k=[1, "x", None, {"y": 0.5}]) as span:
        pass
    plain = span.to_dict()
    for pretty in (False, True):
        data = json.loads(span.to_json(pretty=pretty))
        for time_key in ("start_time", "end_time", "duration_ms"):
            assert data.pop(time_key) == pytest.approx(plain[time_key])
        assert data == {key: value for key, value in plain.items() if key in data}
    assert "\n" not in span.to_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "late"),
        ("context", None),
        ("kind", SpanKind.SERVER),
        ("status", SpanStatus.ERROR),
        ("status_message", "late"),
        ("start_time", 1.0),
        ("end_time", None),
        ("attributes", {"late": 1}),
        ("events", []),
    ],
)
def test_a_field_assigned_after_the_end_is_ignored_and_counted(tracer, field, value):
    span = tracer.start_span("a")
    span.add_event("e")
    span.finish()
    before = copy.deepcopy(span)
    setattr(span, field, value)
    assert span == before
    assert tracer.stats().ignored_after_finish == 1


def test_memory_of_spans_that_are_gone_leaves_no_trace(tracer):
    class Own(Span):
        pass

    def fill(number):
        span = tracer.start_span(
            "old", SpanKind.CLIENT, attributes={"k": 1}, links=[SpanContext("1" * 32, "2" * 16)]
        )
        span.add_event("e").set_status(SpanStatus.ERROR, "m").set_attributes(
            {str(n): n for n in range(number)}
        )
        gone = weakref.ref(span)
        if number % 2:
            # Only the collector finds it.
            span.attributes["itself"] = span
        return gone

    for number in range(100):
        gone = fill(number)
        Own("mine", SpanContext("t", "s"))
        if number % 2:
            gc.collect()
        assert gone() is None
        fresh = [tracer.start_span("new") for _ in range(20)]
        assert all(span.attributes == {"service.name": "shop"} and span.events == [] for span in fresh)
        assert {(span.kind, span.status, span.status_message) for span in fresh} == {
            (SpanKind.INTERNAL, SpanStatus.UNSET, "")
        }
        assert all(span.links == [] and span.end_time is None for span in fresh)
        assert len({id(span) for span in fresh}) == len({span.span_id for span in fresh}) == 20
    del fresh
    assert tracer.stats().open == 0
    assert tracer.stats().balanced
