"""The end of a process, forks, signals and the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import codomyrmex.telemetry.tracing as package
from codomyrmex.telemetry.tracing import InMemoryExporter, NullExporter, Tracer, get_current_span

HERE = str(Path(package.__file__).parents[3])


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": HERE, "PATH": os.environ.get("PATH", "")} | environment,
    )
    return done.returncode, done.stdout, done.stderr


def names(out):
    return [json.loads(line)["name"] for line in out.splitlines()]


SPANS = """
from codomyrmex.telemetry.tracing import *
tracer = Tracer("t", ConsoleExporter(pretty=False))
for number in range(13):
    with tracer.span(f"s{number}"):
        pass
"""


def test_the_rest_goes_out_at_exit():
    code, out, err = run(SPANS)
    assert (code, err) == (0, "")
    assert names(out) == [f"s{number}" for number in range(13)]


def test_also_after_an_exception_and_sys_exit():
    for ending, expected in (("raise ValueError('x')", 1), ("import sys; sys.exit(3)", 3)):
        code, out, _ = run(SPANS + ending)
        assert code == expected
        assert len(names(out)) == 13


def test_a_tracer_that_nobody_holds_exports_at_exit():
    code, out, err = run(SPANS + "del tracer\nimport gc; gc.collect()")
    assert (code, err) == (0, "")
    assert len(names(out)) == 13


def test_open_spans_do_not_disturb_the_exit():
    code, _, err = run(SPANS + "left = tracer.span('open'); left.__enter__()\nimport sys\nsys.left = left")
    assert (code, err) == (0, "")


def test_an_exporter_that_raises_at_exit():
    code, _, err = run(
        "from codomyrmex.telemetry.tracing import *\n"
        "class Broken:\n"
        "    def export(self, spans): raise RuntimeError('broken')\n"
        "tracer = Tracer('t', Broken())\n"
        "with tracer.span('a'): pass\n"
    )
    assert code == 0
    assert "Traceback" not in err


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_a_child(work):
    """What `work` returns in a forked child, as JSON."""
    import warnings

    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks beside threads; that is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    answer = b""
    while part := os.read(reading, 65536):
        answer += part
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(answer)


@needs_fork
def test_a_forked_child_starts_from_zero_and_exports_its_own():
    memory = InMemoryExporter()
    tracer = Tracer("t", memory)
    with tracer.span("before"):
        pass

    with tracer.span("open") as opened:

        def work():
            assert get_current_span() is opened
            with tracer.span("child") as child:
                pass
            opened.finish()
            tracer.flush()
            stats = tracer.stats()
            return {
                "names": [span.name for span in memory.spans],
                "parent": child.parent_span_id,
                "span": child.span_id,
                "recorded": stats.recorded,
                "balanced": stats.balanced,
            }

        first = in_a_child(work)
        second = in_a_child(work)
    assert first["names"] == second["names"] == ["child"]
    assert first["parent"] == second["parent"] == opened.span_id
    assert first["span"] != second["span"]
    assert first["recorded"] == 1
    assert first["balanced"]
    tracer.flush()
    assert [span.name for span in memory.spans] == ["before", "open"]
    assert tracer.stats().balanced


@needs_fork
def test_a_fork_with_an_exporter_of_bytes():
    null = NullExporter()
    tracer = Tracer("t", null)
    for _ in range(100):
        with tracer.span("before"):
            pass
    tracer.flush()

    def work():
        for _ in range(30):
            with tracer.span("child"):
                pass
        done = tracer.force_flush(10)
        stats = tracer.stats()
        return [done, stats.started, stats.balanced, null.span_count]

    done, started, balanced, count = in_a_child(work)
    assert (done, started, balanced) == (True, 30, True)
    assert count - 100 == 30
    with tracer.span("after"):
        pass
    tracer.flush()
    assert null.span_count == 101
    assert tracer.stats().balanced


@needs_fork
def test_multiprocessing_with_fork():
    import multiprocessing
    import warnings

    tracer = Tracer("t", InMemoryExporter())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = multiprocessing.get_context("fork").Process(target=_spans, args=(tracer,))
        process.start()
        process.join(30)
    assert process.exitcode == 0


def _spans(tracer):
    for _ in range(25):
        with tracer.span("x"):
            pass
    tracer.flush()
    assert tracer.stats().exporters[0].exported == 25


# A process that was started in the background may have been told to ignore Ctrl-C.
HEED_CTRL_C = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


def test_ctrl_c_inside_an_exporter_reaches_the_application():
    code, out, err = run(
        HEED_CTRL_C + "from codomyrmex.telemetry.tracing import *\n"
        "class Slow:\n"
        "    def export(self, spans): raise KeyboardInterrupt\n"
        "tracer = Tracer('t', Slow())\n"
        "try:\n"
        "    for _ in range(10):\n"
        "        with tracer.span('a'): pass\n"
        "    for _ in range(1000): pass\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    assert (code, out, err) == (0, "interrupted\n", "")


def test_ctrl_c_while_flush_waits():
    code, out, err = run(
        HEED_CTRL_C + "import os, threading\n"
        "from codomyrmex.telemetry.tracing import *\n"
        "entered, go_on = threading.Event(), threading.Event()\n"
        "class Slow:\n"
        "    def export(self, spans):\n"
        "        entered.set()\n"
        "        go_on.wait(30)\n"
        "tracer = Tracer('t', Slow(), batch_size=1)\n"
        "def work():\n"
        "    with tracer.span('a'): pass\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "entered.wait()\n"
        "threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    tracer.flush()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
        "go_on.set()\n"
        "thread.join()\n"
    )
    assert (code, out, err) == (0, "interrupted\n", "")


ONE = "from codomyrmex.telemetry.tracing import *\nwith Tracer('t').span('a', k=1): pass\n"


def test_without_an_exporter_the_console_is_used():
    code, out, err = run(ONE)
    assert (code, err) == (0, "")
    assert json.loads(out)["name"] == "a"
    assert out.startswith("{\n")


@pytest.mark.parametrize("name", ["CODOMYRMEX_TRACES_EXPORTER", "OTEL_TRACES_EXPORTER"])
def test_the_environment_chooses_the_exporter(name):
    assert run(ONE, **{name: "none"}) == (0, "", "")
    assert run(ONE, **{name: "null"}) == (0, "", "")
    code, out, err = run(ONE, **{name: "console"})
    assert (code, json.loads(out)["name"], err) == (0, "a", "")


def test_the_environment_names_the_service():
    _, out, _ = run(ONE, CODOMYRMEX_SERVICE_NAME="from outside")
    assert json.loads(out)["attributes"]["service.name"] == "from outside"


def test_the_environment_chooses_the_sampler():
    assert run(ONE, OTEL_TRACES_SAMPLER="always_off") == (0, "", "")


def test_an_unknown_variable_is_reported_with_the_nearest_known():
    _, _, err = run(ONE, CODOMYRMEX_TRACES_EXPORTR="none")
    assert "CODOMYRMEX_TRACES_EXPORTER" in err


def test_the_end_does_not_wait_for_threads_that_go_on():
    code, out, err = run("""
import atexit, os, threading
atexit.register(lambda: print(tracer.stats().exporters[0].dropped["shutdown"] > 0, tracer.stats().balanced))
from codomyrmex.telemetry.tracing import *
entered, go, done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
ending = False

class Endless(SpanExporter):
    calls = 0

    def export(self, spans):
        entered.set()
        self.calls += ending
        if self.calls > 20_000:
            os._exit(7)
        go.release()
        done.acquire()

def produce():
    while True:
        go.acquire()
        for _ in range(10):
            tracer.start_span("more").finish()
        done.release()

def export():
    for _ in range(10):
        tracer.start_span("first").finish()

def end():
    global ending
    ending = True

tracer = Tracer("t", Endless())
atexit.register(end)
threading.Thread(target=produce, daemon=True).start()
threading.Thread(target=export, daemon=True).start()
entered.wait()
""")
    assert (code, out, err) == (0, "True True\n", "")


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="CPython 3.10 takes a lock of its own in the child that a thread may have held",
)
@needs_fork
def test_a_forked_child_has_its_own_timer():
    import queue

    class Passing:
        def __init__(self):
            self.names = queue.SimpleQueue()

        def export(self, spans):
            for span in spans:
                self.names.put(span.name)

    exporter = Passing()
    tracer = Tracer("t", exporter, flush_interval=0.001)

    def work(name="child"):
        tracer.start_span(name).finish()
        return exporter.names.get(timeout=30)

    def work_of_a_child():
        exporter.names = queue.SimpleQueue()
        return work()

    for number in range(20):
        assert work(f"parent {number}") == f"parent {number}"
        # While this one may be on its way.
        tracer.start_span("parent").finish()
        assert in_a_child(work_of_a_child) == "child"
        assert exporter.names.get(timeout=30) == "parent"


TIMED = """
from codomyrmex.telemetry.tracing import *
tracer = Tracer("t", ConsoleExporter(pretty=False), flush_interval={interval})
for number in range(13):
    tracer.start_span(f"s{{number}}").finish()
"""


@pytest.mark.parametrize("interval", [0, 0.0001, 3600])
def test_the_end_of_the_interpreter_does_not_wait_for_the_timer(interval):
    for _ in range(5):
        code, out, err = run(TIMED.format(interval=interval))
        assert (code, err) == (0, "")
        assert names(out) == [f"s{number}" for number in range(13)]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are listed below /proc")
@pytest.mark.parametrize(("interval", "expected"), [("None", "False"), ("3600", "True")])
def test_a_thread_is_started_only_where_there_is_an_interval(interval, expected):
    code, out, err = run(
        "import os\n"
        "from codomyrmex.telemetry.tracing import *\n"
        f"tracer = Tracer('t', InMemoryExporter(), flush_interval={interval})\n"
        "tracer.start_span('a').finish()\n"
        "print(len(os.listdir('/proc/self/task')) > 1)\n"
    )
    assert (code, out, err) == (0, f"{expected}\n", "")


def test_daemon_threads_in_the_users_own_code_do_not_disturb_the_end():
    code, out, err = run("""
import asyncio, threading, time
from codomyrmex.telemetry.tracing import *
inside = threading.Semaphore(0)

def stay(*args, **options):
    inside.release()
    while True:
        time.sleep(0.0001)

class Staying:
    export = sample = on_start = on_ending = __str__ = __call__ = stay

async def stay_async():
    stay()

def generate():
    yield stay()

def one(tracer, name="a"):
    tracer.start_span(name).finish()

memory = InMemoryExporter()
work = [
    lambda: one(Tracer("t", Staying(), batch_size=1)),
    lambda: one(Tracer("t", memory, sampler=Staying())),
    lambda: one(Tracer("t", memory, hooks=Staying())),
    lambda: one(Tracer("t", memory), Staying()),
    trace(stay),
    lambda: list(trace(generate)()),
    lambda: asyncio.run(trace(stay_async)()),
    lambda: trace(stay)(by="name"),
    lambda: trace(Staying())(by="name"),
]
for target in work:
    threading.Thread(target=target, daemon=True).start()
one(Tracer("t", Staying(), flush_interval=0.001))
for _ in range(len(work) + 1):
    inside.acquire()

class Last:
    # Busy while the interpreter ends, for as long as the other threads take to find out that it does.
    def __del__(self, clock=time.perf_counter):
        end = clock() + 0.1
        while clock() < end:
            pass

last = Last()
print("ends")
""")
    assert (code, out, err) == (0, "ends\n", "")
