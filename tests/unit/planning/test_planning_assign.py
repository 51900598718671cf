"""From shares to whole batches, and when a job waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.jobs import JobView
from sunward.domain.reasons import Reason
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.jobs.assign import assign_part, directive, fewest_moves, split_round
from sunward.planning.jobs.parts import Horizon, JobPart, parts_of
from support.planning import NOW, a_job, a_node, some_progress

HORIZON = Horizon(start=NOW, period=timedelta(seconds=300), periods=4)
HOMES = ("a", "b", "c")


def a_part(*, may_wait: bool = False, job: JobView | None = None) -> JobPart:
    job = job or a_job(homes=HOMES, deadline=HORIZON.end if may_wait else None)
    nodes = {name: a_node(name) for name in HOMES}
    (part,) = parts_of([(job, job.spec.shards)], nodes, nodes, HORIZON, may_wait=may_wait, fit_deadlines=False)
    return part


def row(home: str, on: str, batches: float, period: int = 1) -> BatchRow:
    return BatchRow(job="default/mnist", home=home, on=on, period=period, batches=batches)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({}, {"a": 50}),
        ({"a": 1.0}, {"a": 50}),
        ({"b": 3.0}, {"b": 50}),
        ({"a": 1.0, "b": 1.0}, {"a": 25, "b": 25}),
        ({"a": 0.5, "b": 0.01, "c": 0.49}, {"a": 26, "c": 24}),
        ({"a": 0.03, "b": 0.97}, {"b": 50}),
    ],
)
def test_a_round_is_dealt_in_whole_batches_without_handfuls(shares: dict[str, float], expected: dict[str, int]) -> None:
    dealt = split_round("a", shares, 50, 50)
    assert dealt.keys() == expected.keys()
    assert all(abs(dealt[name] - count) <= 1 for name, count in expected.items())


def test_a_small_row_of_the_home_stays_where_nothing_more_may_leave() -> None:
    assert split_round("a", {"a": 0.1, "b": 0.9}, 50, 45) == {"a": 5, "b": 45}


SHARES = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), st.floats(0.0, 9.0), max_size=5)


@given(SHARES, st.integers(1, 500), st.integers(0, 500))
def test_a_shard_is_always_dealt_whole_and_never_moves_more_than_it_may(
    shares: dict[str, float], steps: int, limit: int
) -> None:
    dealt = split_round("a", shares, steps, limit)
    assert sum(dealt.values()) == steps
    assert all(count > 0 for count in dealt.values())
    assert steps - dealt.get("a", 0) <= max(limit, 0) or limit >= steps


def test_batches_that_go_round_in_a_circle_stay_at_home() -> None:
    rows = [row("a", "b", 10), row("b", "a", 10), row("c", "b", 5), row("c", "c", 5), row("b", "b", 0.0)]
    moves = fewest_moves(a_part(), rows)
    assert moves["a"] == {"a": 10}
    assert moves["b"] == {"b": 10}
    assert moves["c"] == {"c": 5, "b": 5}


def test_what_must_move_goes_first_to_whoever_holds_the_data() -> None:
    progress = some_progress(cached_shards=(("c", ("shard-a",)), ("a", ("shard-a",))))
    copied = a_part(job=a_job(homes=("a",), progress=progress))
    moves = fewest_moves(copied, [row("a", "b", 6), row("a", "c", 4)])
    assert moves["a"] == {"a": 0, "c": 4, "b": 6}
    assert copied.is_copied


def test_a_part_without_rows_works_at_home() -> None:
    assert {(r.from_node, r.node, r.batches) for r in assign_part(a_part(), [])} == {(h, h, 50) for h in HOMES}


def test_a_job_that_may_wait_waits_for_the_cleaner_period() -> None:
    part = a_part(may_wait=True)
    rows = [row(home, home, part.rounds_now * 50, period=3) for home in HOMES]
    waits = directive(part.job, [part], rows)
    assert (waits.run, waits.cause.reason, waits.assignments) == (False, Reason.WAITING_FOR_LOWER_INTENSITY, ())
    hurried = a_part()
    assert directive(hurried.job, [hurried], rows).run


def test_a_job_whose_deadline_is_at_risk_never_waits() -> None:
    late = a_job(homes=HOMES, deadline=NOW + timedelta(seconds=200))
    part = a_part(may_wait=True, job=late)
    assert part.deadline_at_risk
    rows = [row(home, home, 100, period=3) for home in HOMES]
    runs = directive(late, [part], rows)
    assert (runs.run, runs.cause.reason) == (True, Reason.DEADLINE_AT_RISK)


def test_a_quorum_that_consolidation_would_break_brings_everybody_home() -> None:
    job = a_job(homes=HOMES, minimum_workers=3)
    part = a_part(job=job)
    rows = [row(home, "a", part.rounds_now * 50) for home in HOMES]
    made = directive(job, [part], rows)
    assert {r.node for r in made.assignments} == set(HOMES)


def waiting_part(moved: float = 0.0, **changes: Any) -> JobPart:
    progress = some_progress(offloaded_batches_by_shard=tuple((f"shard-{home}", moved) for home in HOMES))
    defaults: dict[str, Any] = {"homes": HOMES, "deadline": HORIZON.end, "maximum_offload_ratio": 0.5}
    part = a_part(may_wait=True, job=a_job(progress=progress, **(defaults | changes)))
    assert part.may_wait
    return part


@pytest.mark.parametrize(("rounds", "until"), [(0.4, None), (0.6, 1), (2.4, 2), (2.6, 3), (20.0, 10)])
def test_a_job_that_may_wait_does_the_rounds_of_the_period_and_no_more(rounds: float, until: int | None) -> None:
    part = waiting_part()
    made = directive(part.job, [part], [row(home, home, rounds * 50) for home in HOMES])
    assert (made.run, made.until_round) == (until is not None, until)


def test_whole_rounds_leave_home_while_the_allowance_of_the_whole_job_lasts() -> None:
    """Five of ten rounds may leave: three whole ones do now; three of the two that are left would be too many."""
    rows = [row(home, "a", 150) for home in HOMES]
    part = waiting_part()
    assert {r.node for r in directive(part.job, [part], rows).assignments} == {"a"}
    spent = waiting_part(moved=150)
    made = directive(spent.job, [spent], rows)
    away = {s: sum(r.batches for r in made.assignments if r.shard == s and r.node != r.from_node) for s in ("shard-b",)}
    assert 0 < 3 * away["shard-b"] <= 100


def test_each_shard_spends_its_own_allowance() -> None:
    """One shard has spent all of its share; the others still leave home whole."""
    progress = some_progress(offloaded_batches_by_shard=(("shard-c", 250.0),))
    job = a_job(homes=HOMES, deadline=HORIZON.end, maximum_offload_ratio=0.5, progress=progress)
    part = a_part(may_wait=True, job=job)
    made = directive(job, [part], [row(home, "a", 100) for home in HOMES])
    assert {(r.shard, r.node, r.batches) for r in made.assignments} == {
        ("shard-a", "a", 50),
        ("shard-b", "a", 50),
        ("shard-c", "c", 50),
    }


def test_shards_that_were_copied_and_others_go_through_the_same_rounds() -> None:
    progress = some_progress(cached_shards=(("a", ("shard-b",)),))
    job = a_job(homes=HOMES, deadline=HORIZON.end, progress=progress)
    assert a_part(may_wait=True, job=job).name == job.spec.key


@pytest.mark.parametrize("deadline", [None, HORIZON.end + timedelta(seconds=1)], ids=["none", "beyond the horizon"])
def test_a_job_whose_end_no_plan_sees_does_not_wait(deadline: Any) -> None:
    parts = parts_of(
        [(job := a_job(homes=("a",), deadline=deadline), job.spec.shards)],
        {"a": a_node("a")},
        {"a": a_node("a")},
        HORIZON,
        may_wait=True,
        fit_deadlines=False,
    )
    assert not any(part.may_wait for part in parts)
