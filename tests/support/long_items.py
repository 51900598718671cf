"""Tests that take long, by file or by file and function: several workers begin with them, one by one.

The scheduler knows no marks, only ids, so the list is here. What takes less than some five seconds is not worth a line.
"""

from __future__ import annotations

from typing import Final

LONG: Final = frozenset(
    {
        "tests/integration/test_cluster_loop_crash.py",
        "tests/integration/test_cluster_loop_pending.py",
        "tests/integration/test_experiments_bounds.py",
        "tests/integration/test_experiments_small.py",
        "tests/integration/test_experiments_stored.py",
        "tests/integration/test_real_drains.py",
        "tests/integration/test_real_faults.py",
        "tests/integration/test_real_liveness.py",
        "tests/integration/test_real_operator.py",
        "tests/integration/test_real_scheduler.py",
        "tests/integration/test_trainer_flower.py",
        "tests/integration/test_trainer_recovery.py",
        "tests/property/test_loop_model.py",
        "tests/property/test_loop_soak.py",
        "tests/property/test_optimisation_space.py",
        "tests/property/test_planning_placing.py",
        "tests/property/test_simulation_invariants.py",
        "tests/unit/optimisation/test_optimisation_reference.py",
        "tests/unit/simulation/test_simulation_operated.py::test_hysteresis_keeps_a_plan_that_little_would_improve",
        "tests/unit/simulation/test_simulation_operated.py::test_the_cycle_limit_is_what_keeps_nodes_from_flapping",
    }
)


COMPUTATIONS: Final = (
    "tests/integration/test_cluster_loop_crash.py",
    "tests/integration/test_experiments_",
    "tests/property/",
    "tests/unit/simulation/",
)
"""Beginnings of the ids of tests that only compute and watch no time: whatever else runs, they give the same."""


def is_computation(nodeid: str) -> bool:
    """Whether a test, given by its id, may run at the lowest priority beside tests that do watch times."""
    return nodeid.startswith(COMPUTATIONS)


def is_long(nodeid: str) -> bool:
    """Whether a test, given by its id, is one of them."""
    return nodeid.partition("::")[0] in LONG or nodeid.partition("[")[0] in LONG
