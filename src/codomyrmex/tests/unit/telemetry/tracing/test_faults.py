"""What arrives and what is counted when the receiver of an OTLPExporter is in trouble, and that recording waits for none of it."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections import Counter

import pytest

from codomyrmex.telemetry.tracing import OTLPExporter, Tracer

# Longer than any of these tests takes.
LONG = 60.0


class Collector:
    """Answers by these verdicts in turn, then with 200: a status, "reset", or an event after which it answers 200."""

    def __init__(self, *verdicts):
        self.verdicts = list(verdicts)
        self.taken = Counter()
        self.seen = Counter()
        self.arrived = threading.Semaphore(0)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                ids = outer.span_ids(body)
                verdict = outer.verdicts.pop(0) if outer.verdicts else 200
                outer.seen.update(ids)
                outer.arrived.release()
                if verdict == "reset":
                    self.close_connection = True
                    return
                if isinstance(verdict, threading.Event):
                    verdict.wait(LONG)
                    verdict = 200
                if verdict == 200:
                    outer.taken.update(ids)
                try:
                    self.send_response(verdict)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    @staticmethod
    def span_ids(body):
        return [
            (span["traceId"], span["spanId"])
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def exporter(self, **options):
        return OTLPExporter(self.url, protocol="http/json", **options)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def record(tracer, count, text="x"):
    for _ in range(count):
        tracer.start_span("work", attributes={"text": text}).finish()


def settled(tracer, collector=None):
    """How many are exported, and how many dropped for which reason. What was taken is what is exported, each span once."""
    stats = tracer.stats()
    (row,) = stats.exporters
    assert stats.balanced
    assert row.queued == 0
    assert stats.queue_bytes <= stats.queue_limit
    if collector is not None:
        assert set(collector.taken.values()) <= {1}
        assert len(collector.taken) == row.exported
    return row.exported, {reason: count for reason, count in row.dropped.items() if count}


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json", "grpc"])
def test_down_from_the_start(protocol):
    with socket.socket() as nobody:
        # Bound and not listening: connections are refused, and nobody else gets the port.
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        tracer = Tracer("shop", OTLPExporter(url, protocol=protocol, timeout=0.2))
        record(tracer, 100)
        tracer.force_flush(LONG)
        assert settled(tracer) == (0, {"export_failed": 100})
        record(tracer, 10)
        tracer.shutdown()
        assert settled(tracer) == (0, {"export_failed": 110})


def test_recording_does_not_wait_for_an_answer():
    answer = threading.Event()
    with Collector(answer) as collector:
        tracer = Tracer("shop", collector.exporter(timeout=LONG))
        record(tracer, 10)
        assert tracer.force_flush(0.1) is False
        collector.arrived.acquire()
        # These are back before the receiver says a word, and what finds no room is counted.
        while not tracer.stats().exporters[0].dropped["queue_full"]:
            record(tracer, 100, "x" * 10_000)
        assert tracer.stats().exporters[0].exported == 0
        answer.set()
        tracer.shutdown()
        exported, dropped = settled(tracer, collector)
        assert exported > 100
        assert set(dropped) == {"queue_full"}


def test_an_answer_after_the_timeout_changes_nothing():
    answer = threading.Event()
    with Collector(answer) as collector:
        tracer = Tracer("shop", collector.exporter(timeout=0.3))
        record(tracer, 100)
        tracer.force_flush(LONG)
        answer.set()
        record(tracer, 10)
        tracer.shutdown()
        assert settled(tracer) == (10, {"export_failed": 100})
    # They did arrive, but nobody heard of it in time.
    assert len(collector.seen) == 110


def test_resets_and_a_receiver_that_has_no_time_lose_nothing():
    with Collector("reset", 503, 200, 429, "reset") as collector:
        tracer = Tracer("shop", collector.exporter(timeout=LONG))
        for _ in range(3):
            record(tracer, 100)
            assert tracer.force_flush(LONG) is True
        tracer.shutdown()
        assert settled(tracer, collector) == (300, {})
    assert max(collector.seen.values()) == 3


def test_what_is_refused_is_lost_alone():
    with Collector(200, 400) as collector:
        tracer = Tracer("shop", collector.exporter())
        for _ in range(3):
            record(tracer, 100)
            tracer.force_flush(LONG)
        tracer.shutdown()
        assert settled(tracer, collector) == (200, {"export_failed": 100})


def test_100_mb_of_spans_at_once():
    with Collector() as collector:
        tracer = Tracer("shop", collector.exporter())
        text = "x" * 100_000
        for _ in range(20):
            record(tracer, 50, text)
            stats = tracer.stats()
            assert stats.queue_bytes <= stats.queue_limit
        tracer.shutdown()
        exported, dropped = settled(tracer, collector)
        assert exported > 0
        assert exported + dropped.get("queue_full", 0) == 1000


def test_1000_threads_coming_and_going():
    with Collector("reset", 503, 200, "reset") as collector:
        tracer = Tracer("shop", collector.exporter())
        for begin in range(0, 1000, 50):
            wave = [threading.Thread(target=record, args=(tracer, 5)) for _ in range(50)]
            for thread in wave:
                thread.start()
            for thread in wave:
                thread.join()
            if begin % 250 == 0:
                tracer.force_flush(LONG)
        tracer.shutdown()
        assert settled(tracer, collector) == (5000, {})
