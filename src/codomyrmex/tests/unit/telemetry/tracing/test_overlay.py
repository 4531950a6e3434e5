"""The wheel lies over an installed `codomyrmex` and replaces its tracing files alone."""

import os
import subprocess
import sys
import zipfile

import pytest

WHEEL = os.environ.get("XTASK_WHEEL")

needs_wheel = pytest.mark.skipif(WHEEL is None, reason="XTASK_WHEEL names no wheel to install")


@needs_wheel
def test_the_wheel_has_no_init_of_the_packages_above_it_and_no_tests():
    with zipfile.ZipFile(WHEEL) as wheel:
        names = [name for name in wheel.namelist() if name.startswith("codomyrmex/")]
    assert all(name.startswith("codomyrmex/telemetry/tracing/") for name in names)
    assert "codomyrmex/telemetry/tracing/py.typed" in names


@needs_wheel
def test_the_wheel_over_an_installed_codomyrmex(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True)
    python = tmp_path / "bin" / "python"
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    installed = {
        "__init__.py": "whole = True\n",
        "agents/__init__.py": "",
        "telemetry/__init__.py": "from codomyrmex.telemetry import metrics\n",
        "telemetry/metrics.py": "from codomyrmex.telemetry.tracing import get_tracer\n",
        "telemetry/tracing/__init__.py": "from codomyrmex.telemetry.tracing.core import get_tracer\n",
        "telemetry/tracing/core.py": "def get_tracer(name='default'): raise RuntimeError('the old one')\n",
    }
    for name, text in installed.items():
        path = tmp_path.joinpath(site, "codomyrmex", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", WHEEL]
    subprocess.run(pip, check=True)
    program = (
        "import codomyrmex, codomyrmex.agents\n"
        "from codomyrmex.telemetry import metrics\n"
        "from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer, _native\n"
        "exporter = InMemoryExporter()\n"
        "tracer = Tracer('t', exporter)\n"
        "with tracer.span('a'): pass\n"
        "tracer.flush()\n"
        "assert metrics.get_tracer.__module__ == 'codomyrmex.telemetry.tracing.tracer'\n"
        "print(codomyrmex.whole, [span.name for span in exporter.spans])\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run([str(python), "-c", program], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True ['a']\n", "")
