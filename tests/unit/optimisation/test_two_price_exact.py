"""The coordinator finds what the exact solver finds, its plans pass the verifier, its bounds hold."""

import time
from dataclasses import replace

import pytest

from sunward.optimisation.decomposition.cancellation import settle
from sunward.optimisation.decomposition.rounds import Effort
from sunward.optimisation.decomposition.run import begun, priced, resettled
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import solve, solve_exact, solve_greedy, solve_two_price, supports
from sunward.optimisation.verify import verify
from support.optimisation.two_price import fleet

KINDS = {
    "one period": {},
    "two jobs": {"jobs": 2},
    "nodes that choose": {"choices": True},
    "worker rules": {"workers": True, "nodes": 6},
    "batteries over periods": {"periods": 4, "batteries": True},
    "everything": {"periods": 3, "batteries": True, "choices": True, "jobs": 2},
}


def both(problem: Problem, **settings: int) -> tuple[Solution, Solution]:
    assert supports(problem) is None
    return solve_two_price(problem, time_limit_seconds=20, **settings), solve_exact(problem, time_limit_seconds=20)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", range(8))
def test_plan_is_correct_and_bounds_hold_the_exact_optimum(kind: str, seed: int) -> None:
    problem = fleet(seed, **KINDS[kind])  # type: ignore[arg-type]
    priced, exact = both(problem)
    assert (priced.status is Status.INFEASIBLE) == (exact.status is Status.INFEASIBLE)
    assert verify(problem, priced) == ()
    if priced.status is Status.INFEASIBLE:
        assert priced.infeasible_because
        return
    assert priced.objective_grams is not None
    assert priced.lower_bound_grams is not None
    assert exact.objective_grams is not None
    assert exact.lower_bound_grams is not None
    slack = 1e-6 * exact.objective_grams + 1e-7
    assert priced.lower_bound_grams <= exact.objective_grams + slack
    assert exact.lower_bound_grams <= priced.objective_grams + slack
    if priced.status is Status.OPTIMAL:
        assert priced.objective_grams <= exact.objective_grams + slack


@pytest.mark.parametrize("seed", range(40))
def test_without_integers_one_period_is_solved_to_the_asked_gap(seed: int) -> None:
    problem = fleet(seed)
    priced, exact = both(problem)
    if priced.status is Status.INFEASIBLE:
        return
    assert priced.status is Status.OPTIMAL
    assert priced.relative_gap is not None
    assert priced.relative_gap <= 1e-7
    assert priced.objective_grams == pytest.approx(exact.objective_grams, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("seed", [5, 13, 15, 24, 53])
def test_price_of_the_offload_cap_is_the_slope_of_the_optimum(seed: int) -> None:
    problem = fleet(seed)
    job = problem.jobs[0]

    def optimum(ratio: float) -> float:
        changed = replace(problem, jobs=(replace(job, maximum_offload_ratio=ratio),))
        found = solve_two_price(changed, time_limit_seconds=10).objective_grams
        assert found is not None
        return found

    step, ratio = 1e-4, job.maximum_offload_ratio
    slopes = [(optimum(ratio) - optimum(ratio - step)) / step, (optimum(ratio + step) - optimum(ratio)) / step]
    price = solve_two_price(problem, time_limit_seconds=10).prices.offload_cap_grams[job.name]
    assert price < 0
    assert min(slopes) - 1e-4 <= price <= max(slopes) + 1e-4


def test_a_worker_forced_to_take_more_than_is_offered_brings_more_offers() -> None:
    problem = fleet(304, workers=True)
    priced, exact = both(problem)
    assert verify(problem, priced) == ()
    assert priced.objective_grams == pytest.approx(exact.objective_grams, rel=1e-6)


@pytest.mark.parametrize("largest", [40_000, 0], ids=["searched whole", "rounds given"])
@pytest.mark.parametrize("seed", range(12))
def test_rounds_over_several_periods_have_a_bound_and_a_plan(seed: int, largest: int) -> None:
    problem = fleet(seed, nodes=4, periods=3, batteries=bool(seed % 2), choices=bool(seed % 3))
    tied = tuple(replace(job, synchronous=True, release_period=1, deadline_period=3) for job in problem.jobs)
    problem = replace(problem, jobs=tied, policy=replace(problem.policy, shift_in_time=True))
    priced, exact = both(problem, search_columns=largest)
    assert (priced.status is Status.INFEASIBLE) == (exact.status is Status.INFEASIBLE)
    assert verify(problem, priced) == ()
    if priced.status is not Status.INFEASIBLE:
        assert priced.lower_bound_grams is not None
        assert exact.objective_grams is not None
        assert exact.lower_bound_grams is not None
        assert priced.objective_grams is not None
        assert priced.lower_bound_grams <= exact.objective_grams * (1 + 1e-6) + 1e-7
        assert exact.lower_bound_grams <= priced.objective_grams * (1 + 1e-6) + 1e-7


def test_schedules_that_come_before_emissions_are_refused_with_the_reason() -> None:
    problem = fleet(1, nodes=4, periods=3)
    changed = replace(problem, policy=replace(problem.policy, shift_in_time=False))
    assert "ranks schedules before emissions" in str(supports(changed))
    with pytest.raises(ValueError, match="ranks schedules before emissions"):
        solve_two_price(changed, time_limit_seconds=5)


@pytest.mark.parametrize(("periods", "chosen"), [(1, "two-price"), (3, "exact")])
def test_of_large_fleets_only_those_with_closed_replies_go_to_the_coordinator(periods: int, chosen: str) -> None:
    problem = fleet(1, nodes=4, periods=periods)
    assert supports(problem) is None
    assert solve(problem, many_nodes=4).solver.startswith(chosen)


def test_energy_that_cannot_be_settled_in_the_time_is_no_old_energy() -> None:
    began = time.perf_counter()
    effort = Effort(relative_gap=1e-6, began=began, deadline=began + 20.0, caution=0.3)
    run = begun(fleet(1, periods=3, batteries=True), solve_greedy, effort)
    parts = run.split()
    rounds = priced(run, parts)
    values = rounds.fleet.values(rounds.coordinator.weights(), len(run.plan.matrix.lower))
    settle(run.plan, values, {})
    assert resettled(run, values, seconds=20.0) is not None
    assert resettled(run, values, seconds=0.0) is None
