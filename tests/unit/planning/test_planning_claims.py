"""How long a coordinator's word keeps a node awake: as long as our own records bear it out, and no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sunward.domain.jobs import JobProgress, JobView
from sunward.domain.measurement import Measurement
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards import rules_work
from sunward.planning.guards.case import Case
from sunward.planning.jobs.claims import LONGEST_GRACE, SHORTEST_GRACE, ClaimHistory
from sunward.planning.learning import after_draw
from support.guards.cases import reason_of
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_snapshot,
    a_worker_pod,
    an_assignment,
    measured,
    some_facts,
    some_meters,
    some_progress,
)

MINUTE = timedelta(minutes=1)
CLAIMS = some_progress(workers=("pi-01",))


def job(done: int, *, assigned: bool, progress: JobProgress | None = CLAIMS, **changes: Any) -> JobView:
    """A job that has finished rounds, with or without an assignment of ours to the node."""
    rows = (an_assignment("default/mnist", "shard", "pi-01", "pi-01"),) if assigned else ()
    return a_job(last_round=done, assignments=rows, progress=progress, **changes)


def seen(at: datetime, one: JobView, *, has_worker: bool = True) -> Snapshot:
    pods = (a_worker_pod(),) if has_worker else ()
    node = a_node("roof", node_name="pi-01", facts=some_facts(), pods=pods)
    return a_snapshot(node, a_node("pi-02"), jobs=[one], taken_at=at)


def marked(history: ClaimHistory, snapshot: Snapshot) -> tuple[Snapshot, ClaimHistory]:
    history = history.after(snapshot)
    return history.marked(snapshot), history


def refusal(snapshot: Snapshot) -> Reason | None:
    """What the guard says of the node."""
    return reason_of(rules_work.work_moved, Case(node=snapshot.nodes[0], snapshot=snapshot, now=snapshot.taken_at))


def after_rounds(minutes_each: float) -> tuple[ClaimHistory, datetime]:
    """Three rounds on the node, measured by us; and the moment of the last assignment."""
    history, at = ClaimHistory(), NOW
    for done in range(4):
        at = NOW + done * minutes_each * MINUTE
        history = history.after(seen(at, job(done, assigned=True)))
    return history, at


@pytest.mark.parametrize(
    ("minutes_each", "grace"),
    [(0.1, SHORTEST_GRACE), (20.0, timedelta(hours=1)), (600.0, LONGEST_GRACE)],
)
def test_a_claim_holds_for_three_measured_rounds_after_the_last_assignment(
    minutes_each: float, grace: timedelta
) -> None:
    history, last = after_rounds(minutes_each)
    before, history = marked(history, seen(last + grace - timedelta(seconds=1), job(3, assigned=False)))
    assert refusal(before) is Reason.WORK_NOT_MOVED
    after, _ = marked(history, seen(last + grace, job(3, assigned=False)))
    assert (refusal(after), after.jobs[0].unconfirmed_nodes) == (None, ("roof",))


def test_a_round_that_was_never_measured_has_the_longest_time() -> None:
    _, history = marked(ClaimHistory(), seen(NOW, job(0, assigned=True)))
    before, history = marked(history, seen(NOW + LONGEST_GRACE - MINUTE, job(0, assigned=False)))
    after, _ = marked(history, seen(NOW + LONGEST_GRACE, job(0, assigned=False)))
    assert [refusal(before), refusal(after)] == [Reason.WORK_NOT_MOVED, None]


def test_our_own_assignment_counts_however_long_a_round_takes() -> None:
    history = ClaimHistory()
    for day in range(3):
        snapshot, history = marked(history, seen(NOW + timedelta(days=day), job(0, assigned=True)))
        assert refusal(snapshot) is Reason.WORK_NOT_MOVED


def test_a_coordinator_that_was_never_given_the_node_keeps_nothing_awake() -> None:
    snapshot, _ = marked(ClaimHistory(), seen(NOW, job(0, assigned=False), has_worker=False))
    assert (refusal(snapshot), snapshot.jobs[0].unconfirmed_nodes) == (None, ("roof",))


def test_after_a_restart_a_worker_that_is_there_has_its_time_once_more() -> None:
    first, history = marked(ClaimHistory(), seen(NOW, job(7, assigned=False)))
    last, _ = marked(history, seen(NOW + LONGEST_GRACE, job(7, assigned=False)))
    assert [refusal(first), refusal(last)] == [Reason.WORK_NOT_MOVED, None]


def test_silence_holds_no_longer_than_a_claim() -> None:
    history, last = after_rounds(20.0)
    silent, history = marked(history, seen(last + 59 * MINUTE, job(3, assigned=False, progress=None)))
    given_up, _ = marked(history, seen(last + 60 * MINUTE, job(3, assigned=False, progress=None)))
    assert [refusal(silent), refusal(given_up)] == [Reason.WORK_NOT_MOVED, None]


def test_a_claim_that_nothing_bears_out_teaches_nothing_about_the_draw_at_work() -> None:
    snapshot, _ = marked(ClaimHistory(), seen(NOW, job(0, assigned=False), has_worker=False))
    reading = measured(6.0)
    assert isinstance(reading, Measurement)
    node = replace(snapshot.nodes[0], meters=some_meters(power=reading))
    learned = after_draw(node, snapshot.jobs)
    assert (learned.busy_watts, learned.idle_watts is None) == (None, False)


def test_rounds_that_were_seen_stay_when_the_coordinator_loses_its_count() -> None:
    history, last = after_rounds(20.0)
    snapshot, history = marked(history, seen(last + MINUTE, job(0, assigned=True)))
    assert snapshot.jobs[0].last_round == 3
    later, _ = marked(history, seen(last + 61 * MINUTE, job(0, assigned=False)))
    assert refusal(later) is None


def test_a_job_that_is_over_is_forgotten() -> None:
    history = ClaimHistory().after(seen(NOW, job(0, assigned=True)))
    assert history.after(seen(NOW, job(0, assigned=True, finished=Reason.ROUNDS_COMPLETE))).jobs == {}
