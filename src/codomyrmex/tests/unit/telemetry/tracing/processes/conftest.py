"""A receiver of spans in the test's process, and programs that send theirs to it."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import codomyrmex.telemetry.tracing as package

# A program that is not over by then hangs, and a span that has not come is lost.
PATIENCE = 60.0

# What every program begins with. It imports what its exporter needs, for a process that forks while a thread of it imports leaves
# its child a locked module. Its books are printed when the interpreter ends, after the package's own farewell.
PRELUDE = """
import atexit, encodings.idna, faulthandler, http.client, json, os, signal, sys, threading
# The watchdog ends it by SIGABRT.
faulthandler.enable()
# A process that was started in the background may have been told to ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

def say(*words):
    os.write(1, (json.dumps(words[0] if len(words) == 1 else words) + "\\n").encode())

def books(of=None):
    stats = (of or tracer).stats()
    (row,) = stats.exporters
    say({{
        "books": [stats.recorded, row.exported, sum(row.dropped.values()), row.queued],
        "dropped": {{reason: count for reason, count in row.dropped.items() if count}},
        "open": stats.open,
        "balanced": stats.balanced,
    }})

# What is to be done after the package's farewell, and before the books are printed.
after_the_farewell = []

def books_at_the_end():
    for work in after_the_farewell:
        work()
    if "tracer" in globals():
        books()

atexit.register(books_at_the_end)
from codomyrmex.telemetry.tracing import *

class Objects(SpanExporter):
    '''Takes Span objects and posts what tells them apart.'''

    def export(self, spans):
        rows = [[span.name, span.trace_id, span.span_id, span.parent_span_id] for span in spans]
        connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["RECEIVER"]), timeout={patience})
        connection.request("POST", "/objects", json.dumps(rows))
        answer = connection.getresponse().status
        connection.close()
        return answer == 200

def exporter():
    '''None is what the environment names.'''
    return Objects() if os.environ["EXPORTER"] == "objects" else None

def record(*names):
    for name in names:
        with tracer.span(name):
            pass
"""
PRELUDE = PRELUDE.format(patience=PATIENCE)
TRACER = "tracer = Tracer('t', exporter())\n"


@dataclass(frozen=True)
class Received:
    """A span that an answer was given for."""

    name: str
    trace_id: str
    span_id: str
    parent: str | None


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message that are bytes themselves."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        key = number()
        if key & 7 == 0:
            number()
        elif key & 7 == 2:
            length = number()
            yield key >> 3, data[at : at + length]
            at += length
        else:
            at += 8 if key & 7 == 1 else 4


def spans_of(request: bytes) -> Iterator[Received]:
    """The spans of an ExportTraceServiceRequest."""
    for _, resource_spans in fields(request):
        for scope_spans in (part for number, part in fields(resource_spans) if number == 2):
            for span in (part for number, part in fields(scope_spans) if number == 2):
                own = {number: part for number, part in fields(span) if number in (1, 2, 4, 5)}
                parent = own.get(4, b"").hex() or None
                yield Received(own[5].decode(), own[1].hex(), own[2].hex(), parent)


class Receiver:
    """An OTLP receiver on a port of its own. It can be told to hold its answers back."""

    def __init__(self) -> None:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == "/objects":
                    spans = [Received(*row) for row in json.loads(body)]
                else:
                    spans = list(spans_of(body))
                receiver.requests.release()
                receiver.answers.wait(PATIENCE * 2)
                # Who has the answer may end at once, and with it the test.
                receiver.took(spans)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def handle(self) -> None:
                # Programs that are killed close no connection.
                with contextlib.suppress(OSError):
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self.spans: list[Received] = []
        self.changed = threading.Condition()
        # A request has come, whether or not it is answered.
        self.requests = threading.Semaphore(0)
        self.answers = threading.Event()
        self.answers.set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def took(self, spans: list[Received]) -> None:
        with self.changed:
            self.spans += spans
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many spans have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.spans) >= count, PATIENCE), self.names

    def wait_for_request(self) -> None:
        assert self.requests.acquire(timeout=PATIENCE)

    @property
    def names(self) -> list[str]:
        """What came, sorted."""
        return sorted(span.name for span in self.spans)

    @property
    def by_name(self) -> dict[str, Received]:
        """What came, where every name came once."""
        assert max(Counter(self.names).values()) == 1, self.names
        return {span.name: span for span in self.spans}

    def check_ids(self) -> None:
        """No span came twice, and no two have one id."""
        ids = Counter(span.span_id for span in self.spans)
        assert all(count == 1 for count in ids.values()), ids

    def stop(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


class Program:
    """A program that runs; what it says, a line each."""

    def __init__(
        self, command: list[str], directory: Path, environment: dict[str, str], patience: float
    ) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        self.said: list[object] = []
        self.noise: list[str] = []
        self.reads_errors = threading.Thread(target=self._read_errors)
        self.reads_errors.start()
        self.watchdog = threading.Timer(patience, self.abort)
        self.watchdog.start()

    def _read_errors(self) -> None:
        self.noise += self.process.stderr

    def abort(self) -> None:
        """Ends it and its children; Python's say where they were."""
        self._signal_all(signal.SIGABRT)

    def kill(self) -> None:
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def next(self) -> object:
        """What it says next."""
        line = self.process.stdout.readline()
        assert line, self.end(None)
        self.said.append(json.loads(line))
        return self.said[-1]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self, code: int | None = 0) -> list[object]:
        """What it has said when it is over, and how it ended if that is asked for; standard error is empty then."""
        self.said += [json.loads(line) for line in self.process.stdout]
        self.process.wait()
        self.watchdog.cancel()
        self.reads_errors.join()
        errors = "".join(self.noise)
        if code is not None:
            assert self.process.returncode == code, (self.process.returncode, self.said, errors)
            assert errors == "", errors
        return self.said

    @property
    def errors(self) -> str:
        return "".join(self.noise)


Start = Callable[..., Program]


@pytest.fixture(params=["objects", "otlp"])
def kind(request: pytest.FixtureRequest) -> str:
    """What the exporter takes, and with it on which threads it runs."""
    return request.param


@pytest.fixture
def prelude() -> str:
    """What programs begin with that make their tracers themselves."""
    return PRELUDE


@pytest.fixture
def start(tmp_path: Path, receiver: Receiver, kind: str) -> Iterator[Start]:
    """Starts a program that has a tracer, or any command, with the exporter pointed at the receiver."""
    programs = []

    def start(
        code: str = "",
        *arguments: str,
        prelude: str = PRELUDE + TRACER,
        command: list[str] | None = None,
        patience: float = PATIENCE,
        **more: str,
    ) -> Program:
        file = tmp_path / f"program{len(programs)}.py"
        file.write_text(prelude + code)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(package.__file__).parents[3])]),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
            "EXPORTER": kind,
            "RECEIVER": str(receiver.port),
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
            # No export gives up before a test is over.
            "OTEL_EXPORTER_OTLP_TIMEOUT": str(int(PATIENCE * 10_000)),
            "HOME": str(tmp_path),
        }
        command = command or [sys.executable, str(file), *arguments]
        programs.append(Program(command, tmp_path, environment | more, patience))
        return programs[-1]

    yield start
    for program in programs:
        program.watchdog.cancel()
        program.kill()
        program.process.wait()
        program.reads_errors.join()
        program.process.stdin.close()
        program.process.stdout.close()
        program.process.stderr.close()
