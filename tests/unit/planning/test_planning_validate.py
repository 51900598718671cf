"""What the world did while the solver thought: plans lose what no longer holds, holds keep what runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord, NodeView, PowerState, Role
from sunward.domain.plans import DecisionKind, Plan, Transfer
from sunward.domain.policy import Budgets, PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.optimisation.problem.instance import OnPattern
from sunward.optimisation.problem.solution import Status
from sunward.planning.decide import plan
from sunward.planning.hold import hold_reason
from sunward.planning.validate import still_valid
from support.planning import (
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_policy,
    a_snapshot,
    a_zone,
    an_assignment,
    measured,
    some_facts,
    some_forecasts,
    some_progress,
)

COPIED = some_progress(cached_shards=(("clean", ("shard-dirty",)), ("dirty", ("shard-clean",))))
GONE = some_facts("dirty", ready=False, unschedulable=True, has_our_cordon_mark=True)


def a_cluster(clean: NodeView | None = None, dirty: NodeView | None = None, **job: Any) -> Snapshot:
    return a_snapshot(
        clean or a_node("clean"),
        dirty or a_node("dirty", grid_zone="DIRTY"),
        jobs=[a_job(homes=("clean", "dirty"), **{"progress": COPIED} | job)],
    )


def planned(snapshot: Snapshot) -> Plan:
    return plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=None)


def test_a_plan_that_still_holds_comes_back_as_it_is() -> None:
    made = planned(a_cluster())
    assert made.awake["dirty"] is False
    assert still_valid(made, a_cluster()) == (made, ())


@pytest.mark.parametrize(
    ("fresh", "reason"),
    [
        (a_cluster(dirty=a_node("dirty", role=Role.ALWAYS_ON)), Reason.ALWAYS_ON),
        (replace(a_cluster(), sensors_available=False), Reason.DATA_UNAVAILABLE),
        (replace(a_cluster(), data_hold=Cause(Reason.PIPELINE_SUSPECT)), Reason.PIPELINE_SUSPECT),
        (a_cluster(dirty=a_node("dirty", facts=some_facts("dirty", do_not_sleep=True))), Reason.OPTED_OUT),
    ],
)
def test_a_sleep_that_may_no_longer_be_is_dropped_with_its_reason(fresh: Snapshot, reason: Reason) -> None:
    valid, dropped = still_valid(planned(a_cluster()), fresh)
    assert valid.awake["dirty"] is True
    assert reason in {drop.cause.reason for drop in dropped}
    decision = next(decision for decision in valid.decisions if decision.subject == "dirty")
    assert (decision.kind, decision.cause.reason) == (DecisionKind.KEEP_AWAKE, reason)


def test_work_on_a_node_that_broke_goes_home_and_wakes_it() -> None:
    made = planned(a_cluster())
    fresh = a_cluster(
        clean=a_node("clean", facts=some_facts("clean", ready=False)),
        dirty=a_node(
            "dirty",
            grid_zone="DIRTY",
            record=NodeRecord(power_state=PowerState.ASLEEP, asleep_since=NOW - timedelta(hours=1)),
            facts=GONE,
        ),
    )
    valid, dropped = still_valid(made, fresh)
    rows = {(row.shard, row.node) for row in valid.jobs[0].assignments}
    assert rows == {("shard-dirty", "dirty")}
    assert valid.awake["dirty"] is True
    assert {drop.cause.reason for drop in dropped} == {Reason.NODE_NOT_READY, Reason.WORK_PLANNED}
    kinds = {d.subject: d.kind for d in valid.decisions if d.kind is not DecisionKind.TRANSFER}
    assert kinds["dirty"] is DecisionKind.WAKE
    assert kinds["default/mnist"] is DecisionKind.HOLD


def test_a_job_that_lost_its_quorum_waits() -> None:
    made = planned(a_cluster(minimum_workers=2))
    fresh = a_cluster(clean=a_node("clean", facts=some_facts("clean", ready=False)), minimum_workers=2)
    valid, _ = still_valid(made, fresh)
    assert (valid.jobs[0].run, valid.jobs[0].cause.reason) == (False, Reason.WAITING_FOR_QUORUM)


def test_a_job_that_ended_is_left_alone_and_one_that_was_suspended_waits() -> None:
    made = planned(a_cluster())
    ended, dropped = still_valid(made, a_cluster(finished=Reason.TARGET_REACHED))
    assert ended.jobs == ()
    assert dropped[0].cause.reason is Reason.NO_LONGER_HOLDS
    suspended, _ = still_valid(made, a_cluster(suspend=True))
    assert (suspended.jobs[0].run, suspended.jobs[0].cause.reason) == (False, Reason.SUSPENDED)


def test_a_node_that_is_gone_takes_its_transfers_with_it() -> None:
    transfer = Transfer(
        pool="roof",
        kind=PoolKind.PHYSICAL,
        from_node="dirty",
        to_node="clean",
        sent_watt_hours=1.0,
        received_watt_hours=0.9,
    )
    made = replace(planned(a_cluster()), transfers=(transfer,))
    fresh = replace(a_cluster(), nodes=(a_node("clean"),))
    valid, dropped = still_valid(made, fresh)
    assert (valid.transfers, set(valid.awake)) == ((), {"clean"})
    assert {drop.cause.reason for drop in dropped} == {Reason.NODE_MISSING}


def test_good_data_hold_nothing() -> None:
    snapshot = a_cluster()
    assert hold_reason(snapshot, some_forecasts(snapshot)) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_hold": Cause(Reason.SOURCES_DISAGREE)}, Reason.SOURCES_DISAGREE),
        ({"sensors_available": False}, Reason.DATA_UNAVAILABLE),
        ({"intensities": {}}, Reason.DATA_MISSING),
        ({"intensities": {"OTHER": a_zone("OTHER", 10.0)}}, Reason.DATA_MISSING),
        (
            {"intensities": {"CLEAN": a_zone("CLEAN", measured(24.0, at=NOW - timedelta(hours=9)))}},
            Reason.DATA_STALE,
        ),
    ],
)
def test_bad_data_hold_everything_with_a_reason(changes: dict[str, Any], reason: Reason) -> None:
    snapshot = replace(a_cluster(), **changes)
    refusal = hold_reason(snapshot, some_forecasts(snapshot))
    assert refusal is not None
    assert refusal.reason is reason
    made = planned(snapshot)
    assert made.hold == Cause(reason, refusal.message)
    assert made.awake == {"clean": True, "dirty": True}
    assert made.decisions[0].subject == "cluster"


def test_a_suspect_pipeline_holds_everything() -> None:
    old = measured(2.7, at=NOW - timedelta(hours=1))
    blind = replace(a_node("dirty").meters, power_watts=old)
    made = planned(a_cluster(dirty=a_node("dirty", meters=blind)))
    assert made.hold is not None
    assert made.hold.reason is Reason.PIPELINE_SUSPECT


def test_a_hold_keeps_moved_work_moved_and_sleepers_asleep() -> None:
    rows = (
        an_assignment("default/mnist", "shard-clean", "clean", "clean"),
        an_assignment("default/mnist", "shard-dirty", "dirty", "clean"),
    )
    asleep = a_node("dirty", grid_zone="DIRTY", record=NodeRecord(power_state=PowerState.ASLEEP), facts=GONE)
    made = planned(replace(a_cluster(dirty=asleep, assignments=rows), sensors_available=False))
    assert made.jobs[0].assignments == rows
    assert made.awake == {"clean": True, "dirty": False}


def test_a_hold_wakes_a_node_whose_own_work_nobody_does() -> None:
    asleep = a_node("dirty", grid_zone="DIRTY", record=NodeRecord(power_state=PowerState.ASLEEP), facts=GONE)
    made = planned(replace(a_cluster(dirty=asleep), sensors_available=False))
    assert made.awake == {"clean": True, "dirty": True}
    assert {row.node for row in made.jobs[0].assignments} == {"clean", "dirty"}


def test_a_hold_rolls_back_a_sleep_that_has_begun_but_not_a_cut_that_was_requested() -> None:
    cordoned = some_facts("dirty", unschedulable=True, has_our_cordon_mark=True)
    for state, awake in ((PowerState.DRAINING, True), (PowerState.POWER_OFF_REQUESTED, False)):
        node = a_node("dirty", grid_zone="DIRTY", record=NodeRecord(power_state=state), facts=cordoned)
        snapshot = replace(a_cluster(dirty=node), sensors_available=False, jobs=())
        assert planned(snapshot).awake["dirty"] is awake


def test_a_hold_without_enough_homes_lets_the_job_wait() -> None:
    broken = a_node("dirty", facts=some_facts("dirty", ready=False))
    snapshot = replace(a_cluster(dirty=broken, minimum_workers=2), sensors_available=False)
    (directive,) = planned(snapshot).jobs
    assert (directive.run, directive.cause.reason) == (False, Reason.WAITING_FOR_QUORUM)


def test_a_hold_lets_a_job_wait_whose_home_must_sleep_on() -> None:
    since = NOW - timedelta(minutes=1)
    down = some_facts("dirty", ready=False, unschedulable=True, has_our_cordon_mark=True)
    sleeper = a_node("dirty", record=NodeRecord(power_state=PowerState.ASLEEP, asleep_since=since), facts=down)
    job = a_job(homes=("clean", "dirty"), progress=COPIED, minimum_workers=2)
    snapshot = a_snapshot(a_node("clean"), sleeper, a_node("spare"), jobs=[job], sensors_available=False)
    (directive,) = planned(snapshot).jobs
    assert (directive.run, directive.cause.reason) == (False, Reason.WAITING_FOR_NODE)


class Impossible(InProcessSolver):
    """A solver for which nothing is possible."""

    def solve(self, problem: Any, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None) -> Any:
        found = super().solve(problem, solver="greedy", time_limit_seconds=time_limit_seconds, start=start)
        return replace(found, status=Status.INFEASIBLE, objective_grams=None, lower_bound_grams=None, nodes=())


def test_without_any_feasible_plan_work_goes_on_at_home_and_nobody_sleeps() -> None:
    snapshot = a_cluster()
    made = plan(snapshot, some_forecasts(snapshot), solver=Impossible(), previous=None)
    assert made.awake == {"clean": True, "dirty": True}
    assert made.hold is None
    assert made.decisions[0].cause.reason is Reason.PLAN_INFEASIBLE
    assert all(row.node == row.from_node for row in made.jobs[0].assignments)


def test_a_limit_of_no_sleep_at_all_is_told_as_such() -> None:
    snapshot = replace(a_cluster(), policy=a_policy(budgets=Budgets(maximum_asleep_nodes=0)))
    made = planned(snapshot)
    assert made.awake == {"clean": True, "dirty": True}
    decision = next(decision for decision in made.decisions if decision.subject == "dirty")
    assert decision.cause.reason in (Reason.SLEEP_LIMIT, Reason.WORK_PLANNED)
