"""A job whose rounds of the period are done pauses, and who is no longer needed sleeps before the period ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, JobView
from sunward.domain.plans import JobDirective, Plan, PlannedSleep
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.fulfil import fulfilled
from support.planning import NOW, a_job, a_node, a_plan, a_snapshot, some_progress

PERIOD = timedelta(seconds=300)


def seen(**progress: Any) -> Snapshot:
    return a_snapshot(a_node("near"), a_node("far"), jobs=[the_job(**progress)])


def the_job(**progress: Any) -> JobView:
    return a_job(homes=("near", "far"), progress=some_progress(**progress))


def rows(on: str) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(job="default/mnist", shard=f"shard-{home}", from_node=home, node=on, batches=50)
        for home in ("near", "far")
    )


def planned(*, until: int | None, on: str = "near", sleeps: bool = True) -> Plan:
    directive = JobDirective(
        job="default/mnist", run=True, cause=Cause(Reason.AT_HOME, "works"), assignments=rows(on), until_round=until
    )
    asleep = tuple(PlannedSleep(node=name, start=NOW + PERIOD, until=None) for name in ("near", "far") if sleeps)
    plan = replace(a_plan(), start=NOW, period=PERIOD, jobs=(directive,), sleeps=asleep)
    return replace(plan, awake={"near": True, "far": True})


def test_a_plan_without_a_last_round_is_left_as_it_is() -> None:
    plan = planned(until=None)
    assert fulfilled(plan, seen(round=5)) is plan


def test_a_job_goes_on_until_the_round_that_the_plan_asks_for() -> None:
    (before,) = fulfilled(planned(until=3), seen(round=2)).jobs
    (after,) = fulfilled(planned(until=3), seen(round=3)).jobs
    assert (before.run, after.run, after.assignments) == (True, False, ())


def test_whoever_sleeps_in_the_next_period_sleeps_as_soon_as_its_work_is_done() -> None:
    assert fulfilled(planned(until=3), seen(round=3)).awake == {"near": False, "far": False}


def test_whoever_the_plan_needs_in_the_next_period_stays_awake() -> None:
    assert fulfilled(planned(until=3, sleeps=False), seen(round=3)).awake == {"near": True, "far": True}


def test_a_home_stays_awake_until_its_shard_was_copied_and_no_longer() -> None:
    copied = seen(round=2, cached_shards=(("near", ("shard-far",)),))
    assert fulfilled(planned(until=3), seen(round=2)).awake == {"near": True, "far": True}
    assert fulfilled(planned(until=3), copied).awake == {"near": True, "far": False}


def test_nobody_wakes_before_the_next_plan() -> None:
    plan = replace(planned(until=3), awake={"near": True, "far": False})
    assert fulfilled(plan, seen(round=3)).awake["far"] is False
