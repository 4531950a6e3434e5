"""Servers that load the application once and fork, in Python or in C, and that replace their processes."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

APPLICATION = """
record("loaded")

def application(environ, respond):
    with tracer.span(environ["PATH_INFO"]):
        body = str(os.getpid()).encode()
    respond("200 OK", [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]
"""


def ask(path: Path, what: str) -> int:
    """The number of the process that answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(f"GET {what} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return int(answer.rsplit(b"\r\n", 1)[1])


@pytest.fixture
def application(tmp_path, prelude):
    file = tmp_path / "application.py"
    file.write_text(prelude + "tracer = Tracer('t', exporter())\n" + APPLICATION)
    return file


GUNICORN = """
import os

def when_ready(server):
    os.write(1, b'"ready"\\n')
"""


@pytest.fixture
def gunicorn(start, application, tmp_path):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (tmp_path / "settings.py").write_text(GUNICORN)

    def gunicorn(*options):
        common = ["--preload", "--bind", "unix:server", "--config", "settings.py", "--log-level", "error"]
        # Threads of a worker that wait for nothing more are given no half minute.
        common += ["--worker-tmp-dir", str(tmp_path), "--no-control-socket", "--graceful-timeout", "2"]
        return start(command=[sys.executable, "-m", "gunicorn", *common, *options, "application:application"])

    return gunicorn


def check(said, receiver, requests):
    """Everything came once, and so say the books."""
    assert receiver.names == sorted(["loaded", *requests])
    receiver.check_ids()
    books = [line for line in said if isinstance(line, dict)]
    assert all(line["balanced"] and line["books"][2:] == [0, 0] for line in books), said
    assert sum(line["books"][1] for line in books) == 1 + len(requests)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_with_preload(gunicorn, receiver, tmp_path, worker):
    program = gunicorn("--workers", "2", "--worker-class", worker)
    assert program.next() == "ready"
    requests = [f"/{number}" for number in range(15)]
    for request in requests:
        ask(tmp_path / "server", request)
    program.send(signal.SIGTERM)
    check(program.end(), receiver, requests)


def test_gunicorn_that_replaces_its_workers(gunicorn, receiver, tmp_path):
    program = gunicorn("--workers", "1", "--max-requests", "3")
    assert program.next() == "ready"
    requests = [f"/{number}" for number in range(10)]
    answered = {ask(tmp_path / "server", request) for request in requests}
    assert len(answered) == 4
    program.send(signal.SIGTERM)
    check(program.end(), receiver, requests)


def test_gunicorn_with_the_handler(gunicorn, receiver, tmp_path, monkeypatch):
    """gunicorn's own handlers take its place, and its workers end as they always do."""
    program = gunicorn("--workers", "2", "--env", "CODOMYRMEX_FLUSH_ON_SIGTERM=true")
    assert program.next() == "ready"
    ask(tmp_path / "server", "/1")
    program.send(signal.SIGTERM)
    check(program.end(), receiver, ["/1"])


@pytest.fixture
def uwsgi(start, application, tmp_path):
    program = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("uWSGI is not installed")

    def uwsgi(*options):
        common = ["--master", "--http-socket", "server", "--wsgi-file", str(application), "--die-on-term"]
        common += ["--disable-logging", "--logto", "log", "--virtualenv", sys.prefix]
        common += ["--hook-accepting1-once", "write:ready yes"]
        return start(command=[program, *common, *options])

    os.mkfifo(tmp_path / "ready")
    reader = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    yield uwsgi, lambda: select.select([reader], [], [], 60)[0]
    os.close(reader)


@pytest.mark.parametrize("threads", [[], ["--enable-threads"]])
def test_uwsgi_that_forks_in_c(uwsgi, receiver, tmp_path, kind, threads):
    start_it, is_ready = uwsgi
    program = start_it("--processes", "2", *threads)
    assert is_ready()
    requests = [f"/{number}" for number in range(40)]
    for request in requests:
        ask(tmp_path / "server", request)
    program.send(signal.SIGTERM)
    program.end(None)
    assert program.process.returncode == 0, (tmp_path / "log").read_text()
    receiver.check_ids()
    # The master ends without `atexit`, so that what waits there in Python is lost, and sent by no worker either.
    loaded = ["loaded"] if kind == "otlp" else []
    assert receiver.names == sorted([*loaded, *requests])
