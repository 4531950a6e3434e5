"""RESULTS.md: ratios first, absolute figures in brackets."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from driver.figures import Figure, Table, ratio
from driver.goals import Verdict
from driver.python_side import PythonRun
from driver.rust_side import PROFILES, RustRun
from driver.sink import Delivery

RUST_NAMES = {
    "floor": "two clock reads",
    "codomyrmex": "codomyrmex",
    "tracy": "Tracy zone",
    "fastrace": "fastrace",
    "otel": "opentelemetry",
    "tracing-otel": "tracing + opentelemetry",
}
RUST_CASES = {
    "child": "child span",
    "attributes": "child span, 3 attributes",
    "root": "root only",
    "unsampled": "unsampled child",
    "disabled": "disabled",
    "async": "async span, two polls",
    "inject": "write a `traceparent`",
    "extract": "read a `traceparent`",
    "cpu": "**total CPU to OTLP bytes**, 0 attributes",
    "cpu-attributes": "**total CPU to OTLP bytes**, 3 attributes",
}
PYTHON_NAMES = {
    "noop": "native no-op",
    "codomyrmex": "codomyrmex",
    "opentelemetry-sdk": "opentelemetry-sdk",
    "ddtrace": "ddtrace",
}
PYTHON_CASES = {
    "nested": "nested span, empty",
    "attributes": "nested span, 3 attributes",
    "root": "root only",
    "unsampled": "unsampled child",
    "decorator": "decorated function, the plain call subtracted",
    "decorator-async": "decorated coroutine function, likewise",
    "exception-1": "exception with stack trace, depth 1",
    "exception-20": "exception with stack trace, depth 20",
    "inject": "write a `traceparent` into an empty dict",
    "extract": "read a `traceparent`, the only header",
    "cpu": "**total CPU to encoded bytes**, 0 attributes",
    "cpu-attributes": "**total CPU to encoded bytes**, 3 attributes",
}


def text(
    facts: Sequence[tuple[str, str]],
    verdicts: Sequence[tuple[str, Sequence[Verdict]]],
    rust: Sequence[RustRun],
    python: Sequence[PythonRun],
    notes: Path,
) -> str:
    parts = [
        "# What a span costs\n",
        "Written by `bench/run.py`; README.md beside it says how to read it. Ratios within one run count; "
        "what is in brackets only says where that was on this machine.\n",
        table(("", ""), facts),
        "## Goals\n",
    ]
    for heading, section in verdicts:
        parts += [f"### {heading}\n", goals(section)]
    if notes.exists():
        parts += ["## What stands in the way\n", notes.read_text()]
    for run in rust:
        parts += rust_parts(run)
    for run in python:
        parts += python_parts(run)
    return "\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def goals(verdicts: Sequence[Verdict]) -> str:
    rows = [
        (
            verdict.what,
            f"{number(verdict.measured.median) if verdict.measured else 'no figure'} {verdict.against}",
            number(verdict.measured.least) if verdict.measured else "–",
            verdict.goal,
            "reached" if verdict.reached else "**not reached**",
        )
        for verdict in verdicts
    ]
    return table(("", "measured (median)", "of the least figures", "goal", ""), rows)


def number(value: float) -> str:
    """Three significant digits, never an exponent."""
    if value == float("inf"):
        return "∞"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:,.{digits}f}"


def cell(figure: Figure | None, base: Figure | None, unit: str) -> str:
    if figure is None:
        return "–"
    absolute = f"{number(figure.least)} / {number(figure.median)} {unit}"
    lost = f"; {figure.lost:,} spans lost" if figure.lost else ""
    return f"{number(ratio(figure, base).median)} × ({absolute}{lost})" if base else f"({absolute}{lost})"


def comparison(measured: Table, cases: dict[str, str], names: dict[str, str], base: str, unit: str) -> str:
    rows = []
    for case, words in cases.items():
        if figures := measured.get(case):
            rows.append((words, *(cell(figures.get(peer), figures.get(base), unit) for peer in names)))
    return table(("", *names.values()), rows) if rows else ""


def sizes(measured: Table, cases: dict[str, str], names: dict[str, str]) -> list[str]:
    """Encoded bytes of a span: a peer that does less work shows here."""
    exporting = [peer for peer in names if any(peer in row and row[peer].size for row in measured.values())]
    rows = []
    for case, words in cases.items():
        row = measured.get(case, {})
        if any(figure.size for figure in row.values()):
            cells = (f"{row[peer].size:.0f}" if peer in row and row[peer].size else "–" for peer in exporting)
            rows.append((words, *cells))
    if not rows:
        return []
    return ["Encoded bytes of a span.\n", table(("", *(names[peer] for peer in exporting)), rows)]


def rust_parts(run: RustRun) -> list[str]:
    parts = [
        f"## Rust, {PROFILES[run.profile]}\n",
        "Times two raw clock reads; in brackets ns, least / median.\n",
        comparison(run.table, RUST_CASES, RUST_NAMES, "floor", "ns"),
        *sizes(run.table, RUST_CASES, RUST_NAMES),
    ]
    if run.startup:
        peers = {peer: name for peer, name in RUST_NAMES.items() if peer != "floor"}
        cases = {"linked": "linked, not used", "startup": "tracer set up, one span"}
        parts += [
            "Start-up added to a binary that does nothing, times ours; in brackets ms, least / median.\n",
            comparison(run.startup, cases, peers, "codomyrmex", "ms"),
        ]
    if run.memory:
        rows = [
            (
                RUST_NAMES[peer],
                f"{memory.kibibytes / 1024:,.1f} MiB",
                f"{memory.created:,}",
                f"{memory.lost:,} ({memory.lost / max(memory.created, 1):.1%})",
                "nothing" if memory.counted is None else f"{memory.counted:,}",
            )
            for peer, memory in run.memory.items()
        ]
        parts += [
            "Two threads flat out for two seconds, 3 attributes, default queues "
            "(spans of all runs, memory of the median run).\n",
            table(("", "peak memory above idle", "spans", "lost", "what it says it lost"), rows),
        ]
    if "wire" in run.wire:
        parts += [
            "200,000 spans with 3 attributes over OTLP/HTTP to a sink in another process; CPU time of the sending process "
            "alone, to the end of the last request.\n",
            deliveries(run.wire["wire"], RUST_NAMES),
        ]
    if "flat" in run.wire:
        parts += [
            "Two threads flat out for two seconds into that sink, default queues, two cores, the sink included.\n",
            deliveries(run.wire["flat"], RUST_NAMES),
        ]
    return parts


def deliveries(rows: dict[str, Delivery], names: dict[str, str]) -> str:
    """A row for each peer that sent spans to the sink."""
    ours = rows["codomyrmex"].cpu
    cells = [
        (
            names[peer],
            cell(row.cpu, ours, "ns"),
            f"{row.per_second:,.0f}",
            f"{row.created:,}",
            f"{row.lost:,} ({row.lost / max(row.created, 1):.1%})",
            "nothing" if row.counted is None else f"{row.counted:,}",
        )
        for peer, row in rows.items()
    ]
    head = ("", "CPU a span, times ours", "delivered a second", "spans", "lost", "what it says it lost")
    return table(head, cells)


def without_paths(arguments: str) -> str:
    """The arguments of `configure` that name no place on the machine."""
    return shlex.join(word for word in shlex.split(arguments) if "/" not in word)


def python_parts(run: PythonRun) -> list[str]:
    parts = [
        f"## CPython {run.facts['version']}: {run.built}\n",
        f"Configured with `{without_paths(run.facts['config_args']) or 'nothing'}`, paths left out.\n",
    ]
    if run.failure:
        parts += [f"**Left out**: {run.failure}\n"]
    if run.table:
        parts += [
            "Times ours; in brackets ns, least / median.\n",
            comparison(run.table, PYTHON_CASES, PYTHON_NAMES, "codomyrmex", "ns"),
            *sizes(run.table, PYTHON_CASES, PYTHON_NAMES),
        ]
    if run.imports:
        peers = {peer: name for peer, name in PYTHON_NAMES.items() if peer != "noop"}
        parts += [
            "Import over bare Python, times ours; in brackets ms, least / median.\n",
            comparison(run.imports, {"import": "import"}, peers, "codomyrmex", "ms"),
        ]
    if run.wire:
        parts += [
            "200,000 spans with 3 attributes to a sink in another process (OTLP/HTTP; ddtrace: its agent's protocol); CPU "
            "time of the sending process alone, to the end of the last request.\n",
            deliveries(run.wire, PYTHON_NAMES),
        ]
    return parts
