#!/usr/bin/env python3
"""Measures spans against the floor and the peers, and writes RESULTS.md beside this file. See README.md."""

import argparse
import os
import sys
from pathlib import Path

from driver import goals, machine, python_side, report, rust_side
from driver.plan import Plan

HERE = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("rust", "python", "instructions"), help="leave the rest out")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: to see that all works, not to quote"
    )
    parser.add_argument("--case", action="append", help="only this case (may be repeated)")
    parser.add_argument(
        "--profile", choices=("release", "lto"), action="append", help="only this Rust profile"
    )
    parser.add_argument(
        "--python",
        action="append",
        metavar="PATH",
        help="an interpreter to measure on (may be repeated; default: the one at hand and /usr/bin/python3)",
    )
    parser.add_argument("--rounds", type=int, help="rounds of turns for each case")
    parser.add_argument("--cpu", type=int, help="the core to pin to (default: the last one allowed)")
    parser.add_argument("--output", type=Path, help="default: RESULTS.md, or nowhere with --case or --only")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    cpus = sorted(os.sched_getaffinity(0))
    cpu = cpus[-1] if options.cpu is None else options.cpu
    plan = Plan(
        here=HERE,
        rounds=options.rounds or (6 if options.quick else 40),
        launches=12 if options.quick else 60,
        loads=1 if options.quick else 5,
        cpu=cpu,
        cpus=frozenset(cpus),
        cases=options.case,
    )
    # The driver itself stays off the core that it measures on.
    os.sched_setaffinity(0, set(cpus) - {cpu} or {cpu})
    if options.only == "instructions":
        print(rust_side.instructions(plan))
        return 0
    rust = python = ()
    if options.only != "python":
        rust = rust_side.measure(plan, options.profile or ["lto", "release"])
    if options.only != "rust":
        python = python_side.measure(plan, options.python or python_side.interpreters())
    text = report.text(machine.facts(plan), goals.judge(rust, python), rust, python, HERE / "NOTES.md")
    print(text)
    partial = options.only or options.case or options.profile
    output = options.output or (None if partial else HERE / "RESULTS.md")
    if output:
        output.write_text(text)
        print(f"written to {output}", file=sys.stderr)
    return 1 if any(run.failure for run in python) else 0


if __name__ == "__main__":
    sys.exit(main())
