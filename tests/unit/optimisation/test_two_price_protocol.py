"""The protocol over a lossy network: bounds stay true whatever is lost, and silence ends in self-sufficiency."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sunward.optimisation.decomposition.columnar import Columns, Floats
from sunward.optimisation.decomposition.columnar_convert import to_columns
from sunward.optimisation.decomposition.columns import solve_columns
from sunward.optimisation.decomposition.coordinator import OracleResponse, PriceCoordinator, Scales
from sunward.optimisation.decomposition.fleet import stand_alone
from sunward.optimisation.decomposition.protocol import PATIENCE, Collector, round_trip
from sunward.optimisation.decomposition.reply import Offer, group_sums
from sunward.optimisation.decomposition.rows import Group, groups
from support.optimisation.two_price import fleet


def community(nodes: int = 12) -> Columns:
    """Nodes of one pool that can all do their own work and gain by trading."""
    columns = to_columns(fleet(3, nodes=nodes, pools=1))
    draw = np.random.default_rng(3)
    return replace(
        columns,
        settings=replace(
            columns.settings,
            share_energy=True,
            offload_tasks=True,
            maximum_offload_ratio=0.5,
            harvest_intensity_grams_per_kilowatt_hour=0.0,
        ),
        batches=draw.uniform(50, 100, nodes).round(),
        watt_hours_per_batch=np.full(nodes, 0.002),
        seconds_per_batch=np.full(nodes, 0.5),
        intensity_grams_per_kilowatt_hour=draw.choice([24.0, 300.0, 700.0], nodes),
        harvest_watt_hours=draw.uniform(0, 0.4, nodes).round(2),
        can_work=np.ones(nodes, np.bool_),
        can_receive=np.ones(nodes, np.bool_),
        pool=np.zeros(nodes, np.int32),
        pool_efficiency=np.array([0.9]),
    )


@dataclass(frozen=True)
class Remote:
    """A node that answers prices for itself; nothing but the answer leaves it."""

    group: Group

    def reply(self, prices: Floats) -> OracleResponse:
        sums = group_sums(self.group, Offer(energy=prices[0], task=prices[1], asleep=0.0), 0.0)
        supply = np.array([sums.energy, sums.tasks])
        return OracleResponse(grams=sums.grams + float(prices @ supply), supply=supply)

    def opening(self) -> OracleResponse:
        return replace(self, group=stand_alone(self.group)).reply(np.zeros(2))


def remotes() -> dict[str, Remote]:
    return {
        f"pi-{node}": Remote(replace(group, nodes=group.nodes[[at]], rows=group.rows.take(np.array([at], np.int32))))
        for group in groups(community())
        for at, node in enumerate(group.nodes.tolist())
    }


def exchange(losses: Mapping[int, set[str]], rounds: int = 40) -> tuple[PriceCoordinator, Collector]:
    nodes, collector = remotes(), Collector()
    collector.join({name: node.opening() for name, node in nodes.items()})
    opening = collector.opening()
    scales = Scales(grams=opening.grams, prices=np.array([0.7, 0.01]))
    coordinator = PriceCoordinator(groups=1, least=np.zeros(2), scales=scales)
    coordinator.add([opening])
    for step in range(rounds):
        prices = coordinator.prices()
        lost = losses.get(step, set())
        replies = {name: None if name in lost else node.reply(prices) for name, node in nodes.items()}
        round_trip(coordinator, collector, prices, replies)
    return coordinator, collector


@pytest.fixture(scope="module")
def undisturbed() -> PriceCoordinator:
    coordinator, _ = exchange({})
    assert coordinator.bounds.relative_gap < 1e-7
    return coordinator


def test_bounds_only_ever_tighten(undisturbed: PriceCoordinator) -> None:
    lowers = [bounds.lower for bounds in undisturbed.history]
    uppers = [bounds.upper for bounds in undisturbed.history]
    assert lowers == sorted(lowers)
    assert uppers == sorted(uppers, reverse=True)


def test_a_lost_reply_voids_one_rounds_bound_and_nothing_else(undisturbed: PriceCoordinator) -> None:
    disturbed, collector = exchange({2: {"pi-3"}, 5: {"pi-1", "pi-7"}})
    assert disturbed.history[2].lower == disturbed.history[1].lower
    assert not any(member.alone for member in collector.members.values())
    assert disturbed.bounds.relative_gap < 1e-7
    assert disturbed.bounds.upper == pytest.approx(undisturbed.bounds.upper, rel=1e-6)


def test_a_silent_node_is_planned_as_self_sufficient(undisturbed: PriceCoordinator) -> None:
    silent = {step: {"pi-3"} for step in range(4, 4 + PATIENCE)}
    alone, collector = exchange(silent)
    assert [name for name, member in collector.members.items() if member.alone] == ["pi-3"]
    assert alone.bounds.relative_gap < 1e-7
    assert alone.bounds.lower >= undisturbed.bounds.lower * (1 - 1e-9)
    assert alone.bounds.upper >= undisturbed.bounds.upper * (1 - 1e-7)


def test_every_bound_on_the_way_holds_the_optimum(undisturbed: PriceCoordinator) -> None:
    disturbed, _ = exchange({step: {f"pi-{step % 12}"} for step in range(0, 30, 2)}, rounds=60)
    optimum = undisturbed.bounds.upper
    for bounds in disturbed.history:
        assert bounds.lower <= optimum * (1 + 1e-9)
        assert bounds.upper >= optimum * (1 - 1e-7)


def test_an_opening_plan_that_trades_is_refused() -> None:
    trading = OracleResponse(grams=1.0, supply=np.array([0.0, 3.0]))
    with pytest.raises(ValueError, match="must not trade"):
        Collector().join({"pi-1": trading})


def test_nodes_apart_reach_what_the_fleet_reaches_in_one_process(undisturbed: PriceCoordinator) -> None:
    plan = solve_columns(community()).plan
    assert plan is not None
    assert undisturbed.bounds.upper == pytest.approx(plan.objective_grams, rel=1e-6)
    assert undisturbed.bounds.upper < sum(node.opening().grams for node in remotes().values())
