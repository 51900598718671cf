"""A shard that is to be worked on elsewhere later travels now, by a row just large enough to be worth it."""

from __future__ import annotations

from dataclasses import replace

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.compile import Compiled, compile_problem
from sunward.planning.decide import plan
from sunward.planning.jobs.assign import at_home
from sunward.planning.jobs.compile_jobs import LATER
from sunward.planning.jobs.facts import smallest_row
from sunward.planning.jobs.prefetch import seeded
from support.planning import InProcessSolver, a_job, a_node, a_policy, a_snapshot, some_forecasts, some_progress

CLEAN, DIRTY = a_node("clean", grid_zone="CLEAN"), a_node("dirty", grid_zone="DIRTY")
POLICY = a_policy(planning_period_seconds=300.0, horizon_periods=4)
COPIED = (("clean", ("shard-clean", "shard-dirty")), ("dirty", ("shard-dirty",)))
STEPS = 50


def a_long_job(offload: float = 0.5, **progress: object) -> JobView:
    job = a_job(homes=("clean", "dirty"), rounds=400, steps_per_round=STEPS, maximum_offload_ratio=offload)
    return replace(job, progress=some_progress(**progress))


def compiled(job: JobView) -> Compiled:
    snapshot = a_snapshot(CLEAN, DIRTY, jobs=[job], policy=POLICY)
    return compile_problem(snapshot, some_forecasts(snapshot))


def dealt(job: JobView, later_on: str, *, is_awake: bool = True) -> dict[str, int]:
    """Rows of the dirty node's shard after seeding, when the second period does its work on *later_on*."""
    parts = compiled(job).parts
    rows = [
        BatchRow(
            job=part.name + LATER,
            home=shard.node,
            on=later_on if shard.node == "dirty" else shard.node,
            period=2,
            batches=100,
        )
        for part in parts
        for shard in part.shards
    ]
    home = JobDirective(
        job=job.spec.key, run=True, cause=Cause(Reason.AT_HOME), assignments=at_home(job, job.spec.shards)
    )
    found = seeded([home], parts, rows, {"clean": is_awake, "dirty": True})[0].assignments
    return {row.node: row.batches for row in found if row.shard == "shard-dirty"}


def test_who_takes_over_later_gets_the_smallest_row_now() -> None:
    seed = smallest_row(STEPS)
    assert dealt(a_long_job(), later_on="clean") == {"dirty": STEPS - seed, "clean": seed}


def test_who_sleeps_now_gets_no_row_that_rounds_would_wait_for() -> None:
    assert dealt(a_long_job(), later_on="clean", is_awake=False) == {"dirty": STEPS}


def test_a_shard_that_stays_at_home_needs_no_seed() -> None:
    assert dealt(a_long_job(), later_on="dirty") == {"dirty": STEPS}


def test_a_shard_that_was_copied_needs_no_seed() -> None:
    assert dealt(a_long_job(cached_shards=COPIED), later_on="clean") == {"dirty": STEPS}


def test_a_shard_that_may_not_leave_gets_no_seed() -> None:
    assert dealt(a_long_job(offload=0.0), later_on="clean") == {"dirty": STEPS}


def test_with_the_copy_the_home_may_sleep_and_the_work_moves_whole() -> None:
    snapshot = a_snapshot(CLEAN, DIRTY, jobs=[a_long_job(cached_shards=COPIED)], policy=POLICY)
    found = plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=None)
    assert {row.node for row in found.jobs[0].assignments} == {"clean"}
    assert found.awake["dirty"] is False
