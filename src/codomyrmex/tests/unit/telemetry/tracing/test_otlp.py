"""OTLPExporter: spans to a receiver on this machine."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import codomyrmex.telemetry.tracing as package
from codomyrmex.telemetry.tracing import (
    InMemoryExporter,
    Limits,
    OTLPExporter,
    Span,
    SpanContext,
    SpanExporter,
    SpanKind,
    SpanStatus,
    Tracer,
)

HERE = str(Path(package.__file__).parents[3])


class Receiver:
    """Keeps the requests that come in, and answers each with the next of these statuses, then with 200."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                status = outer.statuses.pop(0) if outer.statuses else 200
                answer = b"{}" if "json" in self.headers["Content-Type"] else b""
                self.send_response(status)
                self.send_header("Content-Type", self.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def spans(self):
        """The spans of all requests in OTLP's JSON, with their resources' attributes."""
        return [
            (plain(resource["resource"]["attributes"]), span)
            for _, _, body in self.requests
            for resource in json.loads(body)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


def plain(attributes):
    return {pair["key"]: next(iter(pair["value"].values())) for pair in attributes}


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def test_spans_arrive_as_they_were(receiver):
    tracer = Tracer("shop", OTLPExporter(receiver.url, protocol="http/json"))
    parent = SpanContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", trace_state="a=b")
    with tracer.start_span("checkout", SpanKind.SERVER, parent, {"items": 3}) as span:
        span.add_event("paid", {"by": "card"}).set_status(SpanStatus.ERROR, "too late")
    assert tracer.force_flush(30) is True
    ((resource, sent),) = receiver.spans()
    assert resource["service.name"] == "shop"
    assert (sent["name"], sent["kind"]) == ("checkout", 2)
    assert (sent["traceId"], sent["spanId"]) == (span.trace_id, span.span_id)
    assert (sent["parentSpanId"], sent["traceState"]) == (parent.span_id, "a=b")
    assert plain(sent["attributes"]) == {"items": "3"}
    assert [(event["name"], plain(event["attributes"])) for event in sent["events"]] == [
        ("paid", {"by": "card"})
    ]
    assert sent["status"] == {"code": 2, "message": "too late"}
    assert int(sent["endTimeUnixNano"]) == pytest.approx(span.end_time * 1e9, abs=1000)
    (books,) = tracer.stats().exporters
    assert (books.name, books.exported) == ("otlp", 1)
    tracer.shutdown()
    assert tracer.stats().balanced


def test_what_was_left_out_is_told(receiver):
    limits = Limits(attributes=1, events=1, links=1)
    tracer = Tracer("shop", OTLPExporter(receiver.url, protocol="http/json"), limits=limits)
    other = SpanContext("1" * 32, "2" * 16)
    with tracer.span("a", a=1, b=2, c=3) as span:
        span.add_event("x").add_event("y").add_event("z").add_link(other).add_link(other)
    tracer.shutdown()
    ((_, sent),) = receiver.spans()
    counts = [sent.get(f"dropped{what}Count", 0) for what in ("Attributes", "Events", "Links")]
    assert counts == [2, 2, 1]


def test_the_options_are_sent(receiver):
    exporter = OTLPExporter(
        receiver.url + "/own/path", headers={"x-key": "secret"}, compression="gzip", timeout=20.0
    )
    assert "secret" not in repr(exporter)
    assert isinstance(exporter, SpanExporter)
    tracer = Tracer("shop", exporter)
    with tracer.span("a" * 1000):
        pass
    tracer.shutdown()
    ((path, headers, body),) = receiver.requests
    assert path == "/own/path"
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-key"] == "secret"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 1000


def test_two_tracers_may_share_one(receiver):
    exporter = OTLPExporter(receiver.url, protocol="http/json")
    one, other = Tracer("one", exporter), Tracer("other", exporter)
    one.start_span("a").finish()
    other.start_span("b").finish()
    one.shutdown()
    other.start_span("c").finish()
    other.shutdown()
    found = sorted((resource["service.name"], span["name"]) for resource, span in receiver.spans())
    assert found == [("one", "a"), ("other", "b"), ("other", "c")]


def test_a_batch_is_sent_again_where_that_makes_sense():
    with Receiver(503) as receiver:
        tracer = Tracer("shop", OTLPExporter(receiver.url))
        tracer.start_span("a").finish()
        assert tracer.force_flush(30) is True
        assert len(receiver.requests) == 2
        assert tracer.stats().exporters[0].exported == 1
        tracer.shutdown()


def test_what_is_refused_is_counted():
    with Receiver(400) as receiver:
        tracer = Tracer("shop", OTLPExporter(receiver.url))
        tracer.start_span("a").finish()
        tracer.flush()
        assert tracer.stats().exporters[0].dropped["export_failed"] == 1
        tracer.shutdown()
    assert tracer.stats().balanced


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "not a url"}, "endpoint"),
        ({"protocol": "smoke"}, "http/protobuf, http/json and grpc"),
        ({"compression": "zip"}, "none, gzip and zstd"),
        ({"timeout": 0}, "more than zero"),
        ({"timeout": -1}, "seconds"),
        ({"headers": {"a b": "c"}}, "header"),
        ({"headers": "no-value"}, "name=value"),
        ({"certificate": "/no/such/file.pem"}, "/no/such/file.pem"),
        ({"client_key": "/no/such/file.pem"}, "client certificate"),
    ],
)
def test_what_is_wrong_is_said_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        OTLPExporter(**options)


@pytest.mark.parametrize("headers", [3, {"a": 1}, ["a"]])
def test_headers_are_text(headers):
    with pytest.raises(TypeError, match="headers"):
        OTLPExporter(headers=headers)


def environment(**variables):
    return {"PYTHONPATH": HERE, "PATH": os.environ.get("PATH", "")} | variables


@pytest.mark.parametrize("prefix", ["OTEL", "CODOMYRMEX"])
def test_the_environment_chooses_it(receiver, prefix):
    code = "from codomyrmex.telemetry.tracing import *\nwith Tracer('t').span('a'): pass\n"
    variables = {
        f"{prefix}_TRACES_EXPORTER": "otlp",
        f"{prefix}_EXPORTER_OTLP_ENDPOINT": receiver.url,
        f"{prefix}_EXPORTER_OTLP_PROTOCOL": "http/json",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**variables), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [span["name"] for _, span in receiver.spans()] == ["a"]


def test_arguments_win_over_the_environment(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1,x-b=2")
    tracer = Tracer("shop", OTLPExporter(receiver.url, headers={"x-b": "3"}))
    tracer.start_span("a").finish()
    tracer.shutdown()
    assert [span["name"] for _, span in receiver.spans()] == ["a"]
    headers = {name.lower(): value for name, value in receiver.requests[0][1].items()}
    assert (headers["x-a"], headers["x-b"]) == ("1", "3")


SILENT = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from codomyrmex.telemetry.tracing import *
tracer = Tracer("t", OTLPExporter(sys.argv[1], timeout=600))
tracer.start_span("a").finish()
turns, ended = [], threading.Event()
def others():
    while not ended.wait(0.001):
        turns.append(1)
other = threading.Thread(target=others)
other.start()
sys.stdin.readline()
try:
    tracer.{call}
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted", len(turns) > 3)
ended.set()
other.join()
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals as Unix has them")
@pytest.mark.parametrize(
    "call",
    ["force_flush(300)", "flush()", "shutdown()", "exporter.export([Span('a', SpanContext('1', '2'))])"],
)
def test_ctrl_c_is_heard_while_a_receiver_says_nothing(call):
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                SILENT.replace("{call}", call),
                f"http://127.0.0.1:{server.getsockname()[1]}",
            ],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        child.stdin.write("\n")
        child.stdin.flush()
        connection, _ = server.accept()
        with connection:
            # The request is on its way, so the call waits or is about to.
            assert connection.recv(1)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (0, "interrupted True\n"), err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_sends_its_own(receiver):
    import warnings

    tracer = Tracer("shop", OTLPExporter(receiver.url, protocol="http/json"))
    tracer.start_span("before").finish()
    tracer.flush()
    with warnings.catch_warnings():
        # Python warns of forks beside threads; that is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            tracer.start_span("child").finish()
            code = 0 if tracer.force_flush(30) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    tracer.start_span("after").finish()
    tracer.shutdown()
    assert [span["name"] for _, span in receiver.spans()] == ["before", "child", "after"]


def made_by_hand(name="a", **attributes):
    context = SpanContext(
        "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7", trace_state="a=b"
    )
    event = {"name": "paid", "timestamp": 1.5, "attributes": {"by": "card"}}
    return Span(
        name,
        context,
        SpanKind.CLIENT,
        SpanStatus.ERROR,
        "too late",
        1.0,
        2.0,
        attributes=attributes,
        events=[event],
    )


def test_spans_made_by_hand_can_be_exported(receiver):
    exporter = OTLPExporter(receiver.url, protocol="http/json")
    assert exporter.export([made_by_hand(items=3, password="x", **{"service.name": "shop"})]) is None
    ((resource, sent),) = receiver.spans()
    assert resource["service.name"] == "shop"
    assert resource["telemetry.sdk.language"] == "python"
    attributes = plain(sent["attributes"])
    assert (attributes["items"], attributes["password"]) == ("3", "[redacted]")
    assert sent["events"][0]["timeUnixNano"] == "1500000000"
    assert plain(sent["events"][0]["attributes"]) == {"by": "card"}
    given = [
        "name",
        "kind",
        "traceId",
        "spanId",
        "parentSpanId",
        "traceState",
        "startTimeUnixNano",
        "endTimeUnixNano",
    ]
    assert [sent[key] for key in given] == [
        "a",
        3,
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
        "00f067aa0ba902b7",
        "a=b",
        "1000000000",
        "2000000000",
    ]
    assert sent["status"] == {"code": 2, "message": "too late"}


def test_finished_spans_are_exported_as_their_tracers_would(receiver):
    memory = InMemoryExporter()
    limits = Limits(attributes=1)
    for name in ("one", "other"):
        tracer = Tracer(name, memory, resource={"zone": name}, limits=limits)
        with tracer.span("parent", a=1, b=2), tracer.span("child") as span:
            span.add_link(SpanContext("1" * 32, "2" * 16))
        tracer.flush()
    exporter = OTLPExporter(receiver.url, protocol="http/json")
    exporter.export([*memory.spans, made_by_hand("by hand")])
    sent = {(resource["service.name"], span["name"]): (resource, span) for resource, span in receiver.spans()}
    assert len(receiver.requests) == 3
    assert sorted(sent) == [
        ("default", "by hand"),
        ("one", "child"),
        ("one", "parent"),
        ("other", "child"),
        ("other", "parent"),
    ]
    resource, parent = sent["one", "parent"]
    assert resource["zone"] == "one"
    assert (plain(parent["attributes"]), parent["droppedAttributesCount"]) == ({"a": "1"}, 1)
    _, child = sent["one", "child"]
    assert child["links"][0]["spanId"] == "2" * 16
    assert child["parentSpanId"] == parent["spanId"]


def test_an_exporter_of_ones_own_may_hand_on_to_it(receiver):
    class Chosen(SpanExporter):
        def __init__(self):
            self.to = OTLPExporter(receiver.url, protocol="http/json")

        def export(self, spans):
            self.to.export([span for span in spans if span.name != "noise"])

    tracer = Tracer("shop", Chosen())
    for name in ("a", "noise", "b"):
        tracer.start_span(name).finish()
    tracer.shutdown()
    assert [span["name"] for _, span in receiver.spans()] == ["a", "b"]


def test_nothing_to_export_is_no_request(receiver):
    OTLPExporter(receiver.url).export([])
    assert receiver.requests == []


def test_what_was_exported_by_hand_and_refused_is_raised():
    with Receiver(400) as receiver:
        exporter = OTLPExporter(receiver.url, protocol="http/json")
        with pytest.raises(RuntimeError, match="400"):
            exporter.export([made_by_hand("refused")])
        exporter.export([made_by_hand("taken")])
        assert len(receiver.requests) == 2


def test_only_spans_can_be_exported(receiver):
    with pytest.raises(TypeError, match="Span objects"):
        OTLPExporter(receiver.url).export([made_by_hand(), "a"])
    assert receiver.requests == []


def test_a_span_by_hand_may_hold_anything(receiver):
    exporter = OTLPExporter(receiver.url, protocol="http/json")
    span = made_by_hand(deep=[{"a": {1, 2}}], other=object())
    span.context, span.end_time, span.name = "nothing", None, 3
    span.events = [5, {"name": None}]
    exporter.export([span, Span("open", SpanContext("trace", "span"))])
    _, sent = receiver.spans()[0]
    assert sent["endTimeUnixNano"] == sent["startTimeUnixNano"]
    assert len(sent["traceId"]) == 32
    assert plain(receiver.spans()[1][1]["attributes"])["codomyrmex.trace_id"] == "trace"
