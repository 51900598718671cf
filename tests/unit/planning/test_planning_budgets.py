"""Counting nodes: what Kubernetes takes for failed, and how much room that leaves for sleep."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.nodes import NodeRecord, NodeView, OverridePower, PowerOverride, PowerState
from sunward.domain.policy import Budgets
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.budgets import asleep_room, count, excess_sleepers, is_down
from sunward.planning.guards.case import Case
from sunward.planning.sleep.transitions import advance
from support.planning import NOW, a_node, a_policy, a_snapshot, relay, some_facts


def in_state(name: str, state: PowerState, *, ready: bool = True) -> NodeView:
    return a_node(name, record=NodeRecord(power_state=state), facts=some_facts(name, ready=ready))


@pytest.mark.parametrize(
    ("state", "ready", "down"),
    [
        (PowerState.AWAKE, True, False),
        (PowerState.AWAKE, False, False),
        (PowerState.CORDONED, True, True),
        (PowerState.DRAINING, True, True),
        (PowerState.POWER_OFF_REQUESTED, True, True),
        (PowerState.ASLEEP, False, True),
        (PowerState.WAKE_REQUESTED, False, True),
        (PowerState.BOOTING, False, True),
        (PowerState.BOOTING, True, False),
        (PowerState.DEGRADED, False, False),
    ],
)
def test_a_node_is_down_from_its_cordon_until_it_is_ready_again(state: PowerState, ready: bool, down: bool) -> None:
    assert is_down(in_state("pi-01", state, ready=ready)) is down


def test_every_node_is_counted_once() -> None:
    census = count(
        a_snapshot(
            in_state("a", PowerState.AWAKE),
            in_state("b", PowerState.ASLEEP, ready=False),
            in_state("c", PowerState.AWAKE, ready=False),
            in_state("d", PowerState.DEGRADED, ready=False),
            in_state("e", PowerState.BOOTING, ready=False),
            a_node("hub", facts=some_facts("hub", is_control_plane=True)),
            total_nodes=9,
            unmanaged_not_ready_nodes=1,
        )
    )
    assert (census.total, census.asleep, census.not_ready, census.awake_workers) == (9, 2, 3, 1)
    assert (census.in_transition, census.limit, census.out) == (1, 4, 5)


@pytest.mark.parametrize(("nodes", "room"), [(2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (12, 6)])
def test_half_of_the_nodes_may_sleep_and_two_in_small_clusters(nodes: int, room: int) -> None:
    snapshot = a_snapshot(*(in_state(f"n{index}", PowerState.AWAKE) for index in range(nodes)))
    assert asleep_room(snapshot) == room


def test_failed_nodes_take_the_room_of_sleeping_ones() -> None:
    nodes = [in_state(f"n{index}", PowerState.AWAKE) for index in range(8)]
    assert asleep_room(a_snapshot(*nodes, unmanaged_not_ready_nodes=3, total_nodes=11)) == 2
    assert asleep_room(a_snapshot(*nodes, unmanaged_not_ready_nodes=9, total_nodes=17)) == 0


def test_the_policys_own_limits_count_too() -> None:
    nodes = [in_state(f"n{index}", PowerState.AWAKE) for index in range(8)]
    few = a_policy(budgets=Budgets(maximum_asleep_nodes=1))
    many_awake = a_policy(budgets=Budgets(minimum_awake_nodes=6))
    assert asleep_room(a_snapshot(*nodes, policy=few)) == 1
    assert asleep_room(a_snapshot(*nodes, policy=many_awake)) == 2


@pytest.mark.parametrize("sleepers", range(7))
def test_whoever_sleeps_already_is_among_those_who_may(sleepers: int) -> None:
    states = [PowerState.ASLEEP if index < sleepers else PowerState.AWAKE for index in range(12)]
    nodes = [in_state(f"n{index}", state, ready=state is PowerState.AWAKE) for index, state in enumerate(states)]
    assert asleep_room(a_snapshot(*nodes, policy=a_policy(budgets=Budgets(minimum_awake_nodes=8)))) == 4


def half_asleep(*broken: str, **snapshot: Any) -> Snapshot:
    """Twelve nodes: s0 to s5 sleep, w0 to w5 are awake, less those that broke."""
    sleepers = [in_state(f"s{index}", PowerState.ASLEEP, ready=False) for index in range(6)]
    workers = [in_state(f"w{index}", PowerState.AWAKE, ready=f"w{index}" not in broken) for index in range(6)]
    return a_snapshot(*sleepers, *workers, **snapshot)


def must_wake(snapshot: Snapshot) -> list[str]:
    nodes = [node for node in snapshot.nodes if node.record.power_state is PowerState.ASLEEP]
    return [node.name for node in nodes if excess_sleepers(Case(node=node, snapshot=snapshot, now=NOW)) is not None]


@pytest.mark.parametrize("broken", [(), ("w0",), ("w0", "w3"), ("w0", "w1", "w2", "w3", "w4", "w5")])
def test_for_every_node_that_breaks_one_sleeper_has_to_wake(broken: tuple[str, ...]) -> None:
    assert must_wake(half_asleep(*broken)) == [f"s{index}" for index in range(len(broken))]


def test_a_lowered_limit_wakes_as_many_as_are_too_many() -> None:
    assert must_wake(half_asleep(policy=a_policy(budgets=Budgets(maximum_asleep_nodes=4)))) == ["s0", "s1"]


def test_whoever_people_hold_asleep_wakes_last() -> None:
    held = PowerOverride(power=OverridePower.ASLEEP, until=NOW + timedelta(hours=1), reason="new disk")
    snapshot = half_asleep("w0")
    nodes = tuple(
        replace(node, spec=replace(node.spec, override=held)) if node.name == "s0" else node for node in snapshot.nodes
    )
    assert must_wake(replace(snapshot, nodes=nodes)) == ["s1"]


def test_in_one_pass_no_more_are_woken_than_have_to_be_and_in_the_next_nobody() -> None:
    snapshot = half_asleep("w0", "w1", policy=a_policy(budgets=Budgets(wake_interval_seconds=0)))
    wishes = {node.name: node.record.power_state is not PowerState.ASLEEP for node in snapshot.nodes}
    off = dict.fromkeys(wishes, relay(False))
    steps = advance(snapshot, wishes, off, NOW, fencing_token=1)
    woken = {step.node: step.record for step in steps if step.record.power_state is PowerState.WAKE_REQUESTED}
    assert sorted(woken) == ["s0", "s1"]
    nodes = tuple(replace(node, record=woken.get(node.name, node.record)) for node in snapshot.nodes)
    assert must_wake(replace(snapshot, nodes=nodes)) == []
