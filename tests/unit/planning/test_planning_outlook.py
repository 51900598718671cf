"""Later sleeps, prices and what has to give, read from a solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.plans import PlannedSleep, PlanStatus
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import NO_PRICES, InfeasibilityCause, NodeRow, Shortfall, Solution, Status
from sunward.optimisation.problem.solution import Prices as SolvedPrices
from sunward.planning import outlook
from sunward.planning.compile import compile_problem
from sunward.planning.decide import plan
from sunward.planning.jobs.parts import Horizon
from support.planning import NOW, InProcessSolver, a_job, a_node, a_snapshot, some_forecasts

PERIOD = timedelta(minutes=5)


def solution(on: Mapping[str, Sequence[bool]], prices: SolvedPrices = NO_PRICES) -> Solution:
    """A solution of which only these things count."""
    nothing = tuple(0.0 for _ in next(iter(on.values()), ()))
    rows = tuple(
        NodeRow(
            name=name,
            awake_hours=nothing,
            on=tuple(values),
            grid_watt_hours=nothing,
            harvest_used_watt_hours=nothing,
            charge_watt_hours=nothing,
            discharge_watt_hours=nothing,
            stored_watt_hours=nothing,
        )
        for name, values in on.items()
    )
    return Solution(
        status=Status.OPTIMAL,
        objective_grams=1.0,
        lower_bound_grams=1.0,
        relative_gap=0.0,
        solver="test",
        solve_seconds=0.0,
        rounded=False,
        batches=(),
        sends=(),
        draws=(),
        nodes=rows,
        prices=prices,
        infeasible_because=(),
    )


def horizon(periods: int) -> Horizon:
    return Horizon(start=NOW, period=PERIOD, periods=periods)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.booleans())
def test_sleeps_cover_exactly_the_periods_that_are_off(on: list[bool], first: bool) -> None:
    found = outlook.planned_sleeps({"pi-01": first}, solution({"pi-01": on}), horizon(len(on)))
    ends = [sleep.until or NOW + len(on) * PERIOD for sleep in found]
    asleep = {
        period
        for period in range(len(on))
        if any(sleep.start <= NOW + period * PERIOD < end for sleep, end in zip(found, ends, strict=True))
    }
    assert asleep == {period for period, is_on in enumerate([first, *on[1:]]) if not is_on}
    assert all(one < other.start for one, other in zip(ends, found[1:], strict=False))
    assert [sleep.until is None for sleep in found] == [end == NOW + len(on) * PERIOD for end in ends]


def test_a_node_that_the_solution_does_not_know_keeps_its_state() -> None:
    found = outlook.planned_sleeps({"gone": False, "lost": True}, solution({}), horizon(3))
    assert found == (PlannedSleep(node="gone", start=NOW, until=None),)


def test_prices_are_those_of_the_first_period_and_of_whole_jobs() -> None:
    snapshot = a_snapshot(a_node(), jobs=[a_job()])
    (part,) = compile_problem(snapshot, some_forecasts(snapshot)).parts
    copied = replace(part, name="default/mnist (copied)")
    prices = SolvedPrices(
        energy_grams_per_watt_hour={"roof": (0.02, 0.5), "none": ()},
        offload_cap_grams={"default/mnist": -1.0, "default/mnist (copied)": -2.0, "default/mnist (later)": -9.0},
    )
    found = outlook.prices(solution({}, prices), [part, copied])
    assert (found.energy_grams_per_watt_hour, found.offload_grams) == ({"roof": 0.02}, {"default/mnist": -3.0})


@pytest.mark.parametrize("constraint", list(InfeasibilityCause))
def test_every_limit_that_is_missed_is_named_with_its_unit(constraint: InfeasibilityCause) -> None:
    row = Shortfall(constraint=constraint, job="default/mnist", shortfall=2.5)
    missed = replace(solution({}), infeasible_because=(row, replace(row, job=None)))
    whose, nobodys = outlook.shortfalls(missed)
    assert whose == f"{constraint} of default/mnist: short by 2.5 {outlook.UNITS[constraint]}"
    assert nobodys == f"{constraint}: short by 2.5 {outlook.UNITS[constraint]}"


def test_a_plan_that_cannot_be_says_what_has_to_give() -> None:
    snapshot = a_snapshot(a_node(), jobs=[a_job()])
    found = plan(snapshot, some_forecasts(snapshot), solver=Hopeless(), previous=None)
    assert found.solver.status is PlanStatus.INFEASIBLE
    assert found.solver.infeasible_because == ("deadline of default/mnist: short by 120 batches",)


class Hopeless(InProcessSolver):
    """Finds no plan, and says why."""

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        row = Shortfall(constraint=InfeasibilityCause.DEADLINE, job="default/mnist", shortfall=120.0)
        return replace(solution({}), status=Status.INFEASIBLE, objective_grams=None, infeasible_because=(row,))


def test_the_plan_in_force_says_when_a_node_wakes() -> None:
    nodes = (a_node("sun", grid_zone="CLEAN"), a_node("coal", grid_zone="DIRTY"))
    snapshot = a_snapshot(*nodes, *(a_node(name) for name in ("pi-03", "pi-04")))
    found = plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=None)
    assert {sleep.node for sleep in found.sleeps if sleep.start == found.start} == {
        name for name, awake in found.awake.items() if not awake
    }
    assert found.made_at == snapshot.taken_at
