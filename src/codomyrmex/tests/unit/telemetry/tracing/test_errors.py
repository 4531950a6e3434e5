"""Exceptions that pass through spans."""

from __future__ import annotations

import asyncio
import sys

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


class Group(Exception):
    """As the backport of ExceptionGroup has it."""

    def __init__(self, message, exceptions):
        super().__init__(message)
        self.exceptions = tuple(exceptions)


def raised(error, cause=None):
    try:
        raise error from cause
    except Exception as caught:
        return caught


groups = [Group]
if sys.version_info >= (3, 11):
    groups.append(ExceptionGroup)  # noqa: F821


def told(tracer, error):
    with tracer.span("a") as span:
        span.record_exception(error)
    return stack(span)


@pytest.mark.parametrize("group", groups)
def test_sub_exceptions_are_told(tracer, group):
    inner = group("inner", [raised(KeyError("deep"), ValueError("cause"))])
    text = told(tracer, raised(group("outer", [raised(ValueError("one")), inner])))
    lines = text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert any(line.startswith("  File ") and line.endswith(" in raised") for line in lines)
    message = "outer (2 sub-exceptions)" if group is not Group else "outer"
    assert any(line.endswith(f"Group: {message}") for line in lines)
    first = lines.index("  +---------------- 1 of 2 ----------------")
    second = lines.index("  +---------------- 2 of 2 ----------------")
    assert lines[first + 1] == "  | Traceback (most recent call last):"
    assert "  | ValueError: one" in lines[first:second]
    deep = [line for line in lines[second:] if line.endswith(": 'deep'")]
    assert deep == ["  |   | KeyError: 'deep'"]
    assert lines.index("  |   | ValueError: cause") < lines.index(deep[0])
    assert lines[-1] == "  +----------------------------------------"


def test_groups_without_end_are_cut(tracer):
    deep = ValueError("bottom")
    for level in range(200):
        deep = Group(f"level {level}", [deep])
    text = told(tracer, deep)
    assert "level 199" in text
    assert "level 192" in text
    assert "level 180" not in text
    assert "[1 sub-exceptions left out]" in text

    text = told(tracer, Group("wide", [ValueError(number) for number in range(1_000)]))
    assert "ValueError: 15" in text
    assert "[984 sub-exceptions left out]" in text

    leaves = [Group(f"g{n}", [ValueError(f"{n}.{m}") for m in range(16)]) for n in range(16)]
    assert told(tracer, Group("both", leaves)).count("ValueError") < 64

    text = told(tracer, Group("large", [ValueError("x" * 1_000_000) for _ in range(16)]))
    assert len(text) < 1_000_000


def test_a_group_that_contains_itself_ends(tracer):
    group = Group("g", [])
    member = ValueError("m")
    member.__context__ = group
    group.exceptions = (group, member, member)
    text = told(tracer, group)
    assert text.count("Group: g") == 2
    assert text.count("ValueError: m") == 2


@pytest.mark.parametrize("exceptions", [None, (), [ValueError()], (1, 2), (ValueError,)])
def test_what_only_looks_like_a_group(tracer, exceptions):
    error = ValueError("plain")
    error.exceptions = exceptions
    assert told(tracer, error) == "ValueError: plain\n"
