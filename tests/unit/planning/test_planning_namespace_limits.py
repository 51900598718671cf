"""Limits of namespaces: who is within them, in which order, and that nobody else is affected."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.pods import PodFacts
from sunward.domain.policy import EvictionScope, NamespaceLimit
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.compile import compile_problem
from sunward.planning.guards.drain import Disposition, judge
from sunward.planning.hold import held_pattern
from sunward.planning.jobs.limits import over_limit, rank
from sunward.planning.pin_limits import limited
from support.planning import NOW, a_job, a_node, a_pod, a_policy, a_snapshot, some_forecasts

HOMES = ("pi-01", "pi-02", "pi-03", "pi-04")


def job(name: str, *, namespace: str = "team-a", shards: int = 1, age: int = 0, **changes: Any) -> JobView:
    """A job of some shards that is *age* minutes old."""
    return a_job(name, namespace=namespace, homes=HOMES[:shards], created_at=NOW - timedelta(minutes=age), **changes)


def limits(*entries: dict[str, Any]) -> tuple[NamespaceLimit, ...]:
    return tuple(NamespaceLimit(place=place, **entry) for place, entry in enumerate(entries))


def over(jobs: list[JobView], *entries: dict[str, Any]) -> dict[str, Reason]:
    found = over_limit(jobs, a_policy(limits=limits(*entries)), {})
    return {key: cause.reason for key, cause in found.items()}


def test_without_a_limit_every_job_is_planned() -> None:
    assert over([job(str(n), shards=4) for n in range(40)]) == {}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_priority_decides_first_then_age_then_the_uid(order: tuple[int, ...]) -> None:
    urgent = job("urgent", priority=1)
    old = job("old", age=5)
    young = job("young", age=1)
    jobs = [(urgent, old, young)[place] for place in order]
    assert over(jobs, {"jobs": 1}) == {"team-a/old": Reason.JOB_LIMIT, "team-a/young": Reason.JOB_LIMIT}
    assert over(jobs, {"jobs": 2}) == {"team-a/young": Reason.JOB_LIMIT}


@pytest.mark.parametrize("uids", [("1", "2"), ("2", "1")])
def test_two_jobs_of_one_moment_are_told_apart_by_their_uids(uids: tuple[str, str]) -> None:
    twins = [job("a", uid=uids[0]), job("b", uid=uids[1])]
    loser = "team-a/b" if uids[0] < uids[1] else "team-a/a"
    assert over(twins, {"jobs": 1}) == {loser: Reason.JOB_LIMIT}


def test_a_job_that_is_too_large_does_not_hold_back_a_smaller_one() -> None:
    jobs = [job("first", shards=2, age=3), job("large", shards=3, age=2), job("small", shards=2, age=1)]
    assert over(jobs, {"shards": 4}) == {"team-a/large": Reason.SHARD_LIMIT}


def test_each_namespace_of_an_entry_has_its_values_to_itself() -> None:
    jobs = [job(name, namespace=space) for space in ("team-a", "team-b") for name in "xy"]
    assert over(jobs, {"namespaces": ("team-a", "team-b"), "jobs": 2}) == {}
    assert set(over(jobs, {"namespaces": ("team-a",), "jobs": 1})) == {"team-a/y"}


def test_an_entry_without_namespaces_stands_for_those_that_no_other_names() -> None:
    jobs = [job(name, namespace=space) for space in ("team-a", "team-b") for name in "xy"]
    assert set(over(jobs, {"jobs": 1}, {"namespaces": ("team-b",), "jobs": 9})) == {"team-a/y"}


def test_the_condition_names_the_limit_its_value_and_what_to_do() -> None:
    policy = a_policy(limits=limits({"namespaces": ("other",), "jobs": 5}, {"jobs": 1}))
    message = over_limit([job("a"), job("b")], policy, {})["team-a/b"].message
    assert "1 jobs of team-a are planned" in message
    assert "spec.limits[1].jobs of EnergyPolicy default allows 1" in message
    assert "raise spec.priority" in message


def test_a_job_that_waits_for_another_reason_takes_nothing_of_the_limit() -> None:
    snapshot = a_snapshot(
        a_node("pi-01"),
        jobs=[job("paused", age=9, suspend=True), job("next", age=1)],
        policy=a_policy(limits=limits({"jobs": 1})),
    )
    directives = {entry.job: entry for entry in held_pattern(snapshot).jobs}
    assert directives["team-a/paused"].cause.reason is Reason.SUSPENDED
    assert directives["team-a/next"].run


def test_a_job_in_a_namespace_that_the_policy_does_not_name_takes_no_time_and_keeps_no_node_awake() -> None:
    jobs = [job("first", namespace="foreign", age=9, priority=100), job("next", age=1)]
    snapshot = a_snapshot(a_node("pi-01"), jobs=jobs)
    directives = {entry.job: entry for entry in held_pattern(snapshot).jobs}
    assert directives["foreign/first"].cause.reason is Reason.NAMESPACE_NOT_ALLOWED
    assert directives["team-a/next"].run
    compiled = compile_problem(snapshot, some_forecasts(snapshot))
    assert {planned.name.split(" ")[0] for planned in compiled.problem.jobs} == {"team-a/next"}


SIZES = st.lists(st.tuples(st.integers(1, 4), st.integers(-2, 2), st.integers(0, 3)), max_size=8)


@given(SIZES, st.integers(0, 5), st.integers(0, 12))
def test_what_is_planned_is_within_the_limits_and_lower_ranks_change_nothing(
    sizes: list[tuple[int, int, int]], most_jobs: int, most_shards: int
) -> None:
    jobs = sorted(
        (job(f"j{n}", shards=shards, priority=priority, age=age) for n, (shards, priority, age) in enumerate(sizes)),
        key=rank,
    )
    entry = {"jobs": most_jobs, "shards": most_shards}
    refused = over(jobs, entry)
    within = [one for one in jobs if one.spec.key not in refused]
    assert len(within) <= most_jobs
    assert sum(len(one.spec.shards) for one in within) <= most_shards
    for count in range(len(jobs)):
        assert over(jobs[:count], entry).items() <= refused.items()


@pytest.mark.parametrize(("hours", "waits"), [(0.0, False), (11.9, False), (12.0, True), (40.0, True)])
def test_a_namespace_that_kept_nodes_awake_for_too_long_has_no_job_planned(hours: float, waits: bool) -> None:
    policy = a_policy(limits=limits({"namespaces": ("team-a",), "awake_node_hours_per_day": 12}))
    jobs = [job("a", priority=100), job("b"), job("c", namespace="team-b")]
    found = over_limit(jobs, policy, {"team-a": hours, "team-b": 99.0})
    assert set(found) == ({"team-a/a", "team-a/b"} if waits else set())
    assert all(cause.reason is Reason.AWAKE_NODE_HOURS_LIMIT for cause in found.values())
    assert all("spec.limits[0].awakeNodeHoursPerDay" in cause.message for cause in found.values())


def test_the_hours_of_the_last_day_reach_the_plan() -> None:
    policy = a_policy(limits=limits({"awake_node_hours_per_day": 1}))
    snapshot = a_snapshot(a_node("pi-01"), jobs=[job("a")], policy=policy, awake_node_hours={"team-a": 1.0})
    assert held_pattern(snapshot).jobs[0].cause.reason is Reason.AWAKE_NODE_HOURS_LIMIT


def annotated(namespace: str = "team-a", **changes: Any) -> PodFacts:
    return a_pod("stays", namespace=namespace, do_not_disrupt=True, **changes)


def held(snapshot: Snapshot) -> dict[str, list[bool]]:
    return {node.name: [judge(pod).disposition is Disposition.BLOCKS for pod in node.pods] for node in snapshot.nodes}


def pinned_cluster(*pods: PodFacts, pins: int | None, namespaces: tuple[str, ...] = ("team-a",)) -> Snapshot:
    """Three nodes with the same pods."""
    nodes = [a_node(name, pods=pods) for name in ("pi-03", "pi-01", "pi-02")]
    policy = a_policy(namespaces=namespaces, limits=() if pins is None else limits({"pins": pins}))
    return limited(a_snapshot(*nodes, policy=policy))


@pytest.mark.parametrize("pins", [0, 1, 2, 3, None])
def test_annotations_count_on_so_many_nodes_the_first_by_name(pins: int | None) -> None:
    counts = {name: [pins is None or place < pins] for place, name in enumerate(("pi-01", "pi-02", "pi-03"))}
    assert held(pinned_cluster(annotated(), pins=pins)) == counts


@pytest.mark.parametrize("changes", [{"owner_kind": None}, {"uses_local_storage": True}])
def test_a_pod_that_would_be_lost_blocks_beyond_the_limit_too(changes: dict[str, Any]) -> None:
    assert held(pinned_cluster(annotated(**changes), pins=0)) == {name: [True] for name in ("pi-01", "pi-02", "pi-03")}


def test_where_the_operator_may_not_evict_every_annotation_counts() -> None:
    cluster = pinned_cluster(annotated("elsewhere"), annotated(), pins=0)
    assert all(blocks == [True, False] for blocks in held(cluster).values())


def test_annotations_are_limited_wherever_the_policy_lets_pods_go() -> None:
    nodes = [a_node(name, pods=[annotated("media")]) for name in ("pi-01", "pi-02")]
    policy = a_policy(
        namespaces=(),
        evict_namespaces=EvictionScope(names=("media",)),
        limits=limits({"namespaces": ("media",), "pins": 1}),
    )
    assert held(limited(a_snapshot(*nodes, policy=policy))) == {"pi-01": [True], "pi-02": [False]}
    without = {"media": Cause(Reason.NAMESPACE_NOT_ALLOWED, "no right")}
    assert held(limited(a_snapshot(*nodes, policy=policy, without_right=without)))["pi-02"] == [True]
