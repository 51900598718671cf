"""What the operator's process holds: memory counts on small boards."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "sunward.cli.main",
    "sunward.cli.wiring",
    "sunward.cluster.access.handlers",
    "sunward.cluster.loop",
    "sunward.forecasting.expect",
    "sunward.optimisation.process.guarded",
    "sunward.sources.build",
    "sunward.telemetry.reporter",
    "sunward.web.serving",
)


def test_the_operators_process_loads_no_solver() -> None:
    """The solver and its libraries (25 MiB) live in the solver's process alone."""
    code = f"import sys, {', '.join(MODULES)}; print('ortools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
