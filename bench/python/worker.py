"""Serves one case of one peer: `worker.py PEER CASE`, then a number of sections a line on standard input.

Answers each line with so many figures in ns per span. The protocol is that of the Rust binaries.
"""

import importlib
import os
import sys
import time

# Spans in a section of each case, below one root.
SPANS = {"exception-1": 200, "exception-20": 200}
DEFAULT_SPANS = 1000
ROOTLESS = ("root",)
# Cases of headers, and the spans in a section of each.
HEADERS = {"inject": 1, "extract": 0}


def empty(times: int) -> None:
    for _ in range(times):
        pass


def cost(clock, function, times: int) -> float:
    """The least of many, in ns for all of `times`."""
    least = float("inf")
    for _ in range(200):
        start = clock()
        function(times)
        least = min(least, clock() - start)
    return least


def main() -> None:
    peer_name, case = sys.argv[1:3]
    os.environ["BENCH_CASE"] = case
    peer = importlib.import_module(f"peers.{peer_name}").Peer(case)
    if case not in peer.cases:
        print("not offered", flush=True)
        return
    run, plain, settle = peer.cases[case], peer.plain.get(case), peer.settle
    spans = SPANS.get(case, DEFAULT_SPANS)
    whole_process = case.startswith("cpu")
    clock = time.process_time_ns if whole_process else time.thread_time_ns
    # The loop and the clock are no part of a span. A plain call's loop is subtracted with it.
    overhead = 0.0 if plain else cost(clock, empty, spans)
    # The root is a span of the case as well where everything that was made is counted.
    nothing = case == "unsampled" or peer_name == "noop"
    exported_each = 0 if nothing else spans if case in ROOTLESS else spans + 1
    exported_each = HEADERS.get(case, exported_each)
    operations = exported_each if whole_process else spans

    def section() -> float:
        start = clock()
        run(spans)
        if whole_process:
            settle()
        spent = clock() - start
        if not whole_process:
            settle()
        if plain:
            start = clock()
            plain(spans)
            spent -= clock() - start
        return (spent - overhead) / operations

    created = 0
    print("ready", flush=True)
    for line in sys.stdin:
        sections = int(line)
        print(" ".join(f"{section():.2f}" for _ in range(sections)), flush=True)
        created += sections * exported_each
    exported, size = settle()
    print(f"created {created} exported {exported} bytes {size}", flush=True)


if __name__ == "__main__":
    main()
