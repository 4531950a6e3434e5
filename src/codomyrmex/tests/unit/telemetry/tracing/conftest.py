"""A tracer of each test's own, with an exporter that remembers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer, get_current_span, reset_tracers


@pytest.fixture
def memory() -> InMemoryExporter:
    return InMemoryExporter()


@pytest.fixture
def tracer(memory: InMemoryExporter) -> Tracer:
    return Tracer("shop", memory)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    reset_tracers()
    assert get_current_span() is None
    yield
    assert get_current_span() is None
    reset_tracers()
