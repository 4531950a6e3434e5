"""Workers that take turns: A B C A B C …, so that whatever drifts hits all alike."""

import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from driver.figures import Figure
from driver.plan import Plan, say

SECTIONS = 5
PATIENCE_SECONDS = 180
# As fine as starting processes can tell.
RESOLUTION_MS = 0.05


class WorkerError(Exception):
    """A worker ended, or said nothing for too long."""


class Worker:
    """A process that serves one case of one peer over its standard streams."""

    def __init__(
        self,
        command: Sequence[str | Path],
        before: Callable[[], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = " ".join(map(str, command))
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment) if environment is not None else None,
            # The driver has one thread.
            preexec_fn=before,  # noqa: PLW1509
        )
        self.pending = b""

    def line(self) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        stream = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(stream, 1 << 16) if ready else b""
            if not chunk:
                self.kill()
                raise WorkerError(f"no answer from: {self.command}")
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode()

    def turn(self, sections: int) -> list[float]:
        self.process.stdin.write(f"{sections}\n".encode())
        self.process.stdin.flush()
        return [float(figure) for figure in self.line().split()]

    def close(self) -> tuple[int, int, int]:
        """Spans created, spans exported, bytes of these. It is killed: some take their time to end."""
        self.process.stdin.close()
        created, exported, size = map(int, re.findall(r"\d+", self.line()))
        self.kill()
        return created, exported, size

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def take_turns(
    plan: Plan,
    commands: Mapping[str, Sequence[str | Path]],
    environment: Mapping[str, str] | None = None,
    may_lose: bool = False,
) -> dict[str, Figure]:
    """Figures of one case for every peer that offers it. `commands` starts each peer's worker."""
    workers: dict[str, Worker] = {}
    try:
        for peer, command in commands.items():
            worker = Worker(command, plan.pin(), environment)
            try:
                if worker.line() == "ready":
                    workers[peer] = worker
                else:
                    worker.kill()
            except WorkerError as failure:
                say(f"    {peer}: {failure}")
        figures = {peer: Figure() for peer in workers}
        for worker in workers.values():
            worker.turn(SECTIONS)
        for _ in range(plan.rounds):
            for peer, worker in workers.items():
                figures[peer].add(worker.turn(SECTIONS))
        for peer, worker in workers.items():
            created, exported, size = worker.close()
            figures[peer].size = size / exported if exported else 0.0
            if not may_lose:
                figures[peer].lost = created - exported
            elif exported:
                say(f"    {peer}: exported {exported} spans that were not sampled")
        return figures
    finally:
        for worker in workers.values():
            worker.kill()


def launch(
    plan: Plan,
    commands: Mapping[str, Sequence[str | Path]],
    base: str,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Figure]:
    """How much longer than `base` whole processes take, in ms, each started many times in rounds."""
    took: dict[str, list[float]] = {peer: [] for peer in commands}
    own = os.sched_getaffinity(0)
    # The children inherit the core. Pinned after a fork instead, a start would be slower and less even.
    os.sched_setaffinity(0, {plan.cpu})
    try:
        for _ in range(plan.launches + 1):
            for peer, command in commands.items():
                began = time.perf_counter_ns()
                ended = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
                took[peer].append((time.perf_counter_ns() - began) / 1e6)
                if ended.returncode:
                    raise WorkerError(f"status {ended.returncode}: {' '.join(map(str, command))}")
    finally:
        os.sched_setaffinity(0, own)
    # The first start reads the files from disk.
    middle = {peer: median(times[1:]) for peer, times in took.items()}
    least = {peer: min(times[1:]) for peer, times in took.items()}
    return {
        peer: Figure(
            [max(middle[peer] - middle[base], RESOLUTION_MS)], max(least[peer] - least[base], RESOLUTION_MS)
        )
        for peer in commands
        if peer != base
    }
