"""Whole plans from small snapshots whose best plan is plain to see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord, PowerProfile, PowerState
from sunward.domain.plans import DecisionKind, Plan, PlanStatus, Prices, SolverName, SolverReport
from sunward.domain.policy import PoolKind, PoolSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.planning.decide import plan
from support.planning import (
    LONG_AGO,
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_policy,
    a_snapshot,
    some_facts,
    some_forecasts,
    some_progress,
)

POWER = PowerProfile(idle_watts=2.7, busy_watts=6.4, asleep_watts=0.1, wake_seconds=20.0, wake_watt_hours=0.01)

COPIED = some_progress(cached_shards=(("clean", ("shard-dirty",)), ("dirty", ("shard-clean",))))


def planned(snapshot: Snapshot, previous: Plan | None = None, **forecast: object) -> Plan:
    forecasts = some_forecasts(snapshot, **forecast)  # type: ignore[arg-type]  # builders' keywords
    return plan(snapshot, forecasts, solver=InProcessSolver(), previous=previous)


def a_dirty_and_a_clean_node(**job: Any) -> Snapshot:
    return a_snapshot(
        a_node("clean", grid_zone="CLEAN", power=POWER),
        a_node("dirty", grid_zone="DIRTY", power=POWER),
        jobs=[a_job(homes=("clean", "dirty"), **{"progress": COPIED} | job)],
    )


def test_work_moves_to_the_clean_node_and_the_dirty_one_sleeps() -> None:
    result = planned(a_dirty_and_a_clean_node())
    assert result.awake == {"clean": True, "dirty": False}
    rows = {(row.shard, row.node): row.batches for row in result.jobs[0].assignments}
    assert rows == {("shard-clean", "clean"): 50, ("shard-dirty", "clean"): 50}
    assert result.jobs[0].cause.reason is Reason.MOVED_TO_CLEANER_NODE
    decision = next(d for d in result.decisions if d.subject == "dirty")
    assert (decision.kind, decision.cause.reason) == (DecisionKind.SLEEP, Reason.LOWER_EMISSIONS)
    assert "610 g/kWh" in decision.cause.message
    assert "50 batches a round run on clean (24 g/kWh)" in decision.cause.message


def test_a_dirty_node_stays_awake_until_its_data_are_copied() -> None:
    result = planned(a_dirty_and_a_clean_node(progress=some_progress()))
    assert result.awake == {"clean": True, "dirty": True}
    assert {row.node for row in result.jobs[0].assignments} == {"clean"}


def test_the_alternatives_are_told_and_each_freedom_helps() -> None:
    grams = planned(a_dirty_and_a_clean_node()).emissions_by_mode_grams
    assert set(grams) == {"none", "det", "dat", "deta"}
    assert grams["deta"] <= min(grams["det"], grams["dat"]) + 1e-9
    assert max(grams["det"], grams["dat"]) <= grams["none"] + 1e-9


def test_when_data_may_not_move_everybody_works_at_home() -> None:
    from sunward.domain.jobs import DataMobility

    result = planned(a_dirty_and_a_clean_node(data_mobility=DataMobility.NEVER))
    assert {(row.from_node, row.node) for row in result.jobs[0].assignments} == {("clean", "clean"), ("dirty", "dirty")}
    assert result.awake == {"clean": True, "dirty": True}


def test_surplus_harvest_is_sent_through_the_pool() -> None:
    pool = PoolSpec(name="roof", kind=PoolKind.PHYSICAL, efficiency=0.9)
    snapshot = a_snapshot(
        a_node("sun", harvest_nameplate_watts=20.0, maximum_export_ratio=1.0, power=POWER),
        a_node("shade", grid_zone="DIRTY", power=POWER),
        policy=a_policy(pools=(pool,), sleep=False),
    )
    result = planned(snapshot, harvest={"sun": (1.0,) * 12})
    (transfer,) = result.transfers
    assert (transfer.from_node, transfer.to_node, transfer.kind) == ("sun", "shade", PoolKind.PHYSICAL)
    assert transfer.received_watt_hours == pytest.approx(2.7 * 300 / 3600)
    assert transfer.sent_watt_hours == pytest.approx(transfer.received_watt_hours / 0.9)


def test_silent_sensors_hold_everything_as_it_is() -> None:
    snapshot = replace(a_dirty_and_a_clean_node(), sensors_available=False)
    result = planned(snapshot)
    assert result.hold == Cause(Reason.DATA_UNAVAILABLE, "the metrics store does not respond")
    assert result.solver == SolverReport(status=PlanStatus.HELD, cause=result.hold)
    assert result.awake == {"clean": True, "dirty": True}
    assert all(row.node == row.from_node for row in result.jobs[0].assignments)
    assert result.decisions[0].kind is DecisionKind.HOLD


class HopelessSolver:
    """Finds no plan for any problem."""

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        """An infeasible solution, without any number."""
        found = InProcessSolver().solve(problem, solver=solver, time_limit_seconds=time_limit_seconds, start=start)
        unknown = dict.fromkeys(("objective_grams", "lower_bound_grams", "relative_gap"))
        return replace(found, status=Status.INFEASIBLE, **unknown)  # type: ignore[arg-type]  # all None


def test_without_any_plan_nothing_is_claimed_of_its_emissions() -> None:
    snapshot = a_dirty_and_a_clean_node()
    result = plan(snapshot, some_forecasts(snapshot), solver=HopelessSolver(), previous=None)
    why = Cause(Reason.PLAN_INFEASIBLE, "no plan meets every limit")
    assert result.solver == SolverReport(status=PlanStatus.INFEASIBLE, cause=why)
    assert (result.hold, result.emissions_by_mode_grams, result.prices) == (None, {}, Prices())
    assert result.awake == {"clean": True, "dirty": True}


def test_a_bound_that_was_not_proven_is_not_zero() -> None:
    class Boundless(InProcessSolver):
        def solve(
            self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
        ) -> Solution:
            found = super().solve(problem, solver=solver, time_limit_seconds=time_limit_seconds, start=start)
            return replace(found, status=Status.FEASIBLE, lower_bound_grams=None, relative_gap=None)

    snapshot = a_dirty_and_a_clean_node()
    report = plan(snapshot, some_forecasts(snapshot), solver=Boundless(), previous=None).solver
    assert report.objective_grams is not None
    assert (report.lower_bound_grams, report.relative_gap) == (None, None)


def test_a_fallback_is_told_with_its_cause() -> None:
    class Failing(InProcessSolver):
        def solve(
            self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
        ) -> Solution:
            found = super().solve(problem, solver="greedy", time_limit_seconds=time_limit_seconds, start=start)
            return replace(found, status=Status.FALLBACK, fallback="the solver process ended")

    snapshot = a_dirty_and_a_clean_node()
    report = plan(snapshot, some_forecasts(snapshot), solver=Failing(), previous=None).solver
    assert report.status is PlanStatus.FALLBACK
    assert report.cause == Cause(Reason.SOLVER_FALLBACK, "the solver process ended")
    assert report.solver is SolverName.GREEDY


def test_planning_again_with_nothing_changed_decides_the_same() -> None:
    snapshot = a_dirty_and_a_clean_node()
    first = planned(snapshot)
    second = planned(snapshot, previous=first)
    assert second == first or (second.awake, second.jobs, second.decisions) == (
        first.awake,
        first.jobs,
        first.decisions,
    )
    assert second.input_digest == first.input_digest


def test_a_small_gain_changes_nothing() -> None:
    first = planned(a_dirty_and_a_clean_node())
    swapped = planned(
        a_dirty_and_a_clean_node(),
        previous=first,
        intensity={"CLEAN": (24.0,) * 12, "DIRTY": (23.9,) * 12},
    )
    assert swapped.awake == first.awake
    assert swapped.jobs == first.jobs


def test_a_large_gain_changes_the_plan() -> None:
    first = planned(a_dirty_and_a_clean_node())
    swapped = planned(
        a_dirty_and_a_clean_node(),
        previous=first,
        intensity={"CLEAN": (700.0,) * 12, "DIRTY": (20.0,) * 12},
    )
    assert swapped.awake == {"clean": False, "dirty": True}


def test_a_policy_that_takes_any_gain_changes_the_plan() -> None:
    before = planned(a_dirty_and_a_clean_node(), intensity={"CLEAN": (700.0,) * 12, "DIRTY": (20.0,) * 12})
    snapshot = replace(a_dirty_and_a_clean_node(), policy=a_policy(minimum_gain_ratio=0.0))
    assert planned(snapshot, previous=before).awake == {"clean": True, "dirty": False}


def test_a_plan_with_more_sleepers_than_may_be_is_not_kept() -> None:
    nodes = [a_node(f"pi-{index}", grid_zone="DIRTY", power=POWER) for index in range(6)]
    before = planned(a_snapshot(*nodes))
    assert list(before.awake.values()).count(False) == 3
    broken = replace(nodes[0], facts=some_facts("pi-0", ready=False))
    after = planned(a_snapshot(*(broken if node.name == "pi-0" else node for node in nodes)), previous=before)
    assert list(after.awake.values()).count(False) <= 2


def test_the_plan_is_named_after_its_period() -> None:
    assert planned(a_dirty_and_a_clean_node()).name == f"plan-{NOW:%Y%m%d-%H%M%S}"


def test_a_sleeping_home_is_wanted_awake_until_whoever_gets_its_work_holds_the_shard() -> None:
    asleep = NodeRecord(power_state=PowerState.ASLEEP, asleep_since=LONG_AGO)
    home = a_node("home", grid_zone="DIRTY", power=POWER, record=asleep, facts=some_facts("home", ready=False))
    nodes = (home, a_node("holder", grid_zone="DIRTY", power=POWER), a_node("clean", grid_zone="CLEAN", power=POWER))
    held_by_another = some_progress(cached_shards=(("holder", ("shard-home",)),))
    held_by_all = some_progress(cached_shards=(("holder", ("shard-home",)), ("clean", ("shard-home",))))
    for progress, wanted in ((held_by_another, True), (held_by_all, False)):
        result = planned(a_snapshot(*nodes, jobs=[a_job(homes=("home",), progress=progress)]))
        assert {row.node for row in result.jobs[0].assignments} == {"clean"}
        assert result.awake["home"] is wanted


def test_without_alternatives_the_plan_is_the_same_and_tells_no_other_mode() -> None:
    snapshot = a_dirty_and_a_clean_node()
    solver = InProcessSolver()
    quick = plan(snapshot, some_forecasts(snapshot), solver=solver, previous=None, alternatives=False)
    whole = planned(snapshot)
    assert (quick.awake, quick.jobs, quick.transfers) == (whole.awake, whole.jobs, whole.transfers)
    assert quick.emissions_by_mode_grams == {}
    assert len(solver.problems) == 1
