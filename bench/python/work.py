"""The functions that are traced, and how they are called: the same for every peer."""

from collections.abc import Callable, Coroutine
from typing import Any

# A header to be read.
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def work() -> None:
    pass


async def work_async() -> None:
    pass


def fail(depth: int) -> None:
    if depth > 1:
        fail(depth - 1)
    raise ValueError("no stock left")


def call(function: Callable[[], None], times: int) -> None:
    for _ in range(times):
        function()


async def _await_all(function: Callable[[], Coroutine[Any, Any, None]], times: int) -> None:
    for _ in range(times):
        await function()


def call_async(function: Callable[[], Coroutine[Any, Any, None]], times: int) -> None:
    """Drives the coroutine by hand: nothing in it suspends, and no event loop's cost gets into the figure."""
    try:
        _await_all(function, times).send(None)
    except StopIteration:
        return
    raise RuntimeError("a coroutine of the benchmark suspended")
