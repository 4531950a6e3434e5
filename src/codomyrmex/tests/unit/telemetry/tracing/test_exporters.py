"""Exporters: batches, threads, failures, the console, memory, and the books."""

from __future__ import annotations

import json
import threading

import pytest

from codomyrmex.telemetry.tracing import (
    ConsoleExporter,
    InMemoryExporter,
    NullExporter,
    Span,
    SpanContext,
    SpanExporter,
    Tracer,
)


class Recorder(SpanExporter):
    def __init__(self):
        self.batches = []
        self.threads = []
        self.calls = []

    def export(self, spans):
        assert type(spans) is list
        self.batches.append(spans)
        self.threads.append(threading.get_ident())

    def flush(self):
        self.calls.append("flush")

    def shutdown(self):
        self.calls.append("shutdown")


def finish(tracer, count):
    made = []
    for number in range(count):
        with tracer.span(f"s{number}") as span:
            made.append(span)
    return made


def test_the_contract_is_abstract():
    with pytest.raises(TypeError):
        SpanExporter()


def test_the_tenth_span_exports():
    recorder = Recorder()
    tracer = Tracer("t", recorder)
    spans = finish(tracer, 9)
    assert recorder.batches == []
    spans += finish(tracer, 14)
    assert [len(batch) for batch in recorder.batches] == [10, 10]
    tracer.flush()
    assert [len(batch) for batch in recorder.batches] == [10, 10, 3]
    exported = [span for batch in recorder.batches for span in batch]
    assert len(exported) == len(spans)
    assert all(one is other for one, other in zip(exported, spans, strict=True))


def test_the_list_is_the_exporters_own():
    recorder = Recorder()
    tracer = Tracer("t", recorder)
    finish(tracer, 10)
    recorder.batches[0].clear()
    finish(tracer, 10)
    assert [len(batch) for batch in recorder.batches] == [0, 10]


@pytest.mark.parametrize("size", [1, 3, 10])
def test_the_batch_size(size):
    recorder = Recorder()
    tracer = Tracer("t", recorder, batch_size=size)
    finish(tracer, 2 * size)
    assert [len(batch) for batch in recorder.batches] == [size, size]


def test_batches_are_one_tracers_across_threads():
    recorder = Recorder()
    tracer = Tracer("t", recorder)
    finish(tracer, 9)
    thread = threading.Thread(target=finish, args=(tracer, 1))
    thread.start()
    thread.join()
    assert recorder.threads == [thread.ident]


def test_two_tracers_have_their_own_batches():
    recorder = Recorder()
    one, other = Tracer("one", recorder), Tracer("other", recorder)
    finish(one, 6)
    finish(other, 6)
    assert recorder.batches == []
    one.flush()
    other.flush()
    assert [len(batch) for batch in recorder.batches] == [6, 6]


def test_an_exporter_may_flush_and_start_spans():
    class Busy(Recorder):
        def export(self, spans):
            super().export(spans)
            tracer.flush()
            if len(self.batches) < 5:
                finish(tracer, 3)

    recorder = Busy()
    tracer = Tracer("t", recorder)
    finish(tracer, 10)
    for _ in range(5):
        tracer.flush()
    assert sum(map(len, recorder.batches)) == tracer.stats().recorded
    assert tracer.stats().balanced


def test_an_exporter_that_makes_more_than_it_takes_ends():
    class Greedy(Recorder):
        def export(self, spans):
            super().export(spans)
            finish(tracer, 25)

    recorder = Greedy()
    tracer = Tracer("t", recorder)
    finish(tracer, 10)
    tracer.flush()
    assert len(recorder.batches) < 10
    assert tracer.stats().balanced


def test_calls_of_one_exporter_never_overlap_and_nothing_is_lost():
    class Careful(Recorder):
        def __init__(self):
            super().__init__()
            self.inside = 0

        def export(self, spans):
            self.inside += 1
            assert self.inside == 1
            entered.set()
            go_on.wait(10)
            super().export(spans)
            self.inside -= 1

    entered, go_on = threading.Event(), threading.Event()
    recorder = Careful()
    tracer = Tracer("t", recorder)
    first = threading.Thread(target=finish, args=(tracer, 10))
    first.start()
    assert entered.wait(10)
    finish(tracer, 25)
    assert recorder.batches == []
    flusher = threading.Thread(target=tracer.flush)
    flusher.start()
    go_on.set()
    first.join()
    flusher.join()
    assert sum(map(len, recorder.batches)) == 35
    assert tracer.stats().exporters[0].dropped["export_failed"] == 0


def test_what_an_exporter_raises_is_counted_and_said_once(caplog):
    class Broken(Recorder):
        def export(self, spans):
            raise RuntimeError("disk full")

        def flush(self):
            raise RuntimeError("still full")

        def shutdown(self):
            raise RuntimeError("full for ever")

    tracer = Tracer("t", Broken())
    finish(tracer, 25)
    tracer.flush()
    (books,) = tracer.stats().exporters
    assert books.dropped["export_failed"] == 25
    assert books.exported == 0
    tracer.shutdown()
    assert tracer.stats().balanced


def test_an_exporter_that_answers_false_has_failed():
    class Refusing(Recorder):
        def export(self, spans):
            return False

    tracer = Tracer("t", Refusing())
    finish(tracer, 3)
    assert tracer.force_flush() is False
    assert tracer.stats().exporters[0].dropped["export_failed"] == 3


def test_an_exporter_without_flush_and_shutdown():
    class Bare:
        def __init__(self):
            self.spans = []

        def export(self, spans):
            self.spans += spans

    bare = Bare()
    tracer = Tracer("t", bare)
    spans = finish(tracer, 2)
    tracer.flush()
    tracer.shutdown()
    assert bare.spans[0] is spans[0]


def test_flush_and_shutdown():
    recorder = Recorder()
    tracer = Tracer("t", recorder)
    finish(tracer, 3)
    assert tracer.flush() is None
    assert recorder.calls == ["flush"]
    finish(tracer, 2)
    assert tracer.shutdown() is None
    assert [len(batch) for batch in recorder.batches] == [3, 2]
    assert recorder.calls[-1] == "shutdown"
    tracer.shutdown()
    assert recorder.calls.count("shutdown") == 1


def test_what_is_finished_after_shutdown_is_counted():
    recorder = Recorder()
    tracer = Tracer("t", recorder)
    span = tracer.start_span("open")
    tracer.shutdown()
    span.finish()
    assert recorder.batches == []
    assert tracer.stats().exporters[0].dropped["shutdown"] == 1
    assert tracer.stats().balanced


def test_force_flush_says_what_happened():
    tracer = Tracer("t", Recorder())
    finish(tracer, 3)
    assert tracer.force_flush(1.0) is True
    with pytest.raises(ValueError, match="seconds"):
        tracer.force_flush(-1)


def test_force_flush_gives_up_in_time():
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Recorder):
        def export(self, spans):
            entered.set()
            go_on.wait(10)

    tracer = Tracer("t", Slow())
    thread = threading.Thread(target=finish, args=(tracer, 10))
    thread.start()
    assert entered.wait(10)
    assert tracer.force_flush(0.01) is False
    go_on.set()
    thread.join()


def test_aflush_does_not_block_the_loop():
    import asyncio

    recorder = Recorder()
    tracer = Tracer("t", recorder)
    finish(tracer, 3)

    async def main():
        assert await tracer.aflush() is None

    asyncio.run(main())
    assert [len(batch) for batch in recorder.batches] == [3]
    assert recorder.threads != [threading.get_ident()]


def test_memory_keeps_the_newest():
    memory = InMemoryExporter(max_spans=3)
    tracer = Tracer("t", memory)
    spans = finish(tracer, 20)
    assert memory.spans == spans[-3:]
    assert memory.spans[0] is spans[-3]
    assert memory.get_spans(spans[-1].trace_id) == [spans[-1]]
    assert memory.get_spans() == spans[-3:]
    assert memory.get_spans("nobody's") == []
    memory.clear()
    assert memory.spans == []
    memory.export(spans)
    tracer.shutdown()
    assert memory.spans == []


def test_the_console_prints_indented_json(capsys):
    tracer = Tracer("shop", ConsoleExporter())
    with tracer.span("a", k=1) as span:
        pass
    tracer.flush()
    out = capsys.readouterr().out
    assert out.startswith('{\n  "name": "a",\n')
    assert json.loads(out)["attributes"] == {"service.name": "shop", "k": 1}
    assert json.loads(out)["span_id"] == span.span_id


def test_the_console_prints_a_line_a_span(capsys):
    tracer = Tracer("shop", ConsoleExporter(pretty=False))
    spans = finish(tracer, 3)
    tracer.flush()
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["span_id"] for line in lines] == [span.span_id for span in spans]


def test_the_console_draws_a_tree_for_each_trace(capsys):
    tracer = Tracer("shop", ConsoleExporter(tree=True))
    with tracer.span("root"):
        for number in range(25):
            with tracer.span("leaf", number=number):
                pass
    tracer.flush()
    out = capsys.readouterr().out
    assert out.startswith("root · ")
    assert "26 spans" in out
    assert out.count("spans") == 1
    assert "leaf" in out


def test_control_and_bidirectional_characters_are_escaped(capsys):
    for exporter in (ConsoleExporter(), ConsoleExporter(pretty=False), ConsoleExporter(tree=True)):
        tracer = Tracer("shop", exporter)
        with tracer.span("evil\x1b[31m\u202e\r"):
            pass
        tracer.flush()
        out = capsys.readouterr().out
        assert "evil" in out
        assert not {"\x1b", "\u202e", "\r"} & set(out)


def test_the_console_takes_spans_made_by_hand(capsys):
    ConsoleExporter(pretty=False).export(
        [Span("n", SpanContext("trace123", "s"), start_time=1.0, end_time=2.0)]
    )
    printed = json.loads(capsys.readouterr().out)
    assert (printed["trace_id"], printed["duration_ms"]) == ("trace123", 1000.0)


def test_null_takes_encoded_spans():
    null = NullExporter()
    tracer = Tracer("t", null)
    finish(tracer, 25)
    tracer.flush()
    assert null.span_count == 25
    assert null.byte_count > 25 * 40
    stats = tracer.stats()
    assert stats.balanced
    assert [(books.name, books.exported) for books in stats.exporters] == [("null", 25)]
    assert isinstance(null, SpanExporter)


def test_the_books(tracer):
    finish(tracer, 13)
    still_open = tracer.start_span("open")
    stats = tracer.stats()
    assert (stats.started, stats.unsampled, stats.recorded, stats.open, stats.abandoned) == (14, 0, 13, 1, 0)
    (books,) = stats.exporters
    assert (books.name, books.exported, books.queued) == ("InMemoryExporter", 10, 3)
    assert books.dropped == {"queue_full": 0, "export_failed": 0, "limit": 0, "shutdown": 0, "hook": 0}
    assert stats.balanced
    assert "started 14 = unsampled 0 + recorded 13 + open 1 + abandoned 0" in str(stats)
    still_open.finish()
    del still_open
    assert tracer.stats().open == 0


def test_a_flush_is_for_what_was_finished_before_it():
    entered, stop = threading.Event(), threading.Event()

    class Endless(Recorder):
        def export(self, spans):
            super().export(spans)
            entered.set()
            if not stop.is_set():
                other = threading.Thread(target=finish, args=(tracer, 10))
                other.start()
                other.join()

    tracer = Tracer("t", Endless())
    thread = threading.Thread(target=finish, args=(tracer, 10))
    thread.start()
    assert entered.wait(10)
    assert tracer.force_flush(20) is True
    assert not stop.is_set()
    stop.set()
    thread.join()
    tracer.flush()
    assert tracer.stats().exporters[0].queued == 0
    assert tracer.stats().balanced


def test_a_flush_that_is_late_says_so():
    class Slow(Recorder):
        def export(self, spans):
            super().export(spans)
            threading.Event().wait(0.02)

    recorder = Slow()
    tracer = Tracer("t", recorder)
    finish(tracer, 3)
    assert tracer.force_flush(0.01) is False
    assert tracer.force_flush(30) is True
    assert sum(map(len, recorder.batches)) == 3


def test_a_flush_without_time_tells_whether_anything_waits(tracer):
    assert tracer.force_flush(0) is True
    finish(tracer, 3)
    assert tracer.force_flush(0) is False
    tracer.flush()
    assert tracer.force_flush(0) is True


@pytest.mark.parametrize("end", [None, 2.0])
def test_the_console_invents_nothing(end, capsys):
    span = Span("n", SpanContext("t", "s"), start_time=1.0, end_time=end)
    ConsoleExporter(pretty=False).export([span])
    printed = json.loads(capsys.readouterr().out)
    assert (printed["end_time"], printed["duration_ms"]) == (end, 1000.0 if end else None)
    assert printed["attributes"] == {}
    ConsoleExporter(tree=True).export([span])
    assert capsys.readouterr().out.startswith("n")
    assert json.loads(span.to_json())["end_time"] == end
