"""The Rust peers: built in two profiles, measured in both."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from driver.figures import Table
from driver.plan import Plan, say
from driver.sink import Delivery, deliveries
from driver.turns import launch, take_turns

PEERS = ("floor", "codomyrmex", "tracy", "fastrace", "otel", "tracing-otel")
CASES = (
    "child",
    "attributes",
    "root",
    "unsampled",
    "disabled",
    "async",
    "inject",
    "extract",
    "cpu",
    "cpu-attributes",
)
PROFILES = {"lto": "fat LTO, one codegen unit", "release": "cargo's default release profile"}
SENDERS = ("codomyrmex", "otel")
INSTRUCTION_CASES = ("child", "attributes", "root", "unsampled", "disabled", "async")


@dataclass(frozen=True)
class Memory:
    """Of the runs of one peer: KiB above idle, and what became of the spans."""

    kibibytes: float
    created: int
    exported: int
    # Spans that the peer itself reports as lost; None if it reports none.
    counted: int | None

    @property
    def lost(self) -> int:
        return self.created - self.exported


@dataclass
class RustRun:
    profile: str
    table: Table = field(default_factory=dict)
    # Milliseconds above the floor's process.
    startup: Table = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    # By case, then by peer: what became of spans that were sent to a sink in another process.
    wire: dict[str, dict[str, Delivery]] = field(default_factory=dict)


def build(plan: Plan, profile: str) -> Path:
    say(f"building the Rust peers, profile {profile}")
    subprocess.run(["cargo", "build", "--profile", profile], cwd=plan.here, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", plan.here / "target"))
    return (plan.here / target / profile).resolve()


def sink(plan: Plan) -> Path:
    """The sink alone, which needs no peer."""
    subprocess.run(["cargo", "build", "--release", "--bin", "bench-sink"], cwd=plan.here, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", plan.here / "target"))
    return (plan.here / target / "release" / "bench-sink").resolve()


def measure(plan: Plan, profiles: list[str]) -> tuple[RustRun, ...]:
    binaries = {profile: build(plan, profile) for profile in profiles}
    return tuple(run(plan, profile, binaries[profile]) for profile in profiles)


def run(plan: Plan, profile: str, binaries: Path) -> RustRun:
    result = RustRun(profile)

    def commands(case: str) -> dict[str, list[str | Path]]:
        return {peer: [binaries / f"bench-{peer}", case] for peer in PEERS}

    for case in filter(plan.wants, CASES):
        say(f"  rust {profile}: {case}")
        result.table[case] = take_turns(plan, commands(case), may_lose=case == "unsampled")
    for case in filter(plan.wants, ("linked", "startup")):
        say(f"  rust {profile}: {case}")
        result.startup[case] = launch(plan, commands(case), "floor")
    if plan.wants("memory"):
        say(f"  rust {profile}: memory")
        for peer in ("codomyrmex", "fastrace", "otel", "tracing-otel"):
            result.memory[peer] = memory(plan, [binaries / f"bench-{peer}", "memory"])
    if plan.wants("stalled"):
        say(f"  rust {profile}: stalled")
        ours = binaries / "bench-codomyrmex"
        stalled = {"codomyrmex": [ours, "child"], "stalled": [ours, "stalled"]}
        result.table["stalled"] = take_turns(plan, stalled, may_lose=True)
    for case, arguments in (("wire", "all"), ("flat", "flat")):
        if plan.wants(case):
            say(f"  rust {profile}: {case}")
            senders = {peer: [binaries / f"bench-wire-{peer}", arguments] for peer in SENDERS}
            result.wire[case] = deliveries(plan, binaries / "bench-sink", senders, pinned=case == "wire")
    return result


def memory(plan: Plan, command: list[str | Path]) -> Memory:
    runs = []
    for _ in range(plan.loads):
        done = subprocess.run(
            command, preexec_fn=plan.unpin(), capture_output=True, text=True, check=True, timeout=300
        )
        runs.append(dict(re.findall(r"(\w+) (\w+)", done.stdout)))
    counted = [int(run["counted"]) for run in runs if run["counted"] != "none"]
    return Memory(
        kibibytes=median(int(run["peak_kib"]) - int(run["idle_kib"]) for run in runs),
        created=sum(int(run["created"]) for run in runs),
        exported=sum(int(run["exported"]) for run in runs),
        counted=sum(counted) if counted else None,
    )


def instructions(plan: Plan) -> str:
    """Instructions of a span of ours, by callgrind, in both profiles."""
    rows = ["| case | " + " | ".join(PROFILES) + " |", "|---|" + "---|" * len(PROFILES)]
    binaries = {profile: build(plan, profile) / "bench-instructions" for profile in PROFILES}
    for case in INSTRUCTION_CASES:
        cells = [f"{instructions_of(binary, case):.0f}" for binary in binaries.values()]
        rows.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def instructions_of(binary: Path, case: str) -> float:
    few, many = 10_000, 30_000
    counts = []
    for spans in (few, many):
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, case, str(spans)],
            capture_output=True,
            text=True,
            check=True,
        )
        counts.append(int(re.search(r"refs:\s+([\d,]+)", done.stderr)[1].replace(",", "")))
    return (counts[1] - counts[0]) / (many - few)
