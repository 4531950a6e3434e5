"""200,000 spans of three attributes to a sink in another process: `to_sink.py PEER URL`.

Prints the CPU time that they took in this process, all threads, until the last one was delivered.
"""

import importlib
import sys
import time

CHILDREN = 1_999
TRACES = 100


def main() -> None:
    name, url = sys.argv[1:3]
    peer = importlib.import_module(f"wire.{name}").Peer(url)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(TRACES):
        peer.trace(CHILDREN)
    peer.end()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    print(f"created {TRACES * (CHILDREN + 1)} cpu_ns {cpu} wall_ns {wall} counted none", flush=True)


if __name__ == "__main__":
    main()
