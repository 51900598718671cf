"""A shard that is to be worked on elsewhere later travels now, by a row just large enough to be worth it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

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
from sunward.planning.jobs.parts import JobPart
from sunward.planning.jobs.prefetch import copied_first, seeded
from support.planning import NOW, InProcessSolver, a_job, a_node, a_policy, a_snapshot, some_forecasts, some_progress

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


WAITING = a_policy(planning_period_seconds=300.0, horizon_periods=4, shift_in_time=True)
CLEANER = a_node("cleaner", grid_zone="CLEANER")
LATER_TODAY = NOW + timedelta(seconds=1200)


def a_waiting_job(homes: tuple[str, ...] = ("clean", "dirty"), **changes: object) -> JobView:
    """Eight rounds of 30 seconds at home, to be done within twenty minutes."""
    return a_job(homes=homes, rounds=8, steps_per_round=60, deadline=LATER_TODAY, **changes)


def waiting_part(job: JobView) -> JobPart:
    snapshot = a_snapshot(CLEAN, DIRTY, CLEANER, jobs=[job], policy=WAITING)
    (part,) = compile_problem(snapshot, some_forecasts(snapshot)).parts
    assert part.may_wait
    return part


def first(part: JobPart, entry: JobDirective, *, awake: set[str], kept_on: set[str]) -> JobDirective:
    """What becomes of a directive when the plan has the dirty shard worked on at the clean node from now on."""
    rows = [
        BatchRow(job=part.name, home="dirty", on="clean", period=2, batches=240),
        BatchRow(job=part.name, home="clean", on="clean", period=2, batches=240),
    ]
    return copied_first(entry, [part], rows, awake, kept_on)


def waits(job: JobView) -> JobDirective:
    return JobDirective(job=job.spec.key, run=False, cause=Cause(Reason.WAITING_FOR_LOWER_INTENSITY))


def test_shards_travel_in_one_round_before_their_homes_fall_asleep() -> None:
    job = a_waiting_job()
    found = first(waiting_part(job), waits(job), awake={"clean", "dirty"}, kept_on={"clean"})
    assert (found.run, found.until_round) == (True, 1)
    assert {(row.shard, row.node) for row in found.assignments} == {("shard-clean", "clean"), ("shard-dirty", "dirty")}


@pytest.mark.parametrize(
    ("awake", "kept_on", "progress"),
    [
        ({"clean"}, {"clean"}, {}),
        ({"clean", "dirty"}, {"clean", "dirty"}, {}),
        ({"clean", "dirty"}, {"clean"}, {"cached_shards": COPIED}),
    ],
    ids=["a home sleeps already", "nobody falls asleep", "the shards were copied"],
)
def test_no_round_is_spent_on_copies_that_gain_nothing(
    awake: set[str], kept_on: set[str], progress: dict[str, object]
) -> None:
    job = a_waiting_job(progress=some_progress(**progress))
    entry = waits(job)
    assert first(waiting_part(job), entry, awake=awake, kept_on=kept_on) is entry


@pytest.mark.parametrize(("gigabytes", "copies"), [(0.00001, {"clean", "cleaner"}), (0.5, {"cleaner"})])
def test_a_shard_is_copied_to_several_nodes_only_where_copies_are_cheap(gigabytes: float, copies: set[str]) -> None:
    made = a_waiting_job(homes=("dirty",))
    shards = tuple(replace(shard, gigabytes=gigabytes) for shard in made.spec.shards)
    job = replace(made, spec=replace(made.spec, shards=shards))
    part = replace(waiting_part(made), job=job, shards=shards)
    rows = [
        BatchRow(job=part.name, home="dirty", on="cleaner", period=2, batches=300),
        BatchRow(job=part.name, home="dirty", on="clean", period=2, batches=100),
    ]
    home = JobDirective(
        job=job.spec.key, run=True, cause=Cause(Reason.AT_HOME), assignments=at_home(job, shards), until_round=1
    )
    found = seeded([home], [part], rows, dict.fromkeys(("clean", "cleaner", "dirty"), True))[0].assignments
    assert {row.node for row in found} == copies | {"dirty"}
    assert sum(row.batches for row in found) == job.spec.steps_per_round


@pytest.mark.parametrize(("rounds", "is_seeded"), [(4, True), (9, False)], ids=["time is left", "no time is left"])
def test_copies_do_not_keep_the_planned_rounds_from_fitting_into_the_period(rounds: int, is_seeded: bool) -> None:
    job = replace(a_waiting_job(), spec=replace(a_waiting_job().spec, rounds=20))
    part = replace(waiting_part(a_waiting_job()), job=job)
    rows = [BatchRow(job=part.name, home="dirty", on="clean", period=2, batches=240)]
    home = at_home(job, job.spec.shards)
    entry = JobDirective(job=job.spec.key, run=True, cause=Cause(Reason.AT_HOME), assignments=home, until_round=rounds)
    found = seeded([entry], [part], rows, dict.fromkeys(("clean", "cleaner", "dirty"), True))[0].assignments
    assert (found != home) is is_seeded
    busiest = max(sum(row.batches for row in found if row.node == name) for name in ("clean", "dirty"))
    assert rounds * busiest * 0.5 <= part.period_seconds or found == home
