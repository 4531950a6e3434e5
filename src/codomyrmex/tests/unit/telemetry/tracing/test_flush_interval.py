"""`flush_interval`: what waits goes out after it, though no batch is completed."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, SpanExporter, Tracer


class Notifying(SpanExporter):
    def __init__(self):
        self.batches = []
        self.threads = []
        self.exported = threading.Semaphore(0)

    def export(self, spans):
        self.batches.append([span.name for span in spans])
        self.threads.append(threading.get_ident())
        self.exported.release(len(spans))

    def wait(self, count):
        for _ in range(count):
            assert self.exported.acquire(timeout=30)


def finish(tracer, *spans):
    for name in spans:
        tracer.start_span(name).finish()


def test_what_waits_goes_out_after_the_interval():
    exporter = Notifying()
    tracer = Tracer("t", exporter, flush_interval=0.01)
    for name in ("a", "b", "c"):
        finish(tracer, name)
        exporter.wait(1)
    assert exporter.batches == [["a"], ["b"], ["c"]]
    assert threading.get_ident() not in exporter.threads
    tracer.flush()
    assert tracer.stats().exporters[0].exported == 3
    assert tracer.stats().balanced


def test_whole_batches_go_out_at_once_and_where_they_were_finished():
    exporter = Notifying()
    tracer = Tracer("t", exporter, flush_interval=3600)
    finish(tracer, *"abcdefghijk")
    assert exporter.batches == [list("abcdefghij")]
    assert exporter.threads == [threading.get_ident()]
    tracer.flush()
    assert exporter.batches[1:] == [["k"]]


def test_each_tracer_has_its_own_interval():
    slow, quick = Notifying(), Notifying()
    finish(Tracer("slow", slow, flush_interval=3600), "s")
    finish(Tracer("quick", quick, flush_interval=0.01), "q")
    quick.wait(1)
    assert slow.batches == []


def test_what_comes_while_another_thread_exports_is_not_forgotten():
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Notifying):
        def export(self, spans):
            if not self.batches:
                entered.set()
                assert go_on.wait(30)
            super().export(spans)

    exporter = Slow()
    tracer = Tracer("t", exporter, batch_size=2, flush_interval=0.01)
    thread = threading.Thread(target=finish, args=(tracer, "a", "b"))
    thread.start()
    assert entered.wait(30)
    finish(tracer, "late")
    go_on.set()
    exporter.wait(3)
    thread.join()
    assert exporter.batches == [["a", "b"], ["late"]]


def test_the_timer_keeps_no_tracer_alive():
    exporter = Notifying()
    tracer = Tracer("t", exporter, flush_interval=0.01)
    finish(tracer, "a")
    gone = threading.Event()
    watch = weakref.ref(tracer, lambda _: gone.set())
    del tracer
    exporter.wait(1)
    while not gone.wait(0.01):
        gc.collect()
    assert watch() is None
    assert exporter.batches == [["a"]]


def test_what_the_exporter_raises_is_counted_and_the_timer_goes_on():
    class Broken(Notifying):
        def export(self, spans):
            super().export(spans)
            raise RuntimeError("disk full")

    exporter = Broken()
    tracer = Tracer("t", exporter, flush_interval=0.01)
    for name in ("a", "b"):
        finish(tracer, name)
        exporter.wait(1)
    tracer.flush()
    assert tracer.stats().exporters[0].dropped["export_failed"] == 2


def test_the_environment_sets_it(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    exporter = Notifying()
    finish(Tracer("t", exporter), "a")
    exporter.wait(1)


@pytest.mark.parametrize("interval", [-1, float("nan"), float("inf")])
def test_what_is_no_interval(interval):
    with pytest.raises(ValueError, match="seconds"):
        Tracer("t", InMemoryExporter(), flush_interval=interval)
