"""`@trace` and `@tracer.span(…)` on everything that can be called."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import inspect
import pickle
import types

import pytest

from codomyrmex.telemetry.tracing import (
    InMemoryExporter,
    SpanKind,
    SpanStatus,
    get_current_span,
    get_tracer,
    trace,
)


@pytest.fixture
def memory():
    memory = InMemoryExporter()
    get_tracer("default", memory)
    return memory


def drawn(memory, *attributes):
    get_tracer().flush()
    return memory.tree(*attributes)


@trace
def module_level(x: int, *, y: int = 2) -> int:
    """Adds."""
    return x + y


@trace("renamed", kind=SpanKind.CLIENT)
async def module_level_async(x):
    await asyncio.sleep(0)
    module_level(x)
    return x


def test_a_plain_function(memory):
    assert module_level(1) == 3
    assert module_level(x=1, y=5) == 6
    assert drawn(memory, "function.name") == (
        "module_level function.name=module_level\nmodule_level function.name=module_level\n"
    )


def test_the_three_ways_to_write_it(memory):
    @trace
    def one():
        return get_current_span()

    @trace("two")
    def b():
        return get_current_span()

    @trace(name="three", kind=SpanKind.SERVER, tracer_name="other")
    def c():
        return get_current_span()

    @trace()
    def four():
        return get_current_span()

    other = InMemoryExporter()
    get_tracer("other", other)
    assert [function().name for function in (one, b, c, four)] == ["one", "two", "three", "four"]
    get_tracer("other").flush()
    assert drawn(memory) == "one\ntwo\nfour\n"
    assert [(span.name, span.kind) for span in other.spans] == [("three", SpanKind.SERVER)]


def test_errors_pass_through(memory):
    @trace
    def fails():
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad") as raised:
        fails()
    assert [frame.name for frame in raised.traceback] == ["test_errors_pass_through", "fails"]
    assert drawn(memory) == "✗ fails\n"
    (span,) = memory.spans
    assert span.status is SpanStatus.ERROR
    assert span.events[0]["attributes"]["exception.type"] == "ValueError"


def test_wrong_arguments_are_the_functions_own_error(memory):
    with pytest.raises(TypeError, match="module_level"):
        module_level()
    assert drawn(memory) == "✗ module_level\n"


def test_methods(memory):
    class Shop:
        @trace
        def method(self, x):
            return self, x

        @trace
        @classmethod
        def above(cls):
            return cls

        @classmethod
        @trace
        def below(cls):
            return cls

        @trace
        @staticmethod
        def static(x):
            return x

        @property
        @trace
        def prop(self):
            return 5

        @trace
        async def coroutine(self):
            return self

    shop = Shop()
    assert shop.method(1) == (shop, 1)
    assert Shop.method(shop, 2) == (shop, 2)
    assert Shop.above() is Shop
    assert shop.below() is Shop
    assert Shop.static(3) == 3
    assert shop.prop == 5
    assert asyncio.run(shop.coroutine()) is shop
    bound = shop.method
    assert bound.__self__ is shop
    assert isinstance(bound, types.MethodType)
    assert inspect.iscoroutinefunction(shop.coroutine)
    assert drawn(memory) == "method\nmethod\nabove\nbelow\nstatic\nprop\ncoroutine\n"


def test_a_coroutine_functions_span_covers_its_body(memory):
    coroutine = module_level_async(5)
    assert get_current_span() is None
    assert inspect.iscoroutine(coroutine)
    assert asyncio.iscoroutine(coroutine)
    assert inspect.isawaitable(coroutine)
    assert asyncio.run(_await(coroutine)) == 5
    assert drawn(memory) == "renamed\n╰─ module_level\n"


async def _await(awaitable):
    return await awaitable


def test_coroutines_as_tasks(memory):
    @trace
    async def child(number):
        await asyncio.sleep(0)
        return number

    @trace
    async def parent():
        return await asyncio.gather(*(child(number) for number in range(3)))

    assert asyncio.run(parent()) == [0, 1, 2]
    assert drawn(memory) == "parent\n├─ child\n├─ child\n╰─ child\n"


def test_errors_and_cancelling_in_coroutines(memory):
    @trace
    async def fails():
        await asyncio.sleep(0)
        raise KeyError("x")

    @trace
    async def waits():
        await asyncio.Event().wait()

    async def main():
        with pytest.raises(KeyError):
            await fails()
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert get_current_span() is None

    asyncio.run(main())
    assert drawn(memory) == "✗ fails\n✗ waits\n"


def test_a_coroutine_that_catches_what_is_thrown_into_it(memory):
    @trace
    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "finished"

    async def main():
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "finished"
    assert drawn(memory) == "stubborn\n"


def test_a_coroutine_that_is_never_awaited(memory):
    coroutine = module_level_async(1)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        del coroutine
        gc.collect()
    assert drawn(memory) == ""
    assert get_tracer().stats().started == 0


def test_a_coroutine_that_is_closed(memory):
    @trace
    async def waits():
        await asyncio.sleep(0)

    coroutine = waits()
    coroutine.send(None)
    coroutine.close()
    assert get_current_span() is None
    assert drawn(memory) == "waits\n"


def test_generators(memory):
    @trace
    def numbers(count):
        for number in range(count):
            module_level(number)
            received = yield number
            if received:
                yield received
        return "end"

    generator = numbers(2)
    assert inspect.isgenerator(generator)
    assert next(generator) == 0
    assert get_current_span() is None
    with get_tracer().span("consumer") as consumer:
        assert generator.send("x") == "x"
        assert get_current_span() is consumer
    assert next(generator) == 1
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    assert drawn(memory) == "numbers\n├─ module_level\n╰─ module_level\nconsumer\n"


def test_generators_delegate(memory):
    @trace
    def inner():
        received = yield 1
        return received

    @trace
    def outer():
        return (yield from inner())

    generator = outer()
    assert next(generator) == 1
    with pytest.raises(StopIteration) as stop:
        generator.send((1, 2))
    assert stop.value.value == (1, 2)
    assert drawn(memory) == "outer\n╰─ inner\n"


def test_generators_that_are_given_up_end_their_span(memory):
    closed = []

    @trace
    def numbers():
        try:
            yield 1
            yield 2
        finally:
            closed.append(get_current_span().name)

    for _ in numbers():
        break
    gc.collect()
    generator = numbers()
    next(generator)
    generator.close()
    fresh = numbers()
    fresh.close()
    assert closed == ["numbers", "numbers"]
    assert drawn(memory) == "numbers\nnumbers\n"
    assert get_current_span() is None


def test_exceptions_thrown_into_generators(memory):
    @trace
    def catches():
        try:
            yield 1
        except ValueError:
            yield 2

    generator = catches()
    next(generator)
    assert generator.throw(ValueError("x")) == 2
    with pytest.raises(KeyError):
        generator.throw(KeyError("y"))
    assert drawn(memory) == "✗ catches\n"


def test_a_traced_generator_as_a_context_manager(memory):
    import contextlib

    @contextlib.contextmanager
    @trace
    def manages():
        yield 5

    with manages() as value:
        assert value == 5
    assert drawn(memory) == "manages\n"


def test_async_generators(memory):
    @trace
    async def numbers(count):
        for number in range(count):
            await asyncio.sleep(0)
            module_level(number)
            received = yield number
            if received:
                yield received

    async def main():
        generator = numbers(2)
        assert inspect.isasyncgen(generator)
        assert await generator.__anext__() == 0
        assert get_current_span() is None
        assert await generator.asend("x") == "x"
        assert [number async for number in generator] == [1]
        given_up = numbers(3)
        await given_up.__anext__()
        await given_up.aclose()
        await numbers(1).aclose()

    asyncio.run(main())
    assert drawn(memory) == "numbers\n├─ module_level\n╰─ module_level\nnumbers\n╰─ module_level\n"


def test_errors_in_async_generators(memory):
    @trace
    async def fails():
        yield 1
        raise ValueError("x")

    async def main():
        with pytest.raises(ValueError, match="x"):
            async for _ in fails():
                pass
        generator = fails()
        await generator.__anext__()
        with pytest.raises(KeyError):
            await generator.athrow(KeyError("y"))

    asyncio.run(main())
    assert drawn(memory) == "✗ fails\n✗ fails\n"


def test_inspect_sees_the_kind_of_function_that_it_was():
    async def coroutine(): ...

    def generator():
        yield

    async def async_generator():
        yield

    checks = [
        inspect.isfunction,
        inspect.isroutine,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        callable,
    ]
    for function in (module_level.__wrapped__, coroutine, generator, async_generator):
        traced = trace(function)
        assert [check(traced) for check in checks] == [check(function) for check in checks]
        partial = functools.partial(traced)
        assert inspect.iscoroutinefunction(partial) == inspect.iscoroutinefunction(
            functools.partial(function)
        )
    assert inspect.signature(module_level) == inspect.signature(module_level.__wrapped__)
    assert inspect.unwrap(module_level) is module_level.__wrapped__
    assert inspect.getdoc(module_level) == "Adds."
    assert inspect.getsource(module_level).startswith("@trace\ndef module_level")


def test_names_and_attributes_are_the_functions():
    import typing

    assert module_level.__name__ == "module_level"
    assert module_level.__qualname__ == "module_level"
    assert module_level.__module__ == __name__
    assert module_level.__doc__ == "Adds."
    assert module_level.__kwdefaults__ == {"y": 2}
    assert typing.get_type_hints(module_level) == {"x": int, "y": int, "return": int}
    assert "module_level" in repr(module_level)
    with pytest.raises(AttributeError):
        module_level.nothing

    def marked(): ...

    marked.mark = 1
    traced = trace(marked)
    assert traced.mark == 1
    traced.own = 2
    assert traced.own == 2
    assert not hasattr(marked, "own")

    @functools.wraps(module_level)
    def around(): ...

    assert around.__name__ == "module_level"


def test_pickle_and_copy():
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert pickle.loads(pickle.dumps(module_level_async)) is module_level_async
    assert copy.copy(module_level) is module_level
    assert copy.deepcopy(module_level) is module_level


def test_a_tracers_span_is_a_decorator(tracer, memory):
    own = InMemoryExporter()
    from codomyrmex.telemetry.tracing import Tracer

    tracer = Tracer("shop", own)

    @tracer.span("work", SpanKind.CLIENT, size=3)
    def work(x):
        return x

    assert work(1) == 1
    assert work(2) == 2
    tracer.flush()
    assert {span.kind for span in own.spans} == {SpanKind.CLIENT}
    assert own.tree("size", "function.name") == (
        "work size=3 function.name=work\nwork size=3 function.name=work\n"
    )
    assert tracer.stats().started == 2
    with tracer.span("begun") as span, pytest.raises(TypeError, match="before"):
        span(work)


def test_what_cannot_be_traced():
    with pytest.raises(TypeError, match="function"):
        trace("name")(3)


def test_callables_of_other_kinds(memory):
    class Callable:
        def __call__(self, x):
            return x

    assert trace(Callable())(1) == 1
    assert trace("length")(len)([1]) == 1
    assert trace("partial")(functools.partial(module_level.__wrapped__, 1))() == 3
    assert drawn(memory) == "Callable\nlength\npartial\n"


def test_recursion(memory):
    @trace
    def down(left):
        return left and down(left - 1)

    assert down(3) == 0
    assert drawn(memory) == "down\n╰─ down\n   ╰─ down\n      ╰─ down\n"


def test_traced_functions_are_collected():
    import weakref

    def make():
        @trace
        def inner():
            return inner

        return inner

    inner = make()
    inner.itself = inner
    gone = weakref.ref(inner)
    del inner
    gc.collect()
    assert gone() is None
