"""Guards over all nodes at their limits: who is counted, who is exempt, and what one more would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sunward.domain.eviction import EvictionSettings, LimitSource
from sunward.domain.nodes import Intent, NodeRecord, NodeView, OverridePower, PowerOverride, PowerState
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneNodes
from sunward.planning.guards import budgets
from sunward.planning.guards.case import Case
from support.guards.cases import A_MOMENT, SECOND, an_operation, reason_of
from support.planning import LONG_AGO, NOW, a_node, a_policy, a_snapshot, some_facts

AWAKE, ASLEEP, DEGRADED = PowerState.AWAKE, PowerState.ASLEEP, PowerState.DEGRADED
DOWNWARD = (PowerState.CORDONED, PowerState.DRAINING, PowerState.POWER_OFF_REQUESTED)
UPWARD = (PowerState.WAKE_REQUESTED, PowerState.BOOTING)
OFF = (ASLEEP, *UPWARD, DEGRADED)


def node(name: str, state: PowerState = AWAKE, *, ready: bool | None = None, **facts: bool) -> NodeView:
    ready = state not in OFF if ready is None else ready
    return a_node(name, record=NodeRecord(power_state=state), facts=some_facts(name, ready=ready, **facts))


def cluster(*states: PowerState, awake: int = 0, **limits: Any) -> Snapshot:
    """Nodes n0, n1, ... in these states, and as many that are awake."""
    nodes = [node(f"n{index}", state) for index, state in enumerate((*states, *(AWAKE,) * awake))]
    return a_snapshot(*nodes, policy=a_policy(budgets=replace(Budgets(), **limits)))


def first(snapshot: Snapshot) -> Case:
    """The question about the first node."""
    return Case(node=snapshot.nodes[0], snapshot=snapshot, now=NOW)


@pytest.mark.parametrize(
    ("states", "allowed", "reason"),
    [
        ((AWAKE, AWAKE), 0, Reason.TRANSITION_BUDGET),
        ((AWAKE, AWAKE), 1, None),
        ((AWAKE, ASLEEP, DEGRADED), 1, None),
        *(((AWAKE, state), 1, Reason.TRANSITION_BUDGET) for state in (*DOWNWARD, *UPWARD)),
        ((AWAKE, PowerState.BOOTING), 2, None),
        ((AWAKE, PowerState.BOOTING, PowerState.DRAINING), 2, Reason.TRANSITION_BUDGET),
        ((PowerState.CORDONED, AWAKE), 1, None),
    ],
)
def test_so_many_nodes_are_between_awake_and_asleep(
    states: tuple[PowerState, ...], allowed: int, reason: Reason | None
) -> None:
    case = first(cluster(*states, nodes_in_transition=allowed))
    assert reason_of(budgets.transition_budget, case) is reason


def test_whom_a_node_waits_for_is_named() -> None:
    refusal = budgets.transition_budget(first(cluster(AWAKE, AWAKE, PowerState.BOOTING, ASLEEP)))
    assert refusal is not None
    assert "n2" in refusal.message
    assert "n1" not in refusal.message


@pytest.mark.parametrize(
    ("total", "limit"), [(0, 2), (1, 2), (3, 2), (4, 2), (5, 2), (6, 3), (7, 3), (8, 4), (100, 50)]
)
def test_half_of_the_nodes_or_two_may_be_out(total: int, limit: int) -> None:
    census = budgets.Census(total=total, asleep=3, not_ready=4, awake_workers=0, in_transition=0)
    assert (census.limit, census.out) == (limit, 7)


@pytest.mark.parametrize(
    ("states", "awake", "reason"),
    [
        ((AWAKE, ASLEEP), 2, None),
        ((AWAKE, ASLEEP, ASLEEP), 2, Reason.SLEEP_LIMIT),
        ((AWAKE, ASLEEP, DEGRADED), 2, Reason.SLEEP_LIMIT),
        ((AWAKE, DEGRADED), 1, None),
        ((AWAKE, ASLEEP, PowerState.BOOTING), 2, Reason.SLEEP_LIMIT),
        ((AWAKE, ASLEEP, PowerState.DRAINING), 2, Reason.SLEEP_LIMIT),
        ((PowerState.DRAINING, ASLEEP), 2, None),
        ((PowerState.DRAINING, ASLEEP, ASLEEP), 2, Reason.SLEEP_LIMIT),
        ((AWAKE, ASLEEP, ASLEEP), 3, None),
        ((AWAKE, ASLEEP, ASLEEP, ASLEEP), 3, Reason.SLEEP_LIMIT),
    ],
)
def test_one_more_sleeper_must_still_be_within_the_limit(
    states: tuple[PowerState, ...], awake: int, reason: Reason | None
) -> None:
    assert reason_of(budgets.sleep_limit, first(cluster(*states, awake=awake))) is reason


def test_what_would_be_out_is_told_in_numbers() -> None:
    refusal = budgets.sleep_limit(first(cluster(AWAKE, ASLEEP, ASLEEP, awake=2)))
    assert refusal is not None
    assert refusal.message.startswith("3 of 5 nodes")


@pytest.mark.parametrize(
    ("states", "limit", "reason"),
    [
        ((AWAKE, ASLEEP, ASLEEP), None, None),
        ((AWAKE, AWAKE), 0, Reason.SLEEP_LIMIT),
        ((AWAKE, AWAKE), 1, None),
        ((AWAKE, ASLEEP), 1, Reason.SLEEP_LIMIT),
        ((AWAKE, ASLEEP), 2, None),
        ((AWAKE, PowerState.BOOTING), 1, Reason.SLEEP_LIMIT),
        ((AWAKE, PowerState.DRAINING), 1, Reason.SLEEP_LIMIT),
        ((AWAKE, DEGRADED), 1, None),
        ((PowerState.DRAINING, AWAKE), 1, None),
        ((PowerState.DRAINING, ASLEEP), 1, Reason.SLEEP_LIMIT),
    ],
)
def test_the_owners_limit_counts_the_node_itself_once(
    states: tuple[PowerState, ...], limit: int | None, reason: Reason | None
) -> None:
    case = first(cluster(*states, awake=4, maximum_asleep_nodes=limit))
    assert reason_of(budgets.policy_limit, case) is reason


@pytest.mark.parametrize(
    ("others", "needed", "reason"),
    [
        ([], 0, None),
        ([], 1, Reason.MINIMUM_AWAKE_NODES),
        ([node("a")], 1, None),
        ([node("a")], 2, Reason.MINIMUM_AWAKE_NODES),
        ([node("a"), node("b")], 2, None),
        ([node("hub", is_control_plane=True)], 1, Reason.MINIMUM_AWAKE_NODES),
        ([node("a", ready=False)], 1, Reason.MINIMUM_AWAKE_NODES),
        ([node("a", exists=False)], 1, Reason.MINIMUM_AWAKE_NODES),
        ([node("a", unschedulable=True)], 1, Reason.MINIMUM_AWAKE_NODES),
        ([a_node("a", has_facts=False)], 1, Reason.MINIMUM_AWAKE_NODES),
        *(([node("a", state, ready=True)], 1, Reason.MINIMUM_AWAKE_NODES) for state in (*DOWNWARD, *OFF)),
    ],
)
def test_evicted_pods_find_so_many_nodes_that_take_them(
    others: list[NodeView], needed: int, reason: Reason | None
) -> None:
    snapshot = a_snapshot(node("me"), *others, policy=a_policy(budgets=Budgets(minimum_awake_nodes=needed)))
    assert reason_of(budgets.minimum_awake_nodes, first(snapshot)) is reason


WAKE = an_operation(intent=Intent.WAKE, started_at=NOW - 30 * SECOND)
JUST = NOW - 30 * SECOND + A_MOMENT


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (NodeRecord(), None),
        (NodeRecord(power_state=PowerState.BOOTING, operation=WAKE), None),
        (
            NodeRecord(power_state=PowerState.BOOTING, operation=replace(WAKE, started_at=JUST)),
            Reason.TRANSITION_BUDGET,
        ),
        (
            NodeRecord(power_state=PowerState.WAKE_REQUESTED, operation=replace(WAKE, started_at=NOW)),
            Reason.TRANSITION_BUDGET,
        ),
        (NodeRecord(power_state=PowerState.BOOTING, operation=WAKE, last_transition_at=NOW), None),
        (NodeRecord(power_state=PowerState.BOOTING, last_transition_at=JUST), Reason.TRANSITION_BUDGET),
        (NodeRecord(power_state=PowerState.BOOTING, last_transition_at=NOW - 30 * SECOND), None),
        (NodeRecord(power_state=PowerState.BOOTING), None),
        (NodeRecord(awake_since=JUST, last_transition_reason=Reason.AWAKE), Reason.TRANSITION_BUDGET),
        (NodeRecord(awake_since=NOW - 30 * SECOND, last_transition_reason=Reason.AWAKE), None),
        (NodeRecord(awake_since=JUST, last_transition_reason=Reason.DRAIN_TIMED_OUT), None),
        (NodeRecord(last_transition_reason=Reason.AWAKE), None),
        (NodeRecord(power_state=PowerState.DRAINING, operation=replace(WAKE, started_at=NOW)), None),
    ],
)
def test_machines_do_not_start_within_half_a_minute_of_each_other(record: NodeRecord, reason: Reason | None) -> None:
    other = a_node("other", record=record)
    policy = a_policy(budgets=Budgets(wake_interval_seconds=30.0))
    assert reason_of(budgets.wake_interval, first(a_snapshot(node("me", ASLEEP), other, policy=policy))) is reason
    assert reason_of(budgets.wake_interval, first(a_snapshot(other, node("me"), policy=policy))) is None


def test_any_of_the_others_may_have_been_woken_just_now() -> None:
    old, young = (NodeRecord(awake_since=at, last_transition_reason=Reason.AWAKE) for at in (LONG_AGO, NOW))
    snapshot = a_snapshot(node("me", ASLEEP), a_node("old", record=old), a_node("young", record=young))
    refusal = budgets.wake_interval(first(snapshot))
    assert refusal is not None
    assert refusal.message.startswith("young ")


def excess(snapshot: Snapshot) -> list[str]:
    """Who has to wake."""
    cases = [Case(node=node, snapshot=snapshot, now=NOW) for node in snapshot.nodes]
    return [case.node.name for case in cases if reason_of(budgets.excess_sleepers, case) is Reason.SLEEP_LIMIT]


@pytest.mark.parametrize(
    ("states", "limit", "woken"),
    [
        ((ASLEEP, ASLEEP, ASLEEP), 4, []),
        ((ASLEEP, ASLEEP, ASLEEP), 5, []),
        ((ASLEEP, ASLEEP, ASLEEP), 3, []),
        ((ASLEEP, ASLEEP, ASLEEP), 2, ["n0"]),
        ((ASLEEP, ASLEEP, ASLEEP), 0, ["n0", "n1", "n2"]),
        ((ASLEEP, ASLEEP, PowerState.BOOTING), 2, []),
        ((ASLEEP, ASLEEP, PowerState.WAKE_REQUESTED), 1, ["n0"]),
        ((ASLEEP, ASLEEP, PowerState.CORDONED), 2, []),
        ((ASLEEP, ASLEEP, PowerState.DRAINING), 2, []),
        ((ASLEEP, ASLEEP, PowerState.POWER_OFF_REQUESTED), 2, ["n0"]),
        ((PowerState.POWER_OFF_REQUESTED, ASLEEP), 0, ["n1"]),
    ],
)
def test_only_sleepers_that_are_too_many_wake(states: tuple[PowerState, ...], limit: int, woken: list[str]) -> None:
    """A node on the way back is not counted again; one whose power is being cut does not come back by itself."""
    assert excess(cluster(*states, awake=8, maximum_asleep_nodes=limit)) == woken


def test_a_node_that_is_back_already_takes_nobodys_place() -> None:
    snapshot = cluster(ASLEEP, ASLEEP, awake=8, maximum_asleep_nodes=1)
    back = node("back", PowerState.BOOTING, ready=True)
    assert excess(replace(snapshot, nodes=(*snapshot.nodes, back))) == ["n0"]


def test_a_broken_cluster_wakes_all_its_sleepers_and_not_more() -> None:
    snapshot = cluster(ASLEEP, ASLEEP, DEGRADED, DEGRADED, DEGRADED)
    assert excess(snapshot) == ["n0", "n1"]
    refusal = budgets.excess_sleepers(first(snapshot))
    assert refusal is not None
    assert refusal.message == "2 nodes are asleep; the limit is now 0"


@pytest.mark.parametrize(
    ("power", "until", "woken"),
    [
        (OverridePower.ASLEEP, None, "n1"),
        (OverridePower.ASLEEP, NOW + A_MOMENT, "n1"),
        (OverridePower.ASLEEP, NOW, "n0"),
        (OverridePower.AWAKE, None, "n0"),
    ],
)
def test_those_whom_people_hold_asleep_wake_last(power: OverridePower, until: datetime | None, woken: str) -> None:
    snapshot = cluster(ASLEEP, ASLEEP, awake=8, maximum_asleep_nodes=1)
    held, *others = snapshot.nodes
    override = PowerOverride(power=power, until=until, reason="new disk")
    held = replace(held, spec=replace(held.spec, override=override))
    assert excess(replace(snapshot, nodes=(held, *others))) == [woken]


def test_an_excess_is_told_in_numbers() -> None:
    refusal = budgets.excess_sleepers(first(cluster(ASLEEP, ASLEEP, ASLEEP, awake=8, maximum_asleep_nodes=2)))
    assert refusal is not None
    assert refusal.message == "3 nodes are asleep; the limit is now 2"


def test_the_wait_for_power_is_measured_and_not_guessed() -> None:
    waiting = timedelta(seconds=Budgets().wake_interval_seconds)
    record = NodeRecord(power_state=PowerState.WAKE_REQUESTED, operation=replace(WAKE, started_at=NOW - waiting))
    assert reason_of(budgets.wake_interval, first(a_snapshot(node("me", ASLEEP), a_node("b", record=record)))) is None


def of_zone(name: str, zone: str, state: PowerState = AWAKE) -> NodeView:
    view = node(name, state)
    assert view.facts is not None
    return replace(view, facts=replace(view.facts, failure_zone=zone))


def configured(snapshot: Snapshot, threshold: float | None) -> Snapshot:
    settings = EvictionSettings(source=LimitSource.NODE_ARGS, unhealthy_zone_threshold=threshold)
    return replace(snapshot, controllers=(settings,))


@pytest.mark.parametrize(
    ("asleep", "threshold", "reason"),
    [(5, None, None), (6, None, Reason.SLEEP_LIMIT), (9, 0.9, None), (10, 0.9, Reason.SLEEP_LIMIT), (10, 0.95, None),
     (11, 1.0, Reason.SLEEP_LIMIT), (3, 0.3, Reason.SLEEP_LIMIT)],
)  # fmt: skip
def test_the_limit_follows_the_clusters_setting(asleep: int, threshold: float | None, reason: Reason | None) -> None:
    snapshot = configured(cluster(AWAKE, *(ASLEEP,) * asleep, awake=11 - asleep), threshold)
    assert reason_of(budgets.sleep_limit, first(snapshot)) is reason


@pytest.mark.parametrize(("threshold", "room"), [(None, 6), (0.95, 11), (0.9, 10), (0.3, 3)])
def test_the_planner_has_the_room_that_the_guard_leaves(threshold: float | None, room: int) -> None:
    snapshot = configured(cluster(awake=12), threshold)
    assert budgets.asleep_room(snapshot) == room == budgets.sleep_limit_nodes(snapshot)


def test_sleepers_wake_when_the_setting_is_taken_back() -> None:
    sleeping = cluster(*(ASLEEP,) * 10, awake=2)
    assert budgets.excess_sleepers(first(configured(sleeping, 0.95))) is None
    assert reason_of(budgets.excess_sleepers, first(configured(sleeping, None))) is Reason.SLEEP_LIMIT


def three_zones(*asleep: int) -> Snapshot:
    """Five nodes in each of three failure zones, so many of which sleep."""
    nodes = [
        of_zone(f"{zone}{index}", zone, ASLEEP if index < count else AWAKE)
        for zone, count in zip("abc", asleep, strict=True)
        for index in range(5)
    ]
    return a_snapshot(*nodes, zones={zone: ZoneNodes(total=5) for zone in "abc"}, total_nodes=15)


def question(snapshot: Snapshot, name: str) -> Case:
    found = snapshot.node(name)
    assert found is not None
    return Case(node=found, snapshot=snapshot, now=NOW)


def test_kubernetes_judges_each_failure_zone_by_itself() -> None:
    snapshot = three_zones(2, 0, 0)
    refusal = budgets.sleep_limit(question(snapshot, "a4"))
    assert refusal is not None
    assert refusal.message == "3 of 5 nodes of zone a would be asleep or not ready; the limit is 2"
    assert budgets.sleep_limit(question(snapshot, "b4")) is None
    assert (budgets.asleep_room(snapshot), budgets.sleep_limit_nodes(snapshot)) == (6, 6)


def test_a_zone_with_too_many_sleepers_gets_one_back() -> None:
    snapshot = three_zones(3, 1, 0)
    woken = [node.name for node in snapshot.nodes if budgets.excess_sleepers(question(snapshot, node.name))]
    assert woken == ["a0"]


def test_a_broken_node_takes_room_from_its_own_zone_only() -> None:
    zones = {"a": ZoneNodes(total=6, unmanaged_not_ready=1), "b": ZoneNodes(total=5), "c": ZoneNodes(total=5)}
    snapshot = replace(three_zones(2, 0, 0), zones=zones, total_nodes=16, unmanaged_not_ready_nodes=1)
    assert budgets.sleep_limit(question(snapshot, "a4")) is not None
    assert budgets.sleep_limit(question(snapshot, "b4")) is None
    assert budgets.asleep_room(snapshot) == 2 + 2 + 2
