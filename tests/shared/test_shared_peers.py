"""Copies of published rules on the data of those who published them: `make test-shared SUNWARD_SHARED=...`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import load_scenario
from sunward.simulation.simulator import simulate
from support.simulation import no_solver

pytestmark = pytest.mark.shared


def ran(test: str, policy: str) -> Outcome:
    given = os.environ.get("SUNWARD_SHARED")
    assert given, "SUNWARD_SHARED must name the folder that holds data/peers"
    scenario = load_scenario(str(Path(given) / "data" / "peers" / "s2-green-k8s" / f"{test}-k0.0.yaml"))
    return simulate(scenario, policies(no_solver)[policy], no_solver)


@pytest.mark.parametrize(
    ("test", "scored_percent", "spread_percent"),
    [("a-one-per-30min", 91.0, 53.1), ("b-eight-at-once", 96.4, 53.6)],
)
def test_renewable_score_covers_what_the_thesis_measured(
    test: str, scored_percent: float, spread_percent: float
) -> None:
    """Three points of room: the thesis counts by node and time, and its pods move once every ten minutes."""
    scored, spread = ran(test, "renewable score"), ran(test, "spread")
    assert 100.0 * scored.renewable_coverage == pytest.approx(scored_percent, abs=3.0)
    assert 100.0 * spread.renewable_coverage == pytest.approx(spread_percent, abs=3.0)
    assert scored.tasks_on_time == scored.tasks


def test_renewable_score_loses_no_task_where_the_sun_is_scarce() -> None:
    outcome = ran("c-scarce", "renewable score")
    assert (outcome.tasks_on_time, outcome.unfinished_batches) == (outcome.tasks, 0.0)
    assert outcome.renewable_coverage >= ran("c-scarce", "spread").renewable_coverage
