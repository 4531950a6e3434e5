"""The figures to reach, and whether they were."""

from collections.abc import Iterator
from dataclasses import dataclass

from driver.figures import Figure, Ratio, Table, ratio
from driver.python_side import PythonRun
from driver.rust_side import PROFILES, RustRun
from driver.sink import Delivery


@dataclass(frozen=True)
class Verdict:
    what: str
    # None where one of the two has no figure.
    measured: Ratio | None
    against: str
    goal: str
    reached: bool


# Ours divided by the floor: at most this, with LTO and in the default profile.
RUST_FLOOR = {
    "child": ("child span, no attributes", {"lto": 1.2, "release": 1.3}),
    "attributes": ("child span, 3 attributes", {"lto": 1.4, "release": 2.0}),
    "disabled": ("disabled", {"lto": 0.1, "release": 0.1}),
    "root": ("root only", {"lto": 1.5, "release": 1.5}),
    "async": ("async span, two polls", {"lto": 1.5, "release": 1.5}),
}
# The best peer divided by ours: at least this.
RUST_CPU = {
    "cpu": ("total CPU from creation to OTLP bytes, no attributes", 15),
    "cpu-attributes": ("total CPU from creation to OTLP bytes, 3 attributes", 25),
}
# Fastrace divided by ours: at least this.
RUST_HEADERS = {"inject": ("write a traceparent", 8), "extract": ("read a traceparent", 4.5)}
RUST_SPAN_PEERS = ("fastrace", "otel", "tracing-otel")
# A peer divided by ours: at least this.
PYTHON_PEERS = {
    "nested": ("nested span, empty", {"opentelemetry-sdk": 45, "ddtrace": 25}),
    "attributes": ("nested span, 3 attributes", {"opentelemetry-sdk": 45, "ddtrace": 25}),
    "decorator": ("decorated function", {"opentelemetry-sdk": 40}),
    "decorator-async": ("decorated coroutine function", {"opentelemetry-sdk": 40}),
    "inject": ("write a traceparent", {"opentelemetry-sdk": 15}),
    "extract": ("read a traceparent", {"opentelemetry-sdk": 15}),
    "exception-1": ("exception with stack trace, depth 1", {"opentelemetry-sdk": 15}),
    "exception-20": ("exception with stack trace, depth 20", {"opentelemetry-sdk": 15}),
}
# Ours divided by the native no-op: at most this.
PYTHON_NOOP = {"nested": ("nested span, empty", 2.5), "unsampled": ("unsampled", 1.5)}


def judge(rust: tuple[RustRun, ...], python: tuple[PythonRun, ...]) -> list[tuple[str, list[Verdict]]]:
    """Verdicts under a heading for each profile and interpreter."""
    sections = [(f"Rust, {PROFILES[run.profile]}", list(rust_verdicts(run))) for run in rust]
    sections += [
        (f"CPython {run.facts['version']} ({run.built})", list(python_verdicts(run))) for run in python
    ]
    return [(heading, verdicts) for heading, verdicts in sections if verdicts]


def at_most(what: str, found: list[Figure] | None, name: str, goal: float) -> Verdict:
    measured = ratio(*found) if found else None
    reached = measured is not None and measured.median <= goal
    return Verdict(what, measured, f"× {name}", f"≤ {goal:g} ×", reached)


def at_least(what: str, found: list[Figure] | None, name: str, goal: float) -> Verdict:
    measured = ratio(*found) if found else None
    reached = measured is not None and measured.median >= goal
    return Verdict(what, measured, f"× less than {name}", f"≥ {goal:g} ×", reached)


def pair(table: Table, case: str, over: str, under: str) -> list[Figure] | None:
    """Two peers' figures of a case, unless one of them has none."""
    figures = table[case]
    return [figures[over], figures[under]] if over in figures and under in figures else None


def rust_verdicts(run: RustRun) -> Iterator[Verdict]:
    for case, (what, goals) in RUST_FLOOR.items():
        if case in run.table:
            found = pair(run.table, case, "codomyrmex", "floor")
            yield at_most(what, found, "two clock reads", goals[run.profile])
    if "unsampled" in run.table:
        found = pair(run.table, "unsampled", "fastrace", "codomyrmex")
        yield at_least("unsampled", found, "fastrace", 2)
    for case, (what, goal) in RUST_HEADERS.items():
        if case in run.table:
            yield at_least(what, pair(run.table, case, "fastrace", "codomyrmex"), "fastrace", goal)
    for case, (what, goal) in RUST_CPU.items():
        if case in run.table:
            figures = run.table[case]
            peers = [peer for peer in RUST_SPAN_PEERS if peer in figures]
            best = min(peers, key=lambda peer: figures[peer].median, default="none measured")
            found = pair(run.table, case, best, "codomyrmex")
            yield at_least(what, found, f"the best peer ({best})", goal)
    if "startup" in run.startup:
        found = pair(run.startup, "startup", "fastrace", "codomyrmex")
        yield at_least("start-up added to a binary", found, "fastrace", 20)
    if run.memory:
        yield from memory_verdicts(run)
    if "stalled" in run.table:
        found = pair(run.table, "stalled", "stalled", "codomyrmex")
        yield at_most(
            "child span while the exporter is stalled", found, "one with an exporter that takes all", 1.03
        )
    if "wire" in run.wire:
        yield from wire_verdicts(run.wire["wire"], {"otel": 12})
    if "flat" in run.wire:
        yield from flat_verdicts(run.wire["flat"])


def wire_verdicts(wire: dict[str, Delivery], goals: dict[str, float]) -> Iterator[Verdict]:
    ours = wire["codomyrmex"]
    for peer, goal in goals.items():
        what = "CPU a span, 3 attributes, over OTLP/HTTP to another process"
        yield at_least(what, [wire[peer].cpu, ours.cpu], peer, goal)
    yield exactly("of these, lost", ours.lost, 0)


def flat_verdicts(flat: dict[str, Delivery]) -> Iterator[Verdict]:
    ours, otel = flat["codomyrmex"], flat["otel"]
    # Nanoseconds a delivered span, so that more a second is less.
    more = ratio(otel.wall, ours.wall)
    what = "two threads flat out, spans delivered a second"
    yield Verdict(what, more, "× opentelemetry-otlp's", "≥ 8 ×", more.median >= 8)
    yield exactly("of these, lost and not counted", ours.lost - (ours.counted or 0), 0)


def exactly(what: str, value: int, goal: int) -> Verdict:
    return Verdict(what, Ratio(value, value), "spans", str(goal), value == goal)


def memory_verdicts(run: RustRun) -> Iterator[Verdict]:
    ours, otel = run.memory["codomyrmex"], run.memory["otel"]
    value = ours.kibibytes / max(otel.kibibytes, 1)
    yield Verdict(
        "peak memory above idle, two threads flat out",
        Ratio(value, value),
        "× opentelemetry_sdk",
        "≤ 4 ×",
        value <= 4,
    )
    told = ours.counted / ours.lost if ours.lost and ours.counted is not None else 1.0
    yield Verdict(
        "lost spans that are counted", Ratio(told, told), "of them", "all", ours.counted == ours.lost
    )


def python_verdicts(run: PythonRun) -> Iterator[Verdict]:
    for case, (what, goals) in PYTHON_PEERS.items():
        if case in run.table:
            for peer, goal in goals.items():
                yield at_least(what, pair(run.table, case, peer, "codomyrmex"), peer, goal)
    for case, (what, goal) in PYTHON_NOOP.items():
        if case in run.table:
            found = pair(run.table, case, "codomyrmex", "noop")
            yield at_most(what, found, "an allocated native no-op", goal)
    if "import" in run.imports:
        found = pair(run.imports, "import", "opentelemetry-sdk", "codomyrmex")
        yield at_least("import over bare Python", found, "opentelemetry-sdk with its HTTP exporter", 6)
    if run.wire:
        yield from wire_verdicts(run.wire, {"opentelemetry-sdk": 45, "ddtrace": 10})
