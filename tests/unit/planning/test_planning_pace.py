"""How many rounds a period is planned with: leisure only while it lets homes sleep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.jobs import DataMobility, JobView
from sunward.planning.jobs.parts import HASTE, PATIENCE, USABLE_SHARE_OF_TIME, Horizon, is_bound_to_homes, parts_of
from support.planning import NOW, a_job, a_node, some_progress

HORIZON = Horizon(start=NOW, period=timedelta(seconds=1000), periods=2)
NODES = {name: a_node(name) for name in ("clean", "dirty")}
FIT = 1000 * USABLE_SHARE_OF_TIME / 25  # rounds of 50 batches, each half a second
LIMIT = 0.5 * 200 * 50
TEN_PERIODS = NOW + timedelta(seconds=10_000)


def job(moved: float = 0.0, **changes: Any) -> JobView:
    defaults: dict[str, Any] = {
        "homes": ("clean", "dirty"),
        "rounds": 200,
        "maximum_offload_ratio": 0.5,
        "deadline": TEN_PERIODS,
        "progress": some_progress(offloaded_batches_by_shard=(("shard-dirty", moved),)),
    }
    return a_job(**(defaults | changes))


def rounds(view: JobView, *, may_wait: bool = False) -> tuple[float, float]:
    (part,) = parts_of([(view, view.spec.shards)], NODES, NODES, HORIZON, may_wait=may_wait, fit_deadlines=False)
    return part.rounds_now, part.rounds_later


def test_a_job_that_can_move_takes_as_long_as_its_deadline_lets_it() -> None:
    assert rounds(job()) == pytest.approx((HASTE * 200 / 10, HASTE * 200 / 10))


def test_without_a_deadline_it_takes_its_time_too() -> None:
    assert rounds(job(deadline=None))[0] == pytest.approx(FIT / PATIENCE)


@pytest.mark.parametrize("deadline", [TEN_PERIODS, None])
def test_a_job_that_has_moved_all_it_may_is_done_at_full_speed(deadline: Any) -> None:
    assert rounds(job(LIMIT, deadline=deadline)) == pytest.approx((FIT, FIT))


@pytest.mark.parametrize(("moved", "bound"), [(0.0, False), (LIMIT - 100, False), (LIMIT - 99, True), (LIMIT, True)])
def test_rounds_that_cannot_move_whole_need_every_home(moved: float, bound: bool) -> None:
    assert is_bound_to_homes(job(moved)) is bound


@pytest.mark.parametrize(
    "changes", [{"maximum_offload_ratio": 0.0}, {"data_mobility": DataMobility.NEVER}], ids=["no share", "no mobility"]
)
def test_a_job_that_never_moves_is_done_at_full_speed(changes: dict[str, Any]) -> None:
    assert rounds(job(**changes)) == pytest.approx((FIT, FIT))


def test_a_job_that_may_wait_is_never_hurried() -> None:
    """Two periods of 1000 s for rounds of 25 s: eight rounds have time to wait, whatever was moved."""
    brief: dict[str, Any] = {"rounds": 8, "deadline": HORIZON.end}
    assert rounds(job(LIMIT, **brief), may_wait=True) == rounds(job(**brief), may_wait=True) == (8, 0)


@pytest.mark.parametrize(("count", "waits"), [(32, True), (33, False)])
def test_a_job_waits_only_while_it_could_still_do_all_at_home_in_time(count: int, waits: bool) -> None:
    """After an idle period 1000 s are left; HASTE times 32 rounds of 25 s fill them exactly."""
    view = job(rounds=count, deadline=HORIZON.end)
    (part,) = parts_of([(view, view.spec.shards)], NODES, NODES, HORIZON, may_wait=True, fit_deadlines=False)
    assert part.may_wait is waits


@pytest.mark.parametrize(
    ("shifts", "count", "haste"), [(True, 64, 1.25), (True, 65, 1.0), (False, 64, 1.0)], ids=["fits", "late", "off"]
)
def test_the_last_rounds_of_a_job_that_could_wait_leave_time_for_nodes_to_wake(
    shifts: bool, count: int, haste: float
) -> None:
    """Its end is two periods of 1000 s away; with haste they hold 64 rounds of 25 s at home."""
    view = job(rounds=count, deadline=HORIZON.end)
    (part,) = parts_of(
        [(view, view.spec.shards)], NODES, NODES, HORIZON, may_wait=False, fit_deadlines=False, shifts=shifts
    )
    assert part.haste == haste


def test_a_missed_deadline_leaves_no_leisure() -> None:
    assert rounds(job(deadline=NOW - timedelta(hours=1)))[0] == pytest.approx(FIT)
