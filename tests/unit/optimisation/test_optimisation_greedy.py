"""The greedy plan: always there, always correct, in milliseconds, never worse than doing nothing."""

import json
import time
from dataclasses import replace

import pytest

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import BATTERY, instance, job, node, pool, problem
from support.optimisation.reference_cases import document


def without_batteries(made: Problem) -> Problem:
    """The same problem without batteries, where doing nothing leaves nothing to optimise but time."""
    return replace(made, nodes=tuple(replace(each, battery=None) for each in made.nodes))


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_greedy_is_never_worse_than_the_best_of_mode_none(first: int) -> None:
    for seed in range(first, first + 40):
        made = without_batteries(instance(seed))
        greedy, nothing = solve_greedy(made), solve_exact(with_mode(made, Scheme.NONE))
        if nothing.objective_grams is not None and made.policy.shift_in_time:
            assert greedy.objective_grams is not None, seed
            assert greedy.objective_grams <= nothing.objective_grams * (1 + 1e-6) + 1e-7, seed


@pytest.mark.parametrize("seed", [*range(40), 1011])
def test_what_a_policy_allows_never_leads_greedy_astray(seed: int) -> None:
    """On 1011 sleeping and moving rules alone ended 0.8 % above the plan that leaves everything as it is."""
    made = parse_problem(json.dumps(document(seed)))
    greedy, nothing = solve_greedy(made), solve_greedy(with_mode(made, Scheme.NONE))
    if nothing.objective_grams is not None:
        assert greedy.objective_grams is not None
        assert greedy.objective_grams <= nothing.objective_grams * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_greedy_finds_a_correct_plan_whenever_there_is_one(first: int) -> None:
    for seed in range(first, first + 40):
        made = instance(seed)
        greedy, exact = solve_greedy(made), solve_exact(made)
        assert (greedy.status is Status.INFEASIBLE) == (exact.status is Status.INFEASIBLE), seed
        assert verify(made, greedy, reference=greedy) == () or greedy.status is Status.INFEASIBLE, seed


def fleet(count: int, periods: int) -> Problem:
    """Many nodes with sun, batteries and work."""
    names = [f"n{i:04d}" for i in range(count)]
    harvest = tuple(float(t % 4) for t in range(periods))
    nodes = (
        node(name, "clean" if i % 4 == 0 else "dirty", harvest=harvest, battery=BATTERY if i % 2 else None)
        for i, name in enumerate(names)
    )
    return problem(
        *nodes,
        jobs=(job(dict.fromkeys(names, 1000.0), deadline_period=periods),),
        pools=(pool(*names),),
        intensity_grams_per_kilowatt_hour={"clean": (100.0,) * periods, "dirty": (500.0,) * periods},
    )


@pytest.mark.parametrize(("count", "periods", "most"), [(10, 1, 0.05), (10, 24, 0.5), (100, 4, 1.0)])
def test_greedy_takes_milliseconds(count: int, periods: int, most: float) -> None:
    made = fleet(count, periods)
    began = time.process_time()
    found = solve_greedy(made)
    assert time.process_time() - began < most
    assert found.status is Status.FEASIBLE


def test_greedy_time_grows_with_the_fleet_not_with_its_square() -> None:
    seconds = []
    for count in (50, 400):
        made = fleet(count, 2)
        began = time.process_time()
        solve_greedy(made)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 24 * seconds[0]


def test_greedy_catches_most_of_what_can_be_saved() -> None:
    made = fleet(10, 8)
    nothing = solve_exact(with_mode(made, Scheme.NONE)).objective_grams
    best = solve_exact(made).objective_grams
    greedy = solve_greedy(made).objective_grams
    assert nothing is not None
    assert best is not None
    assert greedy is not None
    assert nothing - greedy >= 0.8 * (nothing - best)


def test_without_a_simple_plan_greedy_says_what_found_no_place() -> None:
    found = solve_greedy(problem(node("a"), jobs=(job({"a": 1e6}),)))
    assert found.status is Status.INFEASIBLE
    assert [row.constraint.value for row in found.infeasible_because] == ["deadline"]
