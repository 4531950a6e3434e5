"""Hooks: the user's own code at the start and the end of a span."""

from __future__ import annotations

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, NullExporter, Sampler, Tracer, get_current_span


class Hooks:
    def __init__(self):
        self.calls = []

    def on_start(self, span, parent):
        self.calls.append(("start", span.name, parent and parent.name))
        span.set_attribute("hooked", True)

    def on_ending(self, span):
        self.calls.append(("ending", span.name, span.is_finished))
        span.set_attribute("ending", True)
        return span.name != "drop"

    def on_end(self, span):
        self.calls.append(("end", span.name, span.is_finished))


def test_hooks_see_and_change_spans():
    hooks, memory = Hooks(), InMemoryExporter()
    tracer = Tracer("t", memory, hooks=hooks)
    with tracer.span("a") as a, tracer.span("b"):
        pass
    assert hooks.calls == [
        ("start", "a", None),
        ("start", "b", "a"),
        ("ending", "b", True),
        ("end", "b", True),
        ("ending", "a", True),
        ("end", "a", True),
    ]
    assert a.attributes == {"service.name": "t", "hooked": True, "ending": True}


@pytest.mark.parametrize("exporter", [InMemoryExporter, NullExporter])
def test_a_hook_may_drop_a_span_and_that_is_counted(exporter):
    tracer = Tracer("t", exporter(), hooks=Hooks())
    for name in ("keep", "drop", "keep"):
        with tracer.span(name):
            pass
    tracer.flush()
    stats = tracer.stats()
    (books,) = stats.exporters
    assert (books.exported, books.dropped["hook"]) == (2, 1)
    assert stats.balanced


def test_any_of_the_hooks_is_enough():
    class Ends:
        seen = None

        def on_end(self, span):
            self.seen = span

    hooks = Ends()
    tracer = Tracer("t", InMemoryExporter(), hooks=hooks)
    with tracer.span("a") as span:
        pass
    assert hooks.seen is span


def test_a_hook_that_raises_does_not_reach_the_application(caplog):
    class Broken:
        def on_start(self, span, parent):
            raise RuntimeError("a")

        def on_ending(self, span):
            raise RuntimeError("b")

        def on_end(self, span):
            raise RuntimeError("c")

    memory = InMemoryExporter()
    tracer = Tracer("t", memory, hooks=Broken())
    with tracer.span("a") as span:
        pass
    tracer.flush()
    assert memory.spans == [span]


def test_a_hook_may_start_spans():
    class Busy:
        def on_end(self, span):
            if span.name == "a":
                with tracer.span("from the hook"):
                    pass

    memory = InMemoryExporter()
    tracer = Tracer("t", memory, hooks=Busy())
    with tracer.span("a"):
        pass
    tracer.flush()
    assert sorted(span.name for span in memory.spans) == ["a", "from the hook"]


def test_unsampled_spans_have_no_hooks():
    hooks = Hooks()
    tracer = Tracer("t", InMemoryExporter(), hooks=hooks, sampler=Sampler.always_off())
    with tracer.span("a"):
        pass
    assert hooks.calls == []
    assert get_current_span() is None


def test_hooks_of_start_span_see_the_parent_that_was_given():
    hooks = Hooks()
    tracer = Tracer("t", InMemoryExporter(), hooks=hooks)
    parent = tracer.start_span("parent")
    tracer.start_span("child", parent=parent).finish()
    tracer.start_span("root", root=True).finish()
    parent.finish()
    assert [call for call in hooks.calls if call[0] == "start"] == [
        ("start", "parent", None),
        ("start", "child", "parent"),
        ("start", "root", None),
    ]


@pytest.mark.parametrize("exporter", [InMemoryExporter, NullExporter])
@pytest.mark.parametrize("end", ["block", "finish"])
def test_a_hook_that_ends_the_span_again_is_ignored(exporter, end):
    class Ending:
        calls = 0

        def on_ending(self, span):
            self.calls += 1
            assert span.is_recording
            span.finish()
            with span:
                pass
            span.set_attribute("still", "open")

    hooks = Ending()
    tracer = Tracer("t", exporter(), hooks=hooks)
    span = tracer.start_span("a")
    if end == "block":
        with span:
            pass
    else:
        span.finish()
    tracer.flush()
    stats = tracer.stats()
    assert hooks.calls == 1
    assert (stats.recorded, stats.exporters[0].exported, stats.ignored_after_finish) == (1, 1, 1)
    assert stats.balanced
    assert span.attributes["still"] == "open"
    assert not span.is_recording
