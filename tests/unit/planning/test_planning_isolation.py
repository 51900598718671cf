"""A job or node that cannot be planned is left out, and all others are planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sunward.domain.jobs import JobCost
from sunward.domain.plans import PlanStatus
from sunward.domain.reasons import Reason
from sunward.planning import isolation
from support.loop.ports import Solver
from support.planning import a_job, a_node, a_profile, a_snapshot, some_forecasts

INFINITE = JobCost(watt_hours_per_batch=float("inf"), seconds_per_batch=1.0)


def planned(snapshot: Any) -> isolation.Isolated:
    return isolation.plan(snapshot, some_forecasts(snapshot), solver=Solver(), previous=None)


def a_bad_job() -> Any:
    good = a_job("bad")
    return replace(good, spec=replace(good.spec, cost=INFINITE))


def test_a_plan_without_faults_leaves_nothing_out() -> None:
    found = planned(a_snapshot(a_node("pi-01"), a_node("pi-02"), jobs=[a_job("good")]))
    assert (found.jobs, found.nodes, found.error) == ({}, {}, None)
    assert found.plan.solver.status is not PlanStatus.HELD


def test_a_job_that_cannot_be_planned_waits_and_the_others_run() -> None:
    found = planned(a_snapshot(a_node("pi-01"), a_node("pi-02"), jobs=[a_job("good"), a_bad_job()]))
    runs = {directive.job: (directive.run, directive.cause.reason) for directive in found.plan.jobs}
    assert set(found.jobs) == {"default/bad"}
    assert runs["default/good"][0]
    assert runs["default/bad"] == (False, Reason.PLAN_FAILED)
    assert "must be a finite number" in found.jobs["default/bad"].message
    assert found.error is None


def test_a_node_that_cannot_be_planned_is_left_as_it_is() -> None:
    bad = a_node("pi-02", power=a_profile(idle_watts=float("nan")))
    found = planned(a_snapshot(a_node("pi-01"), bad, jobs=[a_job("good")]))
    assert set(found.nodes) == {"pi-02"}
    assert set(found.plan.awake) == {"pi-01"}
    assert found.jobs == {}


@pytest.mark.parametrize("jobs", [[], [a_job("good")]])
def test_a_fault_of_nobody_holds_everything_and_says_why(jobs: list[Any]) -> None:
    class Broken:
        def solve(self, problem: object, **_: object) -> Any:
            raise RuntimeError("an error of ours")

    snapshot = a_snapshot(a_node("pi-01"), jobs=jobs)
    found = isolation.plan(snapshot, some_forecasts(snapshot), solver=Broken(), previous=None)
    assert found.plan.hold is not None
    assert (found.plan.hold.reason, found.plan.awake) == (Reason.PLAN_FAILED, {"pi-01": True})
    assert isinstance(found.error, RuntimeError)
