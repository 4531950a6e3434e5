"""How much is measured, and where."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    here: Path
    # Rounds in which every peer gets one turn.
    rounds: int
    # Processes started for each peer where a start is what is measured.
    launches: int
    # Runs of the case that measures memory.
    loads: int
    # The core that is measured on, and all cores that may be used.
    cpu: int
    cpus: frozenset[int]
    cases: list[str] | None

    def wants(self, case: str) -> bool:
        return self.cases is None or case in self.cases

    def pin(self) -> Callable[[], None]:
        """For a child process, before it executes its program."""
        return lambda: os.sched_setaffinity(0, {self.cpu})

    def unpin(self) -> Callable[[], None]:
        return lambda: os.sched_setaffinity(0, self.cpus)


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
