"""The loop against its model: the same few runs every time, in a process of their own; others in suite R2.

What Hypothesis draws depends on the modules that a process has loaded, and so on the tests that ran before. A test that
guards the main line must not try something else each time; the suite must, by its seed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from support.loop.model import RULES

RUNS, STEPS, SEED = 15, 30, 1
CODE = (
    "import sys; from fault_injection.in_memory.model import one_slice; "
    "print(*one_slice({seed}, {steps}, {runs}), sep='\\n')"
)


def test_there_are_many_ways_to_disturb_it() -> None:
    assert RULES >= 25


def test_a_few_runs_end_at_their_goal_and_violate_nothing() -> None:
    code = CODE.format(seed=SEED, steps=STEPS, runs=RUNS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr[-2000:]
