"""The ladder from the optimum to the operated run: values by hand, and that no rung is below the one above it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunward.domain.errors import InvalidInput
from sunward.simulation.experiments.gap import models
from sunward.simulation.experiments.gap.experiment import HEADER, POLICY_DAYS, TRACE_DAYS, cases_of, gap, mean
from sunward.simulation.experiments.gap.models import Restriction, problem_under, up_to
from sunward.simulation.experiments.gap.rungs import (
    RULES,
    Case,
    Effort,
    Piece,
    Rule,
    Rung,
    Step,
    loosened,
    rung,
    tightened,
)
from sunward.simulation.future import Future
from sunward.simulation.parallel import Run, run_one
from sunward.simulation.report.files import write_result
from sunward.simulation.scenario import Scenario, load_scenario
from support.simulation import MINIMAL_SCENARIO, solve

EFFORT = Effort(seconds=20.0)
MODELS: tuple[Rule, ...] = (None, *Restriction)


def tiny(**changes: object) -> Scenario:
    """One node of 1 W idle and 2 W busy, ten minutes of work in four hours, a grid of 300 g/kWh."""
    return Scenario.model_validate(yaml.safe_load(MINIMAL_SCENARIO) | changes)


def small(grams: tuple[int, ...], batches: tuple[int, ...], boot_seconds: int, minimum_seconds: int) -> Scenario:
    """Three nodes in three zones, a synchronous job of all of them, six hours."""
    return tiny(
        periods=6,
        zones={zone: {"mean_grams_per_kilowatt_hour": value} for zone, value in zip("XYZ", grams, strict=True)},
        profiles={
            "p": {"idle_watts": 2, "busy_watts": 5, "asleep_watts": 0.1, "boot_watts": 4, "boot_seconds": boot_seconds}
        },
        nodes={name: {"zone": zone, "site": name, "profile": "p"} for name, zone in zip("abc", "XYZ", strict=True)},
        jobs={
            "j": {
                "batches": dict(zip("abc", batches, strict=True)),
                "seconds_per_batch": 60,
                "deadline_hours": 6,
                "synchronous": True,
                "rounds": 5,
            }
        },
        operator={"minimum_awake_seconds": minimum_seconds, "minimum_asleep_seconds": minimum_seconds},
    )


def optimum(scenario: Scenario, rule: Rule) -> Rung:
    return rung(Piece(case=Case(name="tiny", scenario=scenario), rule=rule, effort=EFFORT))


@pytest.mark.parametrize(
    ("rule", "watt_hours", "idle_hours"),
    [
        (None, 1.9 / 6, 0.0),  # ten minutes at 1 W and nine tenths of 1 W more
        (Restriction.ROUNDS, 1.9 / 6, 0.0),
        (Restriction.PERIODS, 1.0 + 0.9 / 6, 5 / 6),  # an hour awake for ten minutes of work
        (Restriction.TIMES, 1.0 + 0.9 / 6, 5 / 6),
        (Restriction.SLEEPERS, 4.0 + 0.9 / 6, 4 - 1 / 6),  # the only worker may never sleep
    ],
)
def test_a_rung_is_what_can_be_reckoned_by_hand(rule: Rule, watt_hours: float, idle_hours: float) -> None:
    found = optimum(tiny(), rule)
    assert found.is_proven
    assert found.grams == pytest.approx(0.3 * watt_hours, rel=1e-4)
    assert found.kilowatt_hours == pytest.approx(watt_hours / 1000.0, rel=1e-4)
    assert found.idle_hours == pytest.approx(idle_hours, abs=1e-3)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.tuples(*(st.integers(20, 700),) * 3),
    st.tuples(*(st.integers(1, 6).map(lambda n: 10 * n),) * 3),
    st.sampled_from([0, 60, 600]),
    st.sampled_from([0, 1800, 7200]),
)
def test_no_restriction_makes_an_optimum_better(
    grams: tuple[int, ...], batches: tuple[int, ...], boot_seconds: int, minimum_seconds: int
) -> None:
    scenario = small(grams, batches, boot_seconds, minimum_seconds)
    rungs = [optimum(scenario, rule) for rule in MODELS]
    assert all(one.grams is not None and one.bound_grams is not None for one in rungs)
    for looser, stricter in pairwise(rungs):
        assert (looser.bound_grams or 0.0) <= (stricter.grams or 0.0) * (1 + 1e-6)
    for looser, stricter in pairwise(tightened(rungs)):
        assert (looser.grams or 0.0) <= (stricter.grams or 0.0) * (1 + 1e-9)
        assert (looser.bound_grams or 0.0) <= (stricter.bound_grams or 0.0) * (1 + 1e-9)


def test_neighbours_lend_each_other_plans_and_bounds() -> None:
    rungs = [
        Rung(rule=None, grams=None, bound_grams=5.0),
        Rung(rule=Restriction.ROUNDS, grams=9.0, bound_grams=2.0, idle_hours=1.0),
        Rung(rule=Restriction.PERIODS, grams=8.0, bound_grams=None, idle_hours=3.0),
        Rung(rule=Step.CARRIED_OUT, grams=1.0),
    ]
    found = tightened(rungs)
    assert [one.grams for one in found] == [8.0, 8.0, 8.0, 1.0]
    assert [one.bound_grams for one in found] == [5.0, 5.0, 5.0, None]
    assert [one.idle_hours for one in found] == [3.0, 3.0, 3.0, None]
    assert [one.rule for one in found] == [one.rule for one in rungs]


def test_a_rung_keeps_the_restrictions_above_it() -> None:
    assert up_to(None) == ()
    assert up_to(Restriction.PERIODS) == (Restriction.ROUNDS, Restriction.PERIODS)
    problem = problem_under(tiny(), Future(tiny(), 0), up_to(Restriction.SLEEPERS))
    assert (problem.policy.partial_period_sleep, problem.policy.maximum_asleep_nodes) == (False, 0)


@pytest.mark.parametrize(("cycles", "most"), [(1, 1), (2, 2), (3, 3)])
def test_longer_minimum_times_keep_a_node_within_its_cycles(cycles: int, most: int) -> None:
    """Work in every other hour, so that a node would rather sleep four times."""
    jobs = {
        f"j{hour}": {
            "batches": {"a": 30},
            "seconds_per_batch": 60,
            "release_hours": hour,
            "deadline_hours": hour + 1,
        }
        for hour in (1, 3, 5, 7)
    }
    scenario = tiny(periods=8, jobs=jobs)
    problem = problem_under(scenario, Future(scenario, 0), up_to(Restriction.TIMES))
    free = models.most_sleeps(problem, solve(problem))
    assert free == 4
    calm = models.most_sleeps(problem, solve(models.calmer(problem, cycles)))
    assert calm <= most


def test_the_last_step_is_the_operator_as_it_is_set() -> None:
    scenario = small((600, 300, 30), (60, 60, 60), 30, 1800)
    assert loosened(scenario, tuple(Step)) == scenario
    run = run_one(Run(scenario=scenario, policy="DETA", seed=0))
    found = optimum(scenario, Step.HOLD_BACKS)
    assert (found.grams, found.kilowatt_hours) == (run.market_grams, run.load_watt_hours / 1000.0)
    assert found.idle_hours == pytest.approx(run.awake_hours - 3.0)  # 180 batches of a minute


def test_the_ladder_has_every_rung_once_and_fits_a_terminal(tmp_path: Path) -> None:
    scenario = small((600, 300, 30), (60, 60, 60), 30, 1800)
    result = gap([Case(name="tiny", scenario=scenario, seed=seed) for seed in (0, 1)], effort=EFFORT)
    (table,) = result.tables
    assert table.header == HEADER
    assert len(table.rows) == len(RULES) + 1
    assert [row[-1] for row in table.rows] == ["2/2"] * len(MODELS) + ["run"] * len(Step) + [""]
    levels = [row[1] for row in table.rows if isinstance(row[1], float)]
    added = [row[3] for row in table.rows if isinstance(row[3], float)]
    assert sum(added) == pytest.approx(levels[-2] - levels[0], abs=0.05 * len(added))
    folder = write_result(result, tmp_path)
    assert (folder / "waterfall-tiny.png").stat().st_size > 10_000
    assert (folder / "waterfall-tiny.csv").read_text().splitlines()[0] == "line,row,y,low,high"


def test_a_mean_of_days_is_of_all_of_them() -> None:
    assert mean([1.0, 3.0]) == 2.0
    assert mean([1.0, None]) is None
    assert mean([]) is None


def test_scenarios_sets_of_days_and_files_are_cases(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(MINIMAL_SCENARIO)
    found = cases_of((str(file), POLICY_DAYS, TRACE_DAYS), 3)
    assert [case.name for case in found] == ["tiny", *(POLICY_DAYS,) * 3, *(TRACE_DAYS,) * 3]
    assert len({(case.name, case.seed, case.first_period) for case in found}) == 7
    assert [case.scenario for case in cases_of((), 1)] == [
        load_scenario(name) for name in ("one-site", "paper-day", "three-sites")
    ]
    with pytest.raises(InvalidInput, match="no-such"):
        cases_of(("no-such",), 1)


def test_a_case_without_a_plan_in_time_says_so() -> None:
    impossible = tiny(jobs={"j": {"batches": {"a": 1000}, "seconds_per_batch": 60, "deadline_hours": 4}})
    found = optimum(impossible, None)
    assert (found.grams, found.kilowatt_hours, found.is_proven) == (None, None, False)
    assert replace(found, bound_grams=1.0).is_proven is False
