"""What a tracer's queues may hold, what becomes of a span that finds no room, and the books under other names."""

from __future__ import annotations

import http.server
import threading

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, NullExporter, OTLPExporter, SpanExporter, Tracer


class Gate:
    """A receiver that answers nothing before it is opened."""

    def __init__(self):
        self.opened = threading.Event()
        self.asked = threading.Event()
        self.bodies = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.set()
                outer.opened.wait(30)
                outer.bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Type", self.headers["Content-Type"])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.opened.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("name", ["queue_bytes", "max_queue_size", "max_export_batch_size"])
@pytest.mark.parametrize("value", [0, -3, 1.5, "many", True, 1 << 70])
def test_a_count_that_makes_no_sense_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number, one or more, not ") as raised:
        Tracer("t", NullExporter(), **{name: value})
    assert repr(value) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "soon", True])
def test_times_that_make_no_sense_are_named(value):
    with pytest.raises(ValueError, match=r"^export_timeout must be seconds, zero or more"):
        Tracer("t", NullExporter(), export_timeout=value)
    with pytest.raises(ValueError, match=r'^when_full must be "drop" or the seconds to wait, not'):
        Tracer("t", NullExporter(), when_full=value)


def test_options_take_what_the_documentation_says():
    tracer = Tracer(
        "t",
        NullExporter(),
        queue_bytes=1 << 20,
        max_queue_size=100,
        max_export_batch_size=10,
        export_timeout=0,
        when_full="drop",
        books_on_the_wire=False,
    )
    tracer.start_span("s").finish()
    tracer.flush()
    stats = tracer.stats()
    assert stats.queue_limit == 1 << 20
    assert stats.exporters[0].queue_capacity == 100
    assert stats.exporters[0].exported == 1
    Tracer("t", NullExporter(), when_full=1, export_timeout=1.5)


def test_batches_hold_no_more_spans_than_asked_for():
    with Gate() as gate:
        gate.opened.set()
        tracer = Tracer("t", OTLPExporter(gate.url, protocol="http/protobuf"), max_export_batch_size=2)
        for number in range(5):
            tracer.start_span(f"name-{number}").finish()
        tracer.shutdown()
        assert [body.count(b"name-") for body in gate.bodies] == [2, 2, 1]


@pytest.mark.parametrize("sent", [True, False])
def test_the_books_go_along_unless_they_are_switched_off(sent):
    with Gate() as gate:
        gate.opened.set()
        tracer = Tracer("t", OTLPExporter(gate.url, protocol="http/protobuf"), books_on_the_wire=sent)
        tracer.start_span("s").finish()
        tracer.shutdown()
        assert [b"codomyrmex.sdk" in body or b"codomyrmex.spans" in body for body in gate.bodies] == [sent]


def overfill(gate, when_full):
    tracer = Tracer(
        "t",
        OTLPExporter(gate.url, protocol="http/protobuf"),
        queue_bytes=1 << 16,
        when_full=when_full,
    )
    value = "x" * 1000

    def work():
        for _ in range(300):
            tracer.start_span("s", attributes={"value": value}).finish()

    return tracer, threading.Thread(target=work, daemon=True)


def test_what_finds_no_room_is_dropped():
    with Gate() as gate:
        tracer, thread = overfill(gate, "drop")
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
        assert tracer.stats().exporters[0].dropped["queue_full"] > 0
        gate.opened.set()
        tracer.shutdown()
        assert tracer.stats().balanced


def test_a_thread_that_waits_for_room_holds_nobody_up():
    # The receiver is Python in this process: it could not answer if the waiting thread had the interpreter.
    with Gate() as gate:
        tracer, thread = overfill(gate, 30)
        thread.start()
        assert gate.asked.wait(30)
        assert thread.is_alive()
        assert tracer.stats().exporters[0].in_flight > 0
        gate.opened.set()
        thread.join(60)
        assert not thread.is_alive()
        tracer.shutdown()
        (row,) = tracer.stats().exporters
        assert (row.exported, sum(row.dropped.values()), row.queued, row.in_flight) == (300, 0, 0, 0)


def test_spans_that_an_exporter_has_are_in_flight():
    seen = []

    class Looks(SpanExporter):
        def export(self, spans):
            (row,) = tracer.stats().exporters
            seen.append((row.in_flight, row.queued, row.rejected, row.queue_capacity))

    tracer = Tracer("t", Looks(), batch_size=3)
    for _ in range(3):
        tracer.start_span("s").finish()
    assert seen == [(3, 3, 0, 16_384)]
    assert tracer.stats().exporters[0].in_flight == 0


def test_metrics_have_opentelemetrys_names():
    tracer = Tracer("t", InMemoryExporter())
    open_one = tracer.start_span("open")
    tracer.start_span("s").finish()
    tracer.flush()
    stats = tracer.stats()
    metrics = {metric["name"]: metric for metric in stats.metrics()}
    started = metrics["otel.sdk.span.started"]
    assert (started["kind"], started["unit"]) == ("counter", "{span}")
    assert {
        "attributes": {"otel.span.sampling_result": "RECORD_AND_SAMPLE"},
        "value": 2,
    } in started["points"]
    assert metrics["otel.sdk.span.live"]["kind"] == "up_down_counter"
    assert [point["value"] for point in metrics["otel.sdk.exporter.span.exported"]["points"]] == [1]
    text = stats.to_prometheus()
    assert 'otel_sdk_span_started_total{otel_span_sampling_result="RECORD_AND_SAMPLE"} 2\n' in text
    open_one.finish()
