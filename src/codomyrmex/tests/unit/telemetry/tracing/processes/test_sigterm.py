"""SIGTERM, with and without `flush_on_sigterm`, beside handlers of Python's and asyncio's."""

from __future__ import annotations

import signal
import sys

import pytest

from codomyrmex.telemetry.tracing import flush_on_sigterm

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="SIGTERM is handled on Linux")

KILLED = -signal.SIGTERM
# Ends when the signal comes, or when its reader has had enough.
RECORD = "record('a', 'b')\nsay('ready')\nthreading.Event().wait()\n"


def sigterm(program):
    assert program.next() == "ready"
    program.send(signal.SIGTERM)
    return program


def test_without_it_nothing_that_waits_is_delivered(start, receiver):
    sigterm(start(RECORD)).end(KILLED)
    assert receiver.spans == []


@pytest.mark.parametrize("how", ["function", "variable"])
def test_what_is_finished_is_delivered_before_the_signal_ends_the_process(start, receiver, how):
    call, more = (
        ("flush_on_sigterm()\n", {}) if how == "function" else ("", {"CODOMYRMEX_FLUSH_ON_SIGTERM": "true"})
    )
    sigterm(start(call + "left = tracer.start_span('open')\n" + RECORD, **more)).end(KILLED)
    assert receiver.names == ["a", "b"]
    receiver.check_ids()


@pytest.mark.parametrize("how", ["function", "variable"])
def test_it_can_be_undone(start, receiver, how):
    call, more = (
        ("flush_on_sigterm()\n", {}) if how == "function" else ("", {"CODOMYRMEX_FLUSH_ON_SIGTERM": "true"})
    )
    program = start(call + "flush_on_sigterm(False)\nTracer('another', exporter())\n" + RECORD, **more)
    sigterm(program).end(KILLED)
    assert receiver.spans == []


def test_a_server_that_never_answers_holds_the_end_up_for_the_timeout_only(start, receiver):
    receiver.answers.clear()
    sigterm(start("flush_on_sigterm(timeout=0.5)\n" + RECORD)).end(KILLED)
    assert receiver.spans == []


def test_a_main_thread_that_keeps_the_interpreter_does_not_keep_the_process(start, receiver, kind):
    sigterm(
        start("""
import ctypes
flush_on_sigterm(timeout=3)
record("a")
say("ready")
# Sleeps without letting go of the interpreter.
ctypes.PyDLL(None).sleep(600)
""")
    ).end(KILLED)
    # Bytes need no interpreter to be sent. Objects do, and get there only if the signal came before the sleep.
    if kind == "otlp":
        assert receiver.names == ["a"]


HEARS = """
def hear(number, frame):
    say("heard")

signal.signal(signal.SIGTERM, hear)
"""


def test_a_handler_of_pythons_that_was_there_is_called_and_decides(start, receiver):
    program = start(
        HEARS + "flush_on_sigterm()\nrecord('a')\nsay('ready')\nsys.stdin.readline()\nrecord('b')\n"
    )
    sigterm(program)
    assert program.next() == "heard"
    receiver.wait_for(1)
    assert receiver.names == ["a"]
    program.go_on()
    said = program.end()
    assert receiver.names == ["a", "b"]
    assert said[-1]["books"] == [2, 2, 0, 0]
    assert said[-1]["balanced"]


def test_a_handler_that_exits_delivers_as_every_end_does(start, receiver):
    said = sigterm(
        start("""
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
flush_on_sigterm()
record("a")
with tracer.span("b"):
    say("ready")
    # A signal that comes just before a wait does not interrupt it.
    while not threading.Event().wait(0.1):
        pass
""")
    ).end(7)
    assert receiver.names == ["a", "b"]
    receiver.check_ids()
    assert said[-1]["books"] == [2, 2, 0, 0]


def test_a_handler_that_is_set_afterwards_takes_its_place(start, receiver):
    program = start("flush_on_sigterm()\n" + HEARS + "record('a')\nsay('ready')\nsys.stdin.readline()\n")
    sigterm(program)
    assert program.next() == "heard"
    program.go_on()
    said = program.end()
    assert receiver.names == ["a"]
    assert said[-1]["books"] == [1, 1, 0, 0]


@pytest.mark.parametrize("order", ["before", "after"])
def test_asyncio_handlers_go_on(start, receiver, order):
    said = sigterm(
        start(
            """
import asyncio

async def main():
    over = asyncio.Event()
    if sys.argv[1] == "after":
        flush_on_sigterm()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    if sys.argv[1] == "before":
        flush_on_sigterm()
    with tracer.span("serve"):
        record("a")
        say("ready")
        await over.wait()
    say("graceful")

asyncio.run(main())
""",
            order,
        )
    ).end()
    assert "graceful" in said
    assert receiver.names == ["a", "serve"]
    receiver.check_ids()
    assert said[-1]["books"] == [2, 2, 0, 0]


def test_children_of_multiprocessing_that_are_terminated(start, receiver):
    program = start("""
import multiprocessing
flush_on_sigterm()
record("parent")

def child(ready):
    record("child")
    ready.set()
    threading.Event().wait()

context = multiprocessing.get_context("fork")
ready = context.Event()
process = context.Process(target=child, args=(ready,))
process.start()
ready.wait()
process.terminate()
process.join()
say(process.exitcode)
""")
    assert program.next() == KILLED
    said = program.end()
    assert receiver.names == ["child", "parent"]
    receiver.check_ids()
    assert said[-1]["books"] == [1, 1, 0, 0]


def test_a_child_that_recorded_nothing_ends_at_once(start, receiver):
    program = start("""
flush_on_sigterm()
record("parent")
child = os.fork()
if child == 0:
    signal.pause()
    os._exit(9)
os.kill(child, signal.SIGTERM)
say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert program.next() == KILLED
    program.end()
    assert receiver.names == ["parent"]


def test_a_wrong_timeout_is_told(kind):
    with pytest.raises(ValueError, match="seconds"):
        flush_on_sigterm(timeout=-1)
