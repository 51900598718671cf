"""Guards about work: whose batches, whose shards and whose pods hold a node awake, and whose do not."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.pods import Needs, PodFacts
from sunward.domain.reasons import Reason
from sunward.planning.guards import rules_work
from sunward.planning.guards.case import Case
from support.guards.cases import AWAY, HOME, case_of, reason_of
from support.planning import (
    a_job,
    a_node,
    a_pod,
    a_room,
    a_worker_pod,
    an_assignment,
    needing,
    some_facts,
    some_progress,
)

OVER = Reason.ROUNDS_COMPLETE


def named(*jobs: JobView, pods: tuple[PodFacts, ...] = (), **snapshot: Any) -> Case:
    """Node pi-01, known to us as roof."""
    return case_of(a_node("roof", node_name="pi-01", facts=some_facts(), pods=pods), jobs=jobs, **snapshot)


def at(node: str, *, job: str = "mnist", **changes: Any) -> JobView:
    return a_job(job, assignments=(an_assignment(f"default/{job}", "shard", node, node),), **changes)


def training(*workers: str, **changes: Any) -> JobView:
    return a_job(progress=some_progress(workers=workers), **changes)


@pytest.mark.parametrize(
    ("jobs", "reason"),
    [
        ([], None),
        ([a_job()], None),
        ([at("pi-01")], Reason.WORK_NOT_MOVED),
        ([at("roof")], Reason.WORK_NOT_MOVED),
        ([at("pi-02")], None),
        ([at("pi-01", finished=OVER)], None),
        ([at("pi-01", finished=OVER), at("pi-01", job="digits")], Reason.WORK_NOT_MOVED),
        ([at("pi-02"), at("pi-01", job="digits")], Reason.WORK_NOT_MOVED),
        ([training("pi-01")], Reason.WORK_NOT_MOVED),
        ([training("roof")], Reason.WORK_NOT_MOVED),
        ([training("pi-02", "pi-03")], None),
        ([training("pi-01", finished=OVER)], None),
    ],
)
def test_a_node_is_needed_while_a_job_works_there(jobs: list[JobView], reason: Reason | None) -> None:
    assert reason_of(rules_work.work_moved, named(*jobs)) is reason


def test_the_job_that_still_works_there_is_named() -> None:
    refusal = rules_work.work_moved(named(at("pi-02"), at("pi-01", job="digits")))
    assert refusal is not None
    assert "default/digits" in refusal.message


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_worker_pod(), Reason.WORK_NOT_MOVED),
        (a_worker_pod("digits"), None),
        (a_worker_pod(namespace="other"), None),
        (a_pod(), None),
        (a_pod(labels=(("sunward.dev/job", "mnist"),)), None),
    ],
)
def test_a_silent_coordinator_keeps_the_nodes_of_its_own_workers(pod: PodFacts, reason: Reason | None) -> None:
    assert reason_of(rules_work.work_moved, named(a_job(progress=None), pods=(pod,))) is reason
    assert reason_of(rules_work.work_moved, named(a_job(progress=some_progress()), pods=(pod,))) is None


def copied(node: str, *shards: str) -> JobView:
    return a_job(assignments=(AWAY,), progress=some_progress(cached_shards=((node, shards),)))


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (copied("pi-02", "shard-pi-01"), None),
        (copied("pi-02", "shard-pi-03"), Reason.SHARD_NOT_COPIED),
        (copied("pi-03", "shard-pi-01"), Reason.SHARD_NOT_COPIED),
        (copied("pi-02"), Reason.SHARD_NOT_COPIED),
        (a_job(assignments=(AWAY,), progress=None), Reason.SHARD_NOT_COPIED),
        (a_job(assignments=(AWAY,), finished=OVER), None),
        (a_job(assignments=(HOME,)), None),
        (a_job(assignments=(an_assignment("default/mnist", "s", "pi-03", "pi-02"),)), None),
        (a_job(assignments=(an_assignment("default/mnist", "s", "roof", "pi-02"),)), Reason.SHARD_NOT_COPIED),
        (a_job(), None),
    ],
)
def test_data_leave_before_their_node_sleeps(job: JobView, reason: Reason | None) -> None:
    assert reason_of(rules_work.shard_copied, named(job)) is reason


def test_every_job_has_to_copy_what_it_moved() -> None:
    done, open_job = copied("pi-02", "shard-pi-01"), a_job("digits", assignments=(AWAY,))
    over = a_job("over", assignments=(AWAY,), finished=OVER)
    refusal = rules_work.shard_copied(named(over, done, open_job))
    assert refusal is not None
    assert "default/digits" in refusal.message
    assert "shard-pi-01 to pi-02" in refusal.message


@pytest.mark.parametrize(
    ("node", "shard", "holds"),
    [("pi-02", "a", True), ("pi-02", "b", True), ("pi-02", "c", False), ("pi-03", "a", False)],
)
def test_a_copy_is_where_the_coordinator_says(node: str, shard: str, holds: bool) -> None:
    job = a_job(progress=some_progress(cached_shards=(("pi-02", ("a", "b")),)))
    assert rules_work.holds_shard(job, node, shard) is holds
    assert not rules_work.holds_shard(a_job(progress=None), node, shard)


def test_pods_that_would_be_lost_are_named_one_and_all() -> None:
    pods = (a_pod("a-bare", owner_kind=None), a_pod("b-web"), a_pod("c-files", uses_local_storage=True))
    refusal = rules_work.pods_evictable(named(pods=pods))
    assert refusal is not None
    assert "default/a-bare" in refusal.message
    assert "default/c-files" in refusal.message
    assert "b-web" not in refusal.message


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        ((), None),
        ((a_pod(), a_pod("d", is_daemon=True)), None),
        ((a_pod("a", owner_kind=None), a_pod("b", priority=2_000_000_000)), Reason.UNEVICTABLE_POD),
        ((a_pod("b", owner_kind=None), a_pod("a", priority=2_000_000_000)), Reason.HOSTS_SYSTEM_SINGLETON),
    ],
)
def test_the_first_pod_that_would_be_lost_gives_the_reason(pods: tuple[PodFacts, ...], reason: Reason | None) -> None:
    assert reason_of(rules_work.pods_evictable, named(pods=pods)) is reason


def needs(millicores: int) -> tuple[PodFacts, ...]:
    return (a_pod(needs=needing(millicores=millicores)),)


@pytest.mark.parametrize(
    ("rooms", "millicores", "reason"),
    [
        ([a_room("pi-02", millicores=500)], 500, None),
        ([a_room("pi-02", millicores=500)], 501, Reason.UNPLACEABLE_POD),
        ([a_room("pi-01"), a_room("roof")], 500, Reason.UNPLACEABLE_POD),
        ([], 500, Reason.UNPLACEABLE_POD),
    ],
)
def test_what_leaves_finds_room_on_another_node(rooms: list[Any], millicores: int, reason: Reason | None) -> None:
    case = named(pods=needs(millicores), free_capacities=tuple(rooms))
    assert reason_of(rules_work.pods_placeable, case) is reason


@pytest.mark.parametrize(
    "pod", [a_worker_pod(), a_pod(is_daemon=True), a_pod(is_terminating=True), a_pod(phase="Succeeded")]
)
def test_what_does_not_move_needs_no_room(pod: PodFacts) -> None:
    assert reason_of(rules_work.pods_placeable, named(pods=(pod,), free_capacities=())) is None


UNREAD = Cause(Reason.UNREADABLE_QUANTITY, "pod default/web-1: requests.cpu of container app: '2x' is no quantity")


@pytest.mark.parametrize("more", [(), (a_pod("web-2", needs=needing(millicores=8000)),)])
def test_a_pod_that_may_need_any_amount_keeps_its_node_awake(more: tuple[PodFacts, ...]) -> None:
    unread = a_pod(needs=Needs(requests=UNREAD))
    refusal = rules_work.pods_placeable(named(pods=(unread, *more), free_capacities=(a_room("pi-02"),)))
    assert refusal is not None
    assert (refusal.reason, refusal.message) == (Reason.UNREADABLE_QUANTITY, UNREAD.message)
    worker = a_worker_pod(needs=Needs(requests=UNREAD))
    assert rules_work.pods_placeable(named(pods=(worker,), free_capacities=())) is None


def test_a_node_of_unknown_capacity_takes_no_pod_and_is_named() -> None:
    rooms = (a_room("pi-02", free=UNREAD), a_room("pi-03", millicores=10))
    assert rules_work.pods_placeable(named(pods=needs(10), free_capacities=rooms)) is None
    refusal = rules_work.pods_placeable(named(pods=needs(11), free_capacities=rooms))
    assert refusal is not None
    assert refusal.reason is Reason.UNPLACEABLE_POD
    assert "pi-02: " + UNREAD.message in refusal.message
    assert "pi-03" not in refusal.message


def test_a_pod_without_a_place_is_named() -> None:
    refusal = rules_work.pods_placeable(named(pods=needs(1), free_capacities=()))
    assert refusal is not None
    assert "default/web-1" in refusal.message


def test_the_eviction_api_is_quoted() -> None:
    failed = rules_work.eviction_possible(case_of(drain_failure=Cause(Reason.DRAIN_BLOCKED, "two disruption budgets")))
    assert failed is not None
    assert (failed.reason, failed.message) == (Reason.DRAIN_BLOCKED, "two disruption budgets")
    assert reason_of(rules_work.eviction_possible, case_of()) is None


@pytest.mark.parametrize(
    ("pod", "left"),
    [
        (a_pod("evictable"), True),
        (a_pod("leaving", is_terminating=True), True),
        (a_pod("blocking", owner_kind=None), True),
        (a_pod("daemon", is_daemon=True), False),
        (a_pod("ended", phase="Failed"), False),
    ],
)
def test_the_power_stays_while_anything_is_left_that_would_die_with_it(pod: PodFacts, left: bool) -> None:
    refusal = rules_work.drained(named(pods=(pod,)))
    assert (refusal is not None) is left
    if refusal is not None:
        assert refusal.reason is Reason.DRAINING
        assert pod.name in refusal.message


def test_a_volume_is_detached_before_the_power_is_cut() -> None:
    assert reason_of(rules_work.volumes_detached, case_of(a_node(volume_attached=True))) is Reason.VOLUME_ATTACHED
    assert reason_of(rules_work.volumes_detached, case_of(a_node(volume_attached=False))) is None
