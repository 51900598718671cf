"""What is said of guards and of the order of modes follows from the days it is said of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sunward.simulation.experiments.comparison.days import Days, settled
from sunward.simulation.experiments.comparison.guards import HELD_BACK, best_held_back, guards_claim, guards_table
from sunward.simulation.experiments.comparison.policies import NAMES
from sunward.simulation.experiments.mode_order import LESS, MOST, excess, order_claim, order_table
from sunward.simulation.outcome import Outcome
from sunward.simulation.parallel import planner
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import parse_scenario
from sunward.simulation.simulator import simulate
from support.simulation import MINIMAL_SCENARIO, no_solver

GRAMS = {
    "none, oracle": [100.0, 100.0, 100.0],
    "DET, oracle": [90.0, 95.0, 90.0],
    "DAT, oracle": [50.0, 60.0, 52.0],
    MOST: [45.0, 60.000_01, 54.5],
}


@pytest.fixture(scope="module")
def day() -> Outcome:
    return simulate(parse_scenario(MINIMAL_SCENARIO, "tiny"), policies(no_solver)["none"], no_solver)


def days(day: Outcome, **grams: tuple[float, float]) -> Days:
    """Two days of each policy, told by name with underscores."""
    names = {"none": (100.0, 100.0)} | grams
    return {
        name.replace("__", ", ").replace("_", " ").replace("plus", "+"): [replace(day, market_grams=g) for g in pair]
        for name, pair in names.items()
    }


def test_days_on_which_more_freedom_emitted_more_are_counted_with_the_worst() -> None:
    assert excess(GRAMS, "none, oracle") == []
    assert excess(GRAMS, "DAT, oracle") == pytest.approx([2.5])  # the second day differs by less than a millionth
    text = order_claim(GRAMS).ours
    assert "worse than none, oracle on 0 of 3 days" in text
    assert "worse than DAT, oracle on 1 of 3 days, by 2.50 g at most" in text


def test_the_table_of_modes_tells_gains_and_the_worst_day() -> None:
    rows = {str(row[0]): row for row in order_table(GRAMS).rows}
    assert list(rows) == list(LESS)
    assert rows["none, oracle"][1] == pytest.approx(100 - (45 + 60 + 54.5) / 3, abs=0.01)
    assert rows["DAT, oracle"][4:] == (3, 1, 2.5, 2.5)


def test_guards_and_decisions_are_told_apart(day: Outcome) -> None:
    found = days(
        day,
        none_plus_sleep=(40.0, 50.0),
        none_plus_sleep__guarded=(60.0, 70.0),
        cleanest_half__guarded=(50.0, 60.0),
        DETA=(45.0, 61.0),
    )
    assert best_held_back(found) == "cleanest half, guarded"
    text = guards_claim(found).ours
    assert "below cleanest half, guarded (45.0 %" in text
    assert "worse on 1 of 2 days" in text
    assert "none + sleep 20.0 points" in text
    rows = {str(row[0]): row for row in guards_table(found).rows}
    assert rows["none + sleep, guarded"][4] == pytest.approx(12.0)
    assert rows["cleanest half, guarded"][7] == 1


def test_days_are_settled_with_what_is_left_undone(day: Outcome) -> None:
    found = days(day, DETA=(45.0, 61.0))
    late = {**found, "DETA": [replace(one, unfinished_batches=one.batches / 10) for one in found["DETA"]]}
    assert settled(late)["DETA"] == pytest.approx([55.0, 71.0])


def test_every_compared_policy_exists() -> None:
    known = policies(planner)
    assert set(NAMES) <= set(known)
    assert {*HELD_BACK, *LESS, MOST} <= set(NAMES)
    assert len(NAMES) == len(set(NAMES))
