"""Exceptions that pass through spans."""

from __future__ import annotations

import asyncio

import pytest

from codomyrmex.telemetry.tracing import SpanStatus


def test_a_block_that_raises_records_ends_and_raises_the_same_exception(tracer, memory):
    error = ValueError("no such order")
    with pytest.raises(ValueError, match="no such order") as raised, tracer.span("a") as span:
        raise error
    assert raised.value is error
    assert span.is_finished
    assert span.status is SpanStatus.ERROR
    assert span.status_message == "no such order"
    (event,) = span.events
    assert event["name"] == "exception"
    assert event["timestamp"] <= span.end_time
    assert event["attributes"]["exception.type"] == "ValueError"
    assert event["attributes"]["exception.message"] == "no such order"
    tracer.flush()
    assert memory.tree() == "✗ a\n"


def test_a_block_that_ends_well_leaves_unset(tracer):
    with tracer.span("a") as span:
        pass
    assert span.status is SpanStatus.UNSET
    assert span.events == []


def test_ok_stays_ok(tracer):
    with pytest.raises(KeyError), tracer.span("a") as span:
        span.set_status(SpanStatus.OK)
        raise KeyError("x")
    assert span.status is SpanStatus.OK
    assert span.events[0]["attributes"]["exception.type"] == "KeyError"


def test_cancelled_errors_are_recorded_and_raised(tracer):
    async def main():
        async def waits():
            with tracer.span("waits") as span:
                started.set()
                spans.append(span)
                await asyncio.Event().wait()

        spans = []
        started = asyncio.Event()
        task = asyncio.create_task(waits())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return spans[0]

    span = asyncio.run(main())
    assert span.status is SpanStatus.ERROR
    assert span.events[0]["attributes"]["exception.type"] == "asyncio.exceptions.CancelledError"


def stack(span):
    return span.events[0]["attributes"]["exception.stacktrace"]


def test_the_stack_names_every_frame(tracer):
    def outer():
        inner()

    def inner():
        raise ValueError("deep")

    with pytest.raises(ValueError, match="deep"), tracer.span("a") as span:
        outer()
    lines = stack(span).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: deep"
    assert [line.rpartition(".")[2].rpartition(" ")[2] for line in lines[1:4]] == [
        "test_the_stack_names_every_frame",
        "outer",
        "inner",
    ]
    line = inner.__code__.co_firstlineno + 1
    assert lines[3].startswith(f'  File "{__file__}", line {line}, in ')


def test_causes_come_first(tracer):
    with pytest.raises(RuntimeError), tracer.span("a") as span:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise RuntimeError("second") from error
    text = stack(span)
    assert text.index("KeyError: 'first'") < text.index("direct cause") < text.index("RuntimeError: second")


def test_context_comes_first_unless_it_is_suppressed(tracer):
    with pytest.raises(RuntimeError), tracer.span("a") as span:
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second")  # noqa: B904
    assert "During handling" in stack(span)
    with pytest.raises(RuntimeError), tracer.span("b") as span:
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second") from None
    assert "KeyError" not in stack(span)


def test_a_chain_that_bites_its_tail_ends(tracer):
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    with tracer.span("a") as span:
        span.record_exception(one)
    assert stack(span).count("ValueError: ") == 2


def test_a_deep_stack_is_cut_in_the_middle(tracer):
    def deep(left):
        if left == 0:
            raise ValueError("deep")
        deep(left - 1)

    with pytest.raises(ValueError, match="deep"), tracer.span("a") as span:
        deep(500)
    assert "frames left out]" in stack(span)
    assert stack(span).count("\n") < 140


def test_record_exception_by_hand(tracer):
    with tracer.span("a") as span:
        span.record_exception(ValueError("x"), {"retry": 3})
    assert span.status is SpanStatus.ERROR
    assert span.events[0]["attributes"]["retry"] == 3
    assert stack(span) == "ValueError: x\n"


def test_an_exception_whose_str_raises(tracer):
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    with pytest.raises(Odd), tracer.span("a") as span:
        raise Odd
    assert span.status is SpanStatus.ERROR
    assert "Odd" in span.status_message
