"""The current span: in threads, tasks, generators, and where blocks end out of order or elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
import logging
import threading

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, NullExporter, Tracer, get_current_span


def test_none_without_a_span():
    assert get_current_span() is None


def test_a_thread_starts_without_a_span(tracer):
    seen = []
    with tracer.span("a"):
        thread = threading.Thread(target=lambda: seen.append(get_current_span()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_thread_in_a_copied_context_sees_the_span(tracer, memory):
    def work():
        with tracer.span("child"):
            pass

    with tracer.span("parent"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
    tracer.flush()
    assert memory.tree() == "parent\n╰─ child\n"


def test_threads_do_not_disturb_each_other(tracer, memory):
    def work(name):
        with tracer.span(name) as outer:
            for _ in range(50):
                with tracer.span("inner") as inner:
                    assert inner.parent_span_id == outer.span_id
                    assert get_current_span() is inner
                assert get_current_span() is outer

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracer.flush()
    assert tracer.stats().recorded == 204
    assert len({span.trace_id for span in memory.spans}) == 4


def test_tasks_see_the_span_that_they_were_made_in(tracer, memory):
    async def child(name):
        with tracer.span(name):
            await asyncio.sleep(0)
            with tracer.span(f"{name}.inner"):
                await asyncio.sleep(0)

    async def main():
        with tracer.span("parent"):
            tasks = [asyncio.create_task(child(f"c{number}")) for number in range(3)]
            with tracer.span("sibling"):
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)

    asyncio.run(main())
    tracer.flush()
    parents = {
        span.name: next((p.name for p in memory.spans if p.span_id == span.parent_span_id), None)
        for span in memory.spans
    }
    assert parents == {
        "parent": None,
        "sibling": "parent",
        "c0": "parent",
        "c1": "parent",
        "c2": "parent",
        "c0.inner": "c0",
        "c1.inner": "c1",
        "c2.inner": "c2",
    }


def test_a_task_that_outlives_its_parent_keeps_it(tracer):
    async def main():
        async def late():
            await released.wait()
            with tracer.span("late") as first:
                pass
            with tracer.span("later") as second:
                pass
            return first, second

        released = asyncio.Event()
        with tracer.span("parent") as parent:
            task = asyncio.create_task(late())
        assert get_current_span() is None
        with tracer.span("next") as sibling:
            assert sibling.parent_span_id is None
        released.set()
        return parent, await task

    parent, spans = asyncio.run(main())
    assert [span.parent_span_id for span in spans] == [parent.span_id] * 2


def test_a_task_that_has_not_started_when_its_parent_ends(tracer):
    async def main():
        async def child():
            return get_current_span()

        with tracer.span("outer"):
            with tracer.span("parent") as parent:
                task = asyncio.create_task(child())
            with tracer.span("sibling"):
                pass
        return parent, await task

    parent, seen = asyncio.run(main())
    assert seen is parent


def test_to_thread(tracer):
    async def main():
        with tracer.span("parent") as parent:
            seen = await asyncio.to_thread(get_current_span)
        assert seen is parent

    asyncio.run(main())


def test_context_variables_of_the_application_change_in_between(tracer):
    variables = [contextvars.ContextVar(f"v{number}") for number in range(40)]

    def nest(left):
        with tracer.span(f"s{left}") as span:
            variables[left].set(left)
            if left:
                nest(left - 1)
            variables[left].set(-left)
            assert get_current_span() is span
            copy = contextvars.copy_context()
            with tracer.span("inner") as inner:
                assert inner.parent_span_id == span.span_id
                assert copy.run(get_current_span) is span
            assert get_current_span() is span

    contextvars.copy_context().run(nest, 39)
    nest(39)
    assert get_current_span() is None


def test_a_copied_context_keeps_what_it_was_made_with(tracer):
    copies = []
    with tracer.span("a") as a:
        copies.append(contextvars.copy_context())
        with tracer.span("b") as b:
            copies.append(contextvars.copy_context())
            with tracer.span("c") as c:
                copies.append(contextvars.copy_context())
            copies.append(contextvars.copy_context())
    copies.append(contextvars.copy_context())
    assert [copy.run(get_current_span) for copy in copies] == [a, b, c, b, None]


def test_copies_go_their_own_ways(tracer):
    with tracer.span("a") as a:
        copy = contextvars.copy_context()
        inner = tracer.span("in the copy")
        copy.run(inner.__enter__)
        assert copy.run(get_current_span) is inner
        assert get_current_span() is a
        again = contextvars.Context.copy(copy)
        copy.run(inner.__exit__, None, None, None)
        assert copy.run(get_current_span) is a
        assert again.run(get_current_span) is inner
    assert copy.run(get_current_span) is a
    assert get_current_span() is None


def test_blocks_that_end_out_of_order(tracer):
    outer, inner = tracer.span("outer"), tracer.span("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert get_current_span() is inner
    inner.__exit__(None, None, None)
    assert get_current_span() is None
    with tracer.span("next") as following:
        assert following.parent_span_id is None


def test_a_generator_that_holds_a_block_open(tracer):
    def holds():
        with tracer.span("held"):
            yield 1
            yield 2

    with tracer.span("outer"):
        generator = holds()
        next(generator)
    assert list(generator) == [2]
    assert get_current_span() is None
    with tracer.span("next") as following:
        assert following.parent_span_id is None


def test_a_generator_closed_by_another_context(tracer):
    def holds():
        with tracer.span("held"):
            yield

    generator = holds()
    next(generator)
    elsewhere = contextvars.copy_context()
    elsewhere.run(generator.close)
    # It was entered here and closed there: it is the parent of nothing in either.
    assert get_current_span() is None
    assert elsewhere.run(get_current_span) is None
    with tracer.span("next") as following:
        assert following.parent_span_id is None


def test_an_async_generator_closed_by_another_task_says_nothing(tracer, caplog, capfd):
    async def holds():
        with tracer.span("held"):
            yield 1
            yield 2

    async def main():
        async def closes(generator):
            await generator.aclose()
            return get_current_span()

        with tracer.span("outer") as outer:
            generator = holds()
            await generator.__anext__()
            assert await asyncio.create_task(closes(generator)) is outer
            assert get_current_span() is outer
            with tracer.span("child") as child:
                pass
        assert child.parent_span_id == outer.span_id
        assert get_current_span() is None

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
        gc.collect()
    assert not [record for record in caplog.records if "etach" in record.getMessage()]
    assert capfd.readouterr().err == ""


def test_an_async_generator_collected_by_the_event_loop(tracer):
    async def holds():
        with tracer.span("held"):
            yield 1

    async def main():
        async for _ in holds():
            break
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with tracer.span("next") as following:
            pass
        return following

    assert asyncio.run(main()).parent_span_id is None


def test_finish_inside_the_block_makes_the_parent_current(tracer):
    with tracer.span("a") as a:
        with tracer.span("b") as b:
            b.finish()
            assert get_current_span() is a
        assert get_current_span() is a


def test_one_current_span_for_all_tracers(tracer):
    other = Tracer("other", InMemoryExporter())
    with tracer.span("a") as a, other.span("b") as b:
        assert get_current_span() is b
        assert (b.trace_id, b.parent_span_id) == (a.trace_id, a.span_id)


def test_contexts_of_tasks_leave_nothing_for_the_collector():
    tracer = Tracer("shop", NullExporter())

    async def child():
        with tracer.span("child"), tracer.span("inner"):
            await asyncio.sleep(0)

    async def main():
        for _ in range(100):
            await asyncio.create_task(child())

    # Warm up whatever the event loop keeps.
    asyncio.run(main())
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        asyncio.run(main())
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 100


@pytest.mark.parametrize("depth", [1, 2, 100])
def test_deep_nesting(tracer, depth):
    spans = [tracer.span(f"s{number}") for number in range(depth)]
    for span in spans:
        span.__enter__()
    for above, span in itertools.pairwise(spans):
        assert span.parent_span_id == above.span_id
    for span in reversed(spans):
        assert get_current_span() is span
        span.__exit__(None, None, None)
    assert get_current_span() is None


@pytest.mark.parametrize("foreign", [42, None, "text", object(), contextvars.copy_context()])
def test_what_others_put_into_the_variable_counts_as_nothing(tracer, foreign):
    def run():
        with tracer.span("before"):
            pass
        for variable in contextvars.copy_context():
            variable.set(foreign)
        assert get_current_span() is None
        with tracer.span("a") as a:
            assert get_current_span() is a
            assert a.parent_span_id is None
            with tracer.span("b") as b:
                assert b.parent_span_id == a.span_id
            for variable in contextvars.copy_context():
                variable.set(foreign)
            assert get_current_span() is None
        assert get_current_span() is None
        with tracer.span("c") as c:
            assert get_current_span() is c

    contextvars.Context().run(run)
    assert get_current_span() is None
