"""The registry of tracers by name."""

from __future__ import annotations

import threading

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer, get_tracer, reset_tracers, trace


def test_the_same_name_is_the_same_tracer():
    memory = InMemoryExporter()
    tracer = get_tracer("shop", memory)
    assert get_tracer("shop") is tracer
    assert get_tracer("shop", memory) is tracer
    assert get_tracer("other", memory) is not tracer
    assert tracer.service_name == "shop"
    assert tracer.exporter is memory


def test_the_default_name(monkeypatch):
    monkeypatch.setenv("CODOMYRMEX_TRACES_EXPORTER", "none")
    assert get_tracer() is get_tracer("default")


def test_another_exporter_is_warned_of_and_not_used():
    memory = InMemoryExporter()
    tracer = get_tracer("shop", memory)
    with pytest.warns(RuntimeWarning, match="'shop'"):
        assert get_tracer("shop", InMemoryExporter()) is tracer
    assert tracer.exporter is memory


def test_the_registry_can_be_reset():
    memory = InMemoryExporter()
    first = get_tracer("shop", memory)
    with first.span("a"):
        pass
    reset_tracers()
    assert [span.name for span in memory.spans] == ["a"]
    assert get_tracer("shop", InMemoryExporter()) is not first


def test_a_traced_function_follows_the_registry():
    @trace(tracer_name="shop")
    def work():
        pass

    for _ in range(2):
        memory = InMemoryExporter()
        get_tracer("shop", memory)
        work()
        reset_tracers()
        assert [span.name for span in memory.spans] == ["work"]


def test_threads_get_one_tracer():
    found = []
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        found.append(get_tracer("shop", memory))

    memory = InMemoryExporter()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_tracers_live_side_by_side():
    one, other = InMemoryExporter(), InMemoryExporter()
    first, second = Tracer("same", one), Tracer("same", other)
    with first.span("a"), second.span("b"):
        pass
    first.flush()
    second.flush()
    assert [span.name for span in one.spans] == ["a"]
    assert [span.name for span in other.spans] == ["b"]


def test_subclasses_of_tracer():
    class Mine(Tracer):
        extra: int

        def __init__(self, extra):
            super().__init__("mine", InMemoryExporter())
            self.extra = extra

        def span(self, name, *rest, **attributes):
            return super().span(f"mine.{name}", *rest, **attributes)

    tracer = Mine(5)
    with tracer.span("a", k=1) as span:
        pass
    assert (tracer.extra, span.name, span.attributes["k"]) == (5, "mine.a", 1)
