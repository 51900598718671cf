"""A job's limit on moved work holds whatever plan is kept, held or made anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sunward.domain.jobs import Assignment, Disruption, JobProgress
from sunward.domain.plans import Plan
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.decide import plan
from sunward.planning.jobs.facts import batches_left_to_move, moves_allowed, rounds_at_most
from sunward.planning.sleep.transitions import advance
from support.planning import (
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_policy,
    a_snapshot,
    an_assignment,
    some_forecasts,
    some_progress,
)

COPIED = (("clean", ("shard-dirty",)), ("dirty", ("shard-clean",)))
MOVED = (
    an_assignment("default/mnist", "shard-clean", "clean", "clean"),
    an_assignment("default/mnist", "shard-dirty", "dirty", "clean"),
)


def progress(offloaded: float, round_number: int = 0) -> JobProgress:
    return some_progress(
        round=round_number,
        cached_shards=COPIED,
        offloaded_batches_by_shard=(("shard-dirty", offloaded),),
    )


def a_cluster(offloaded: float, *, round_number: int = 0, assignments: tuple[Assignment, ...] = ()) -> Snapshot:
    job = a_job(
        homes=("clean", "dirty"),
        rounds=40,
        maximum_offload_ratio=0.5,
        progress=progress(offloaded, round_number),
        assignments=assignments,
        last_round=round_number,
    )
    policy = a_policy(planning_period_seconds=50.0, budgets=Budgets(dwell_seconds=0.0))
    return a_snapshot(a_node("clean"), a_node("dirty", grid_zone="DIRTY"), jobs=[job], policy=policy)


def planned(snapshot: Snapshot, previous: Plan | None = None) -> Plan:
    return plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=previous)


def moved(made: Plan) -> int:
    return sum(row.batches for row in made.jobs[0].assignments if row.node != row.from_node)


def test_what_may_still_move_is_the_limit_less_what_has_moved() -> None:
    job = a_cluster(300.0).jobs[0]
    assert batches_left_to_move(job, "shard-dirty") == pytest.approx(0.5 * 40 * 50 - 300)
    assert batches_left_to_move(job, "shard-clean") == pytest.approx(1000)


def test_the_slowest_worker_sets_the_pace() -> None:
    job = a_cluster(0.0).jobs[0]
    assert rounds_at_most(job, MOVED, 50.0) == 2  # 100 batches of 0.5 s each take 50 s, and some go faster
    assert rounds_at_most(job, MOVED[:1], 50.0) == 3
    assert rounds_at_most(job, (), 50.0) == 40


def test_rows_are_allowed_as_long_as_a_period_of_them_is_left() -> None:
    assert moves_allowed(MOVED, a_cluster(900.0).jobs[0], 50.0)
    assert not moves_allowed(MOVED, a_cluster(901.0).jobs[0], 50.0)


def test_while_there_is_enough_left_everything_moves() -> None:
    assert moved(planned(a_cluster(0.0))) == 50


def test_when_little_is_left_little_moves() -> None:
    made = planned(a_cluster(890.0, round_number=20))
    rounds = rounds_at_most(a_cluster(0.0).jobs[0], made.jobs[0].assignments, 50.0)
    assert 0 < moved(made) * rounds <= 110


def test_less_than_two_rounds_are_not_worth_slowing_everybody_down() -> None:
    assert moved(planned(a_cluster(960.0, round_number=20))) == 0


def test_when_nothing_is_left_everybody_works_at_home() -> None:
    made = planned(a_cluster(1000.0, round_number=20))
    assert moved(made) == 0
    assert made.jobs[0].cause.reason is Reason.AT_HOME
    assert made.awake == {"clean": True, "dirty": True}


def test_a_stable_plan_ends_when_its_limit_does() -> None:
    first = planned(a_cluster(0.0))
    assert moved(planned(a_cluster(600.0, round_number=12), first)) == 50
    assert moved(planned(a_cluster(1000.0, round_number=20), first)) == 0


def test_a_hold_keeps_what_runs_only_while_the_limit_allows() -> None:
    held = replace(a_cluster(600.0, round_number=12, assignments=MOVED), sensors_available=False)
    assert moved(planned(held)) == 50
    spent = replace(a_cluster(1000.0, round_number=20, assignments=MOVED), sensors_available=False)
    assert moved(planned(spent)) == 0


def test_a_job_that_must_not_be_disrupted_stays_where_it_runs() -> None:
    snapshot = a_cluster(0.0)
    rows = (
        an_assignment("default/mnist", "shard-clean", "clean", "dirty"),
        an_assignment("default/mnist", "shard-dirty", "dirty", "dirty"),
    )
    job = replace(
        snapshot.jobs[0],
        spec=replace(snapshot.jobs[0].spec, disruption=Disruption.NEVER),
        assignments=rows,
    )
    made = planned(replace(snapshot, jobs=(job,)))
    assert set(made.jobs[0].assignments) == set(rows)


def test_new_directives_count_before_the_status_says_so() -> None:
    snapshot = a_cluster(0.0)
    copies_missing = replace(
        snapshot, jobs=tuple(replace(job, progress=some_progress()) for job in snapshot.jobs), taken_at=NOW
    )
    made = planned(snapshot)
    step = next(
        step
        for step in advance(
            copies_missing,
            {"dirty": False, "clean": True},
            {},
            NOW + timedelta(seconds=1),
            fencing_token=1,
            directives=made.jobs,
        )
        if step.node == "dirty"
    )
    assert step.cause.reason is Reason.SHARD_NOT_COPIED


def test_a_silent_coordinator_may_have_moved_every_round_and_the_one_in_work() -> None:
    job = a_cluster(0.0, round_number=4, assignments=MOVED).jobs[0]
    assert batches_left_to_move(replace(job, progress=None), "shard-dirty") == pytest.approx(1000 - 5 * 50)
    assert batches_left_to_move(replace(job, progress=progress(0.0)), "shard-dirty") == pytest.approx(1000 - 5 * 50)
    new = replace(job, progress=None, last_round=0, assignments=())
    assert batches_left_to_move(new, "shard-dirty") == pytest.approx(1000)


@pytest.mark.parametrize("offloaded", [0.0, 700.0, 880.0, 950.0, 990.0])
def test_a_node_that_is_much_faster_than_the_home_gets_no_more_than_the_limit(offloaded: float) -> None:
    snapshot = a_cluster(offloaded, round_number=20)
    job = snapshot.jobs[0]
    assert job.progress is not None
    speeds = (("clean", 0.01), ("dirty", 1.0))
    fast = replace(
        job,
        spec=replace(job.spec, cost=replace(job.spec.cost, seconds_per_batch=None)),
        progress=replace(job.progress, seconds_per_batch=speeds),
    )
    made = planned(replace(snapshot, jobs=(fast,)))
    assert moves_allowed(made.jobs[0].assignments, fast, 50.0)
