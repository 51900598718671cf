"""Clearing a finished period: small cases whose books can be done by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sunward.domain.energy import MeteredNode, NodePeriod
from sunward.domain.nodes import BatterySpec, NodeSpec
from sunward.domain.plans import SolverName
from sunward.domain.policy import PolicySpec, PoolKind, PoolSpec
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.planning.settle import Settlement, clear
from support.planning import InProcessSolver, a_node, a_policy

HOUR = timedelta(hours=1)
WIRE = PoolSpec(name="wire", kind=PoolKind.PHYSICAL, efficiency=0.9)
PAPER = PoolSpec(name="paper", kind=PoolKind.CONTRACTUAL, efficiency=1.0)
ZONES = {"CLEAN": 24.0, "DIRTY": 610.0}


def spec(name: str, **changes: object) -> NodeSpec:
    return replace(a_node(name).spec, maximum_export_ratio=1.0, **changes)  # type: ignore[arg-type]  # test keywords


def settled(*metered: MeteredNode, policy: PolicySpec) -> Settlement:
    return clear(metered, HOUR, ZONES, policy, InProcessSolver())


def balance(row: NodePeriod, settlement: Settlement) -> float:
    flows = [flow for flow in settlement.flows if flow.node == row.node]
    received = sum(flow.efficiency * flow.drawn_watt_hours for flow in flows)
    sent = sum(flow.sent_watt_hours for flow in flows)
    sources = row.grid_watt_hours + row.harvest_drawn_watt_hours + row.discharge_watt_hours + received
    return sources - row.load_watt_hours - row.charge_watt_hours - sent


def test_a_surplus_goes_to_the_neighbour_and_the_books_close() -> None:
    result = settled(
        MeteredNode(spec=spec("sun"), load_watt_hours=2.0, harvest_watt_hours=5.0),
        MeteredNode(spec=spec("shade", grid_zone="DIRTY"), load_watt_hours=1.8),
        policy=a_policy(pools=(WIRE,)),
    )
    (transfer,) = result.transfers
    assert (transfer.from_node, transfer.to_node, transfer.kind) == ("sun", "shade", PoolKind.PHYSICAL)
    assert transfer.received_watt_hours == pytest.approx(1.8)
    assert transfer.sent_watt_hours == pytest.approx(2.0)
    assert all(balance(row, result) == pytest.approx(0.0, abs=1e-6) for row in result.nodes)
    by_name = {row.node: row for row in result.nodes}
    assert by_name["sun"].harvest_drawn_watt_hours == pytest.approx(4.0)
    assert by_name["shade"].grid_watt_hours == pytest.approx(0.0, abs=1e-6)


def test_a_contract_is_marked_as_such() -> None:
    result = settled(
        MeteredNode(spec=spec("sun"), load_watt_hours=2.0, harvest_watt_hours=3.0),
        MeteredNode(spec=spec("shade", grid_zone="DIRTY"), load_watt_hours=2.0),
        policy=a_policy(pools=(PAPER,)),
    )
    assert [transfer.kind for transfer in result.transfers] == [PoolKind.CONTRACTUAL]
    assert {flow.kind for flow in result.flows} == {PoolKind.CONTRACTUAL}


def test_nodes_with_enough_of_their_own_trade_nothing() -> None:
    result = settled(
        MeteredNode(spec=spec("one"), load_watt_hours=2.0, harvest_watt_hours=3.0),
        MeteredNode(spec=spec("two", grid_zone="DIRTY"), load_watt_hours=2.0, harvest_watt_hours=3.0),
        policy=a_policy(pools=(WIRE,)),
    )
    assert result.transfers == ()
    assert [row.grid_watt_hours for row in result.nodes] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_nothing_is_shared_when_the_policy_says_so() -> None:
    result = settled(
        MeteredNode(spec=spec("sun"), load_watt_hours=2.0, harvest_watt_hours=5.0),
        MeteredNode(spec=spec("shade", grid_zone="DIRTY"), load_watt_hours=1.8),
        policy=a_policy(pools=(WIRE,), share_energy=False),
    )
    assert result.transfers == ()


def test_the_change_of_a_battery_is_load_or_supply() -> None:
    battery = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=9.0, maximum_discharge_watts=9.0)
    result = settled(
        MeteredNode(
            spec=spec("charges", battery=battery),
            load_watt_hours=2.0,
            harvest_watt_hours=5.0,
            stored_change_watt_hours=1.9,
        ),
        MeteredNode(spec=spec("gives", battery=battery), load_watt_hours=2.0, stored_change_watt_hours=-1.0),
        policy=a_policy(),
    )
    charges, gives = result.nodes
    assert charges.charge_watt_hours == pytest.approx(2.0)
    assert charges.harvest_drawn_watt_hours == pytest.approx(4.0)
    assert gives.discharge_watt_hours == pytest.approx(0.95)
    assert gives.grid_watt_hours == pytest.approx(1.05)
    assert all(balance(row, result) == pytest.approx(0.0, abs=1e-6) for row in result.nodes)


def test_a_settled_node_carries_what_its_books_need() -> None:
    battery = BatterySpec(
        capacity_watt_hours=20.0,
        charge_efficiency=0.9,
        discharge_efficiency=0.8,
        maximum_charge_watts=9.0,
        maximum_discharge_watts=9.0,
    )
    own = spec("pi-01", battery=battery, grid_zone="DIRTY", embodied_grams=24_000.0, embodied_lifetime_days=1000.0)
    (row,) = settled(MeteredNode(spec=own, load_watt_hours=2.0), policy=a_policy()).nodes
    assert (row.node, row.grid_zone, row.reserved_hours) == ("pi-01", "DIRTY", 1.0)
    assert (row.charge_efficiency, row.discharge_efficiency) == (0.9, 0.8)
    assert row.embodied_grams_per_hour == pytest.approx(1.0)


def test_a_node_that_was_off_has_a_row_of_nothing() -> None:
    result = settled(MeteredNode(spec=spec("off"), load_watt_hours=0.0), policy=a_policy(pools=(WIRE,)))
    assert result.nodes[0].grid_watt_hours == 0.0


def test_without_meters_there_is_nothing_to_settle() -> None:
    assert settled(policy=a_policy()) == Settlement(transfers=(), nodes=(), flows=())


class NoAnswer:
    """A solver that finds nothing."""

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        return Solution.infeasible((), solver=SolverName.EXACT, seconds=0.0)


def test_without_an_answer_everybody_keeps_their_own() -> None:
    node = MeteredNode(spec=spec("sun"), load_watt_hours=2.0, harvest_watt_hours=1.5)
    result = clear([node], HOUR, ZONES, a_policy(), NoAnswer())
    assert result.nodes[0].harvest_drawn_watt_hours == pytest.approx(1.5)
    assert result.nodes[0].grid_watt_hours == pytest.approx(0.5)
