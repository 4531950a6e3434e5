"""The Python peers, on every interpreter asked for, each in a virtual environment of its own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from driver import rust_side
from driver.figures import Table
from driver.plan import Plan, say
from driver.sink import Delivery, deliveries
from driver.turns import launch, take_turns

PEERS = {
    "noop": "noop",
    "codomyrmex": "codomyrmex_tracing",
    "opentelemetry-sdk": "opentelemetry_sdk",
    "ddtrace": "ddtrace_tracer",
}
CASES = (
    "nested",
    "attributes",
    "root",
    "unsampled",
    "decorator",
    "decorator-async",
    "exception-1",
    "exception-20",
    "inject",
    "extract",
    "cpu",
    "cpu-attributes",
)
IMPORTS = {
    "bare": "pass",
    "codomyrmex": "from codomyrmex.telemetry.tracing import get_tracer, trace",
    "opentelemetry-sdk": (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"
        "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter"
    ),
    "ddtrace": "from ddtrace.trace import tracer",
}
SENDERS = {
    "codomyrmex": "codomyrmex_tracing",
    "opentelemetry-sdk": "opentelemetry_sdk",
    "ddtrace": "ddtrace_tracer",
}
OPTIMISED = Path("/usr/bin/python3")
FACTS = """
import json, platform, sys, sysconfig
get = sysconfig.get_config_var
print(json.dumps({
    "version": platform.python_version(),
    "executable": sys.executable,
    "debian": "/usr/lib/python3/dist-packages" in sys.path,
    "config_args": get("CONFIG_ARGS") or "",
    "flags": f"{get('OPT') or ''} {get('PY_CORE_CFLAGS') or ''}",
    "compiler": platform.python_compiler(),
    "shared": bool(get("Py_ENABLE_SHARED")),
    "suffix": get("EXT_SUFFIX"),
    "include": sysconfig.get_path("include"),
}))
"""


@dataclass
class PythonRun:
    facts: dict
    built: str
    table: Table = field(default_factory=dict)
    # Milliseconds above a bare interpreter.
    imports: Table = field(default_factory=dict)
    # By peer: what became of spans that were sent to a sink in another process.
    wire: dict[str, Delivery] = field(default_factory=dict)
    # Why there are no figures.
    failure: str = ""


def interpreters() -> list[str]:
    at_hand = shutil.which("python3") or sys.executable
    real = {}
    for path in (at_hand, OPTIMISED):
        if Path(path).exists():
            real.setdefault(facts_of(path)["executable"], str(path))
    return list(real.values())


def facts_of(python: str | Path) -> dict:
    done = subprocess.run([python, "-c", FACTS], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def how_built(facts: dict) -> str:
    """In words, from what sysconfig tells. Debian leaves its optimising flags out of sysconfig."""
    arguments = facts["config_args"]
    profiled = "--enable-optimizations" in arguments
    linked = "--with-lto" in arguments
    if profiled or linked:
        words = " and ".join(word for word, is_so in (("PGO", profiled), ("LTO", linked)) if is_so)
    elif facts["debian"]:
        words = "distribution package: PGO and LTO by its build rules, not shown in sysconfig"
    else:
        words = "neither PGO nor LTO"
    library = "shared libpython" if facts["shared"] and not facts["debian"] else "static"
    return f"{words}; {library}; {facts['compiler']}"


def measure(plan: Plan, pythons: list[str]) -> tuple[PythonRun, ...]:
    prepared = []
    for python in pythons:
        facts = facts_of(python)
        try:
            prepared.append((facts, environment(plan, facts, python), ""))
        except (OSError, subprocess.CalledProcessError) as failure:
            say(f"left out {facts['executable']}: {failure}")
            prepared.append((facts, None, str(failure)))
    return tuple(
        run(plan, facts, venv) if venv else PythonRun(facts, how_built(facts), failure=failure)
        for facts, venv, failure in prepared
    )


def environment(plan: Plan, facts: dict, python: str) -> Path:
    """The virtual environment with the peers, our wheel and the no-op, made or brought up to date."""
    name = hashlib.sha256(facts["executable"].encode()).hexdigest()[:8]
    venv = plan.here / ".venv" / f"{facts['version']}-{name}"
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not (venv / "bin" / "python").exists():
        say(f"making a virtual environment for {facts['executable']}")
        subprocess.run([python, "-m", "venv", venv], check=True)
    subprocess.run([*pip, "-r", plan.here / "python" / "requirements.txt"], check=True)
    say(f"building our wheel for CPython {facts['version']}")
    subprocess.run([*pip, "--no-deps", "--force-reinstall", plan.here.parent], check=True)
    build_noop(plan, facts, venv)
    return venv


def build_noop(plan: Plan, facts: dict, venv: Path) -> None:
    """The no-op extension, put where only the workers find it."""
    target = venv / "noop"
    target.mkdir(exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    source = plan.here / "python" / "noop" / "noop.c"
    options = ["-O3", "-DNDEBUG", "-shared", "-fPIC", f"-I{facts['include']}"]
    if sys.platform == "darwin":
        options += ["-undefined", "dynamic_lookup"]
    subprocess.run([compiler, *options, source, "-o", target / f"noop{facts['suffix']}"], check=True)


def run(plan: Plan, facts: dict, venv: Path) -> PythonRun:
    result = PythonRun(facts, how_built(facts))
    python = venv / "bin" / "python"
    name = f"python {facts['version']}"
    surroundings = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("OTEL_", "DD_", "CODOMYRMEX_", "PYTHON"))
    }
    working = {**surroundings, "PYTHONPATH": str(venv / "noop"), "PYTHONPYCACHEPREFIX": str(venv / "pycache")}
    worker = plan.here / "python" / "worker.py"
    for case in filter(plan.wants, CASES):
        say(f"  {name}: {case}")
        commands = {peer: [python, worker, module, case] for peer, module in PEERS.items()}
        result.table[case] = take_turns(plan, commands, working, may_lose=case == "unsampled")
    if plan.wants("import"):
        say(f"  {name}: import")
        commands = {peer: [python, "-c", code] for peer, code in IMPORTS.items()}
        result.imports["import"] = launch(plan, commands, "bare", surroundings)
    if plan.wants("wire"):
        say(f"  {name}: wire")
        program = plan.here / "python" / "to_sink.py"
        senders = {peer: [python, program, module] for peer, module in SENDERS.items()}
        result.wire = deliveries(plan, rust_side.sink(plan), senders, working)
    return result
