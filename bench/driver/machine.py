"""What the figures were taken on and with."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from driver.plan import Plan

RUST_PEERS = (
    "fastrace",
    "fastrace-opentelemetry",
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry-proto",
    "tracing",
    "tracing-opentelemetry",
    "tracing-subscriber",
    "tracy-client",
)


def facts(plan: Plan) -> list[tuple[str, str]]:
    lock = (plan.here / "Cargo.lock").read_text()
    versions = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock))
    requirements = (plan.here / "python" / "requirements.txt").read_text().split()
    load = os.getloadavg()
    return [
        ("taken", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", output(["git", "-C", str(plan.here), "describe", "--always", "--dirty"])),
        ("processor", f"{processor()}, {os.cpu_count()} logical; pinned to {plan.cpu}"),
        ("kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("clocksource", clocksource()),
        ("load at the end", f"{load[0]:.2f} {load[1]:.2f} {load[2]:.2f}"),
        ("rounds", f"{plan.rounds} of turns, {plan.launches} of process starts"),
        ("rustc", output(["rustc", "--version"])),
        ("Rust peers", ", ".join(f"{name} {versions[name]}" for name in RUST_PEERS)),
        ("Python peers", ", ".join(line.replace("==", " ") for line in requirements)),
    ]


def output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or "unknown"


def clocksource() -> str:
    path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    return path.read_text().strip() if path.exists() else "unknown"
