"""Processes that fork: nothing hangs, no span comes twice, none is lost, and children hang below their parents."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def books(said):
    """Every process's last books; all are balanced, with nothing dropped and nothing left."""
    every = [line["books"] for line in said if isinstance(line, dict) and "books" in line]
    assert all(line["balanced"] for line in said if isinstance(line, dict) and "books" in line), said
    assert all(dropped == queued == 0 for _, _, dropped, queued in every), said
    return sorted(recorded for recorded, _, _, _ in every)


FORK = """
def fork(work, end=sys.exit):
    child = os.fork()
    if child == 0:
        work()
        end(0)
    return child

def wait(*children):
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
"""


@pytest.mark.parametrize("end", ["sys.exit", "lambda code: (tracer.flush(), books(), os._exit(code))"])
def test_parent_and_children_deliver_each_their_own(start, receiver, end):
    said = start(
        FORK
        + f"""
record("before")
with tracer.span("open"):
    def work(name):
        record(name + "1")
        with tracer.span(name + "2"):
            record(name + "3")
    children = [fork(lambda name=name: work(name), {end}) for name in "ab"]
    record("beside")
    wait(*children)
"""
    ).end()
    spans = receiver.by_name
    assert sorted(spans) == ["a1", "a2", "a3", "b1", "b2", "b3", "before", "beside", "open"]
    opened = spans["open"]
    for name in ("a1", "a2", "b1", "b2", "beside"):
        assert (spans[name].trace_id, spans[name].parent) == (opened.trace_id, opened.span_id)
    assert spans["a3"].parent == spans["a2"].span_id
    assert spans["before"].trace_id != opened.trace_id
    receiver.check_ids()
    assert books(said) == [3, 3, 3]


def test_a_child_of_a_child(start, receiver):
    said = start(
        FORK
        + """
record("parent")
def work():
    record("child")
    def deeper():
        record("grandchild")
    wait(fork(deeper))
    record("child again")
wait(fork(work))
record("parent again")
"""
    ).end()
    assert receiver.names == ["child", "child again", "grandchild", "parent", "parent again"]
    receiver.check_ids()
    assert books(said) == [1, 2, 2]


def test_a_child_that_runs_another_program_delivers_nothing_of_its_parent(start, receiver):
    said = start("""
import subprocess
record("before")
subprocess.run([sys.executable, "-c", "pass"], check=True, preexec_fn=lambda: None)
record("after")
""").end()
    assert receiver.names == ["after", "before"]
    assert books(said) == [2]


def test_os_exit_in_a_child_delivers_nothing(start, receiver):
    start(
        FORK
        + """
record("parent")
wait(fork(lambda: record("lost"), os._exit))
"""
    ).end()
    assert receiver.names == ["parent"]


def test_a_fork_while_an_export_is_stalled(start, receiver):
    receiver.answers.clear()
    program = start(
        FORK
        + """
def export():
    record(*"0123456789")
    tracer.flush()

exporting = threading.Thread(target=export)
exporting.start()
sys.stdin.readline()
children = [fork(lambda name=name: record(name)) for name in ("a", "b")]
record("beside")
say("forked")
wait(*children)
exporting.join()
"""
    )
    receiver.wait_for_request()
    program.go_on()
    # The fork is over while nothing has been answered yet.
    assert program.next() == "forked"
    assert receiver.spans == []
    receiver.answers.set()
    said = program.end()
    assert receiver.names == [*"0123456789", "a", "b", "beside"]
    receiver.check_ids()
    assert books(said) == [1, 1, 11]


def test_forks_in_the_midst_of_recording_and_exporting(start, receiver):
    said = start(
        FORK
        + """
go_on = True
counts = {}

def work(letter):
    number = 0
    while go_on:
        record(f"{letter}{number}")
        number += 1
        if number % 100 == 0:
            # No faster than the receiver.
            tracer.flush()
    counts[letter] = number

threads = [threading.Thread(target=work, args=(letter,)) for letter in "xy"]
for thread in threads:
    thread.start()

def child(number):
    # Threads of the parent's are not here, and what they held is not held.
    record(*(f"child{number}.{own}" for own in range(25)))
    tracer.flush()

for number in range(8):
    wait(fork(lambda: child(number)))
    tracer.flush()
go_on = False
for thread in threads:
    thread.join()
say(counts)
"""
    ).end()
    receiver.check_ids()
    counts = next(line for line in said if "x" in line)
    expected = [f"{letter}{number}" for letter in "xy" for number in range(counts[letter])]
    expected += [f"child{number}.{own}" for number in range(8) for own in range(25)]
    assert receiver.names == sorted(expected)
    assert books(said) == [25] * 8 + [counts["x"] + counts["y"]]


MULTIPROCESSING = """
import multiprocessing

def make():
    global tracer
    tracer = Tracer("t", exporter())

def child(name, headers):
    if "tracer" not in globals():
        # Where the child was not forked it has imported this file anew.
        make()
    if headers is None:
        record(name)
    else:
        with tracer.start_span(name, parent=SpanContext.from_headers(headers)):
            pass

if __name__ == "__main__":
    method, sends_headers = sys.argv[1:]
    make()
    context = multiprocessing.get_context(method)
    with tracer.span("parent") as parent:
        headers = parent.context.to_headers() if sends_headers == "headers" else None
        children = [context.Process(target=child, args=(f"child{number}", headers)) for number in range(2)]
        for process in children:
            process.start()
        for process in children:
            process.join()
            assert process.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("carried", ["headers", "context"])
def test_multiprocessing(start, receiver, prelude, method, carried):
    if carried == "context" and method != "fork":
        pytest.skip("only a fork inherits the current span; others are sent it in headers")
    said = start(MULTIPROCESSING, method, carried, prelude=prelude).end()
    spans = receiver.by_name
    assert sorted(spans) == ["child0", "child1", "parent"]
    for name in ("child0", "child1"):
        assert (spans[name].trace_id, spans[name].parent) == (
            spans["parent"].trace_id,
            spans["parent"].span_id,
        )
    receiver.check_ids()
    assert 1 in books(said)


def test_a_package_that_only_the_child_imports(start, receiver, kind):
    """A forkserver's child ends without `atexit`, and has the package from its own work alone."""
    if kind == "objects":
        pytest.skip("the program has no exporter of its own")
    start(
        """
import multiprocessing

def child():
    from codomyrmex.telemetry import tracing
    with tracing.Tracer("t").span("child"):
        pass

if __name__ == "__main__":
    process = multiprocessing.get_context("forkserver").Process(target=child)
    process.start()
    process.join()
    raise SystemExit(process.exitcode)
""",
        prelude="",
    ).end()
    assert receiver.names == ["child"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes(start, receiver, prelude, method):
    start(
        """
import concurrent.futures, multiprocessing

def square(number):
    if "tracer" not in globals():
        globals()["tracer"] = Tracer("t", exporter())
    with tracer.span(f"square{number}"):
        return number * number

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        say(list(pool.map(square, range(6))))
""",
        method,
        prelude=prelude,
    ).end()
    assert receiver.names == [f"square{number}" for number in range(6)]
    receiver.check_ids()
