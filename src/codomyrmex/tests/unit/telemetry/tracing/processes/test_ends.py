"""How a process can end, and what is delivered in each case."""

from __future__ import annotations

import signal

import pytest

THIRTEEN = [f"s{number:02}" for number in range(13)]
RECORD = "record(*(f's{number:02}' for number in range(13)))\n"


def books(said, recorded, exported, dropped=0):
    """These are the last books, and they balance."""
    last = said[-1]
    assert last["books"] == [recorded, exported, dropped, 0], said
    assert last["balanced"], said


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("threading.Thread(target=record, args=('s13',)).start()", 0),
        ("raise ValueError('expected')", 1),
        ("def broken(): raise ValueError('expected')\nwith tracer.span('s13'): broken()", 1),
    ],
)
def test_everything_that_is_finished_is_delivered(start, receiver, ending, code):
    program = start(RECORD + ending)
    said = program.end(None)
    assert program.process.returncode == code, program.errors
    assert ("expected" in program.errors) == ("expected" in ending)
    expected = THIRTEEN + ["s13"] * ("s13" in ending)
    assert receiver.names == expected
    receiver.check_ids()
    books(said, len(expected), len(expected))


def test_an_open_span_is_not_delivered_and_stands_in_the_books(start, receiver):
    said = start(RECORD + "left = tracer.start_span('open')").end()
    assert receiver.names == THIRTEEN
    assert said[-1]["open"] == 1
    books(said, 13, 13)


def test_os_exit_delivers_nothing_that_waits(start, receiver):
    start(RECORD + "tracer.flush()\nrecord('lost')\nos._exit(4)").end(4)
    assert receiver.names == THIRTEEN


def test_a_kill_delivers_nothing_that_waits(start, receiver):
    start(RECORD + "tracer.flush()\nrecord('lost')\nos.kill(os.getpid(), signal.SIGKILL)").end(
        -signal.SIGKILL
    )
    assert receiver.names == THIRTEEN


def test_daemon_threads_that_go_on_do_not_disturb_the_end(start, receiver, kind):
    if kind == "objects":
        pytest.skip("a thread that exports for another that never stops does nothing else")
    said = start("""
done = threading.Semaphore(0)

def work(letter):
    number = 0
    while True:
        record(f"{letter}{number}")
        number += 1
        if number == 50:
            done.release()

for letter in "ab":
    threading.Thread(target=work, args=(letter,), daemon=True).start()
for letter in "ab":
    done.acquire()
say("enough")
""").end()
    receiver.check_ids()
    last = said[-1]
    recorded, exported, dropped, queued = last["books"]
    assert exported == len(receiver.spans)
    assert {f"{letter}{number}" for letter in "ab" for number in range(50)} <= set(receiver.names)
    # The threads were in the midst of a span, and may have gone on while the books were read.
    assert queued == 0
    assert set(last["dropped"]) <= {"shutdown"}
    assert recorded >= exported + dropped - 2


def test_a_thread_that_records_while_the_interpreter_ends(start, receiver):
    said = start("""
at_the_end = threading.Event()
recorded = threading.Event()

def work():
    at_the_end.wait()
    record("late")
    recorded.set()

def release():
    at_the_end.set()
    recorded.wait()

threading.Thread(target=work, daemon=True).start()
record("early")
# Runs before the farewell, which was registered earlier.
atexit.register(release)
""").end()
    assert receiver.names == ["early", "late"]
    books(said, 2, 2)


def test_a_span_that_ends_after_the_farewell_is_counted(start, receiver):
    said = start("""
late = tracer.start_span("late")
record("early")
after_the_farewell.append(late.finish)
""").end()
    assert receiver.names == ["early"]
    assert said[-1]["dropped"] == {"shutdown": 1}
    books(said, 2, 1, 1)


@pytest.mark.parametrize("work", ["tracer.flush()", "tracer.force_flush(600)", "tracer.shutdown()"])
def test_ctrl_c_in_the_middle_of_a_flush_to_a_server_that_never_answers(start, receiver, work):
    receiver.answers.clear()
    # A flush has half a minute: longer than this program.
    program = start(
        patience=20,
        code=f"""
record("stuck")
say("ready")
try:
    {work}
except KeyboardInterrupt:
    say("interrupted")
os._exit(5)
""",
    )
    assert program.next() == "ready"
    receiver.wait_for_request()
    program.send(signal.SIGINT)
    assert program.next() == "interrupted"
    program.end(5)
    assert receiver.spans == []


def test_ctrl_c_in_the_middle_of_a_flush_and_then_the_end(start, receiver, kind):
    receiver.answers.clear()
    program = start("""
record("stuck")
say("ready")
try:
    tracer.flush()
except KeyboardInterrupt:
    say("interrupted")
sys.stdin.readline()
""")
    assert program.next() == "ready"
    receiver.wait_for_request()
    program.send(signal.SIGINT)
    assert program.next() == "interrupted"
    receiver.answers.set()
    program.go_on()
    said = program.end()
    if kind == "otlp":
        # Only the waiting was interrupted: the export goes on.
        assert receiver.names == ["stuck"]
        books(said, 1, 1)
    else:
        assert said[-1]["dropped"] == {"export_failed": 1}
        books(said, 1, 0, 1)


def test_the_end_waits_for_a_server_that_never_answers_no_longer_than_its_time(start, receiver, kind):
    if kind == "objects":
        pytest.skip("an exporter in the process has as much time as it takes")
    receiver.answers.clear()
    said = start(RECORD + "tracer.force_flush(0)").end(None)
    assert receiver.spans == []
    assert said[-1]["balanced"], said
    recorded, exported, dropped, queued = said[-1]["books"]
    assert (recorded, exported, dropped + queued) == (13, 0, 13)


def test_one_server_that_never_answers_takes_nothing_from_another_tracer(start, receiver, kind):
    if kind == "objects":
        pytest.skip("an exporter in the process has as much time as it takes")
    start("""
import socket
silent = socket.socket()
silent.bind(("127.0.0.1", 0))
silent.listen()
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
stuck = Tracer("first", exporter())
good, tracer = tracer, stuck
record("lost")
tracer = good
record("delivered")
""").end(None)
    assert receiver.names == ["delivered"]
