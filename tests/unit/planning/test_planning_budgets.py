"""Counting nodes: what Kubernetes takes for failed, and how much room that leaves for sleep."""

from __future__ import annotations

import pytest

from sunward.domain.nodes import NodeRecord, NodeView, PowerState
from sunward.domain.policy import Budgets
from sunward.planning.budgets import asleep_room, count, is_down
from support.planning import a_node, a_policy, a_snapshot, some_facts


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
