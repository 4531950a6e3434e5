"""Spans to a sink in another process: CPU time a span, spans delivered a second, and whether any are missing."""

import re
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from driver.figures import Figure
from driver.plan import Plan, say
from driver.turns import WorkerError

PATIENCE_SECONDS = 300
# Spans of one trace, for a peer of which the sink counts traces.
SPANS_OF_A_TRACE = 2_000


class Sink:
    """The server that takes everything, on the cores that are not measured on."""

    def __init__(self, binary: Path) -> None:
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def spans(self) -> int:
        with urllib.request.urlopen(f"{self.url}/totals", timeout=10) as answer:
            totals = dict(re.findall(r"(\w+) (\d+)", answer.read().decode()))
        return int(totals["spans"]) + SPANS_OF_A_TRACE * int(totals["traces"])


@dataclass
class Delivery:
    """What became of the spans of one peer, over several runs."""

    # Nanoseconds of CPU time a span.
    cpu: Figure = field(default_factory=Figure)
    # Nanoseconds a delivered span, from the first span to the end of the last request.
    wall: Figure = field(default_factory=Figure)
    created: int = 0
    delivered: int = 0
    # Spans that the peer itself reports as lost; None if it reports none.
    counted: int | None = None

    @property
    def lost(self) -> int:
        return self.created - self.delivered

    @property
    def per_second(self) -> float:
        return 1e9 / median(self.wall.turns)


def deliveries(
    plan: Plan,
    sink: Path,
    commands: Mapping[str, Sequence[str | Path]],
    environment: Mapping[str, str] | None = None,
    pinned: bool = True,
) -> dict[str, Delivery]:
    """Every peer in turn, `plan.loads` times. A command is given the sink's address as its last argument."""
    found = {peer: Delivery() for peer in commands}
    for _ in range(plan.loads):
        for peer, command in commands.items():
            with Sink(sink) as at:
                done = subprocess.run(
                    [*command, at.url],
                    preexec_fn=plan.pin() if pinned else plan.unpin(),
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE_SECONDS,
                    env=environment,
                    check=False,
                )
                said = dict(re.findall(r"(\w+) (\w+)", done.stdout))
                if done.returncode or "created" not in said:
                    raise WorkerError(f"{peer}: {done.stderr[-500:]}")
                delivered = at.spans()
            row = found[peer]
            row.created += int(said["created"])
            row.delivered += delivered
            row.cpu.add([int(said["cpu_ns"]) / int(said["created"])])
            row.wall.add([int(said["wall_ns"]) / max(delivered, 1)])
            if said["counted"] != "none":
                row.counted = (row.counted or 0) + int(said["counted"])
    for peer, row in found.items():
        say(f"    {peer}: {row.per_second:,.0f} a second, {row.lost} of {row.created} lost")
    return found
