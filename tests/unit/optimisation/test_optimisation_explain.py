"""Explanations agree with what re-solving says."""

from dataclasses import replace

import pytest

from sunward.optimisation.explain import explain
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.solve import solve_exact
from support.optimisation.instances import BATTERY, job, node, pool, problem


def made(harvest: tuple[float, float] = (2.0, 1.0)) -> Problem:
    """Sun on one node, dirty work on another."""
    return problem(
        node("a", idle_watts=3.0),
        node("sun", "clean", harvest=harvest, maximum_export_ratio=0.4, battery=BATTERY),
        jobs=(job({"a": 6000.0}, ("sun",)),),
        pools=(pool("a", "sun"),),
    )


def test_every_mode_is_compared_with_the_plan() -> None:
    found = explain(made())
    for other in found.alternatives:
        expected = solve_exact(with_mode(made(), other.mode)).objective_grams
        assert other.objective_grams == pytest.approx(expected)
        assert other.lost_by_grams is not None
        assert other.lost_by_grams >= -1e-9
    assert next(o for o in found.alternatives if o.mode is Scheme.DETA).lost_by_grams == 0


def test_the_value_of_harvest_is_what_a_little_more_of_it_saves() -> None:
    step = 1e-4
    found = explain(made())
    base = found.solution.objective_grams
    for period in (0, 1):
        harvest = [2.0, 1.0]
        harvest[period] += step
        more = solve_exact(made((harvest[0], harvest[1]))).objective_grams
        assert base is not None
        assert more is not None
        saved = (base - more) / step
        assert found.harvest_grams_per_watt_hour["sun"][period] == pytest.approx(saved, rel=1e-3, abs=1e-6)


def test_harvest_is_worth_nothing_to_a_node_that_already_wastes_it() -> None:
    alone = problem(node("sun", harvest=(50.0, 50.0), can_sleep=False))
    assert explain(alone).harvest_grams_per_watt_hour["sun"] == pytest.approx((0.0, 0.0))


def test_integers_keep_their_values_in_prices() -> None:
    strict = replace(made(), policy=replace(made().policy, partial_period_sleep=False, export_rule="surplus-only"))
    found = explain(strict)
    assert found.solution.status is Status.OPTIMAL
    assert set(found.harvest_grams_per_watt_hour) == {"a", "sun"}


def test_an_infeasible_problem_has_alternatives_and_no_prices() -> None:
    hopeless = problem(node("a"), jobs=(job({"a": 1e6}),))
    found = explain(hopeless)
    assert found.solution.status is Status.INFEASIBLE
    assert found.harvest_grams_per_watt_hour == {}
    assert all(other.lost_by_grams is None for other in found.alternatives)
