"""A finished period in the product's own words: settled by the planner's settlement, booked by the ledger.

Nothing is cleared or accounted here; this module only says in the domain's values what the physics did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from sunward.accounting.ledger import PeriodLedger, Transit, close
from sunward.accounting.measures import embodied_grams_per_hour
from sunward.accounting.values import Basis, FactorScope, NodePeriod, Period, PoolFlow, ZoneFactor
from sunward.domain.policy import PolicySpec, PoolKind
from sunward.planning.settle import MeteredNode, SettledFlow, clear
from sunward.simulation import picture
from sunward.simulation.machine import Ran
from sunward.simulation.scenario import Scenario
from sunward.simulation.solving import Solve, SolverFunction

_NOTHING_WATT_HOURS = 1e-9


class Settler:
    """Settles and books the periods of one scenario."""

    def __init__(self, scenario: Scenario, solve: Solve) -> None:
        """Describe nodes and pools once; `solve` is the planner's solver."""
        self._scenario = scenario
        self._solver = SolverFunction(solve)
        self._specs = picture.node_specs(scenario)
        self._policy = PolicySpec(pools=picture.pool_specs(scenario))

    def settle(
        self,
        period: int,
        ran: Mapping[str, Ran],
        intensity: Mapping[str, float],
        *,
        share: bool,
        transit_watt_hours: float,
        unmetered: Collection[str] = (),
    ) -> PeriodLedger:
        """Clear transfers under the true harvest and the true loads, and close the books of the period.

        `unmetered` nodes take no part in the clearing; their energy is booked as it really was.
        """
        rows = [_alone(self._scenario, name, done) for name, done in ran.items()]
        flows: tuple[PoolFlow, ...] = ()
        if share and self._policy.pools and _worth_clearing(ran):
            metered = {name: done for name, done in ran.items() if name not in unmetered}
            cleared, flows = self._cleared(metered, intensity)
            settled = {row.node: row for row in cleared}
            rows = [settled.get(row.node, row) for row in rows]
        return self._book(period, rows, flows, intensity, transit_watt_hours)

    def _cleared(
        self, ran: Mapping[str, Ran], intensity: Mapping[str, float]
    ) -> tuple[list[NodePeriod], tuple[PoolFlow, ...]]:
        metered = [
            MeteredNode(
                spec=self._specs[name],
                load_watt_hours=done.flows.load,
                harvest_watt_hours=done.flows.harvest,
                stored_change_watt_hours=_stored_change(self._scenario, name, done),
            )
            for name, done in ran.items()
        ]
        length = timedelta(seconds=self._scenario.period_seconds)
        settled = clear(metered, length, intensity, self._policy, self._solver)
        rows = [
            _row(
                self._scenario,
                node.node,
                ran[node.node],
                grid=node.grid_watt_hours,
                drawn=min(node.harvest_drawn_watt_hours, ran[node.node].flows.harvest),
            )
            for node in settled.nodes
        ]
        return rows, tuple(_flow(flow) for flow in settled.flows)

    def _book(
        self,
        period: int,
        rows: list[NodePeriod],
        flows: tuple[PoolFlow, ...],
        intensity: Mapping[str, float],
        transit_watt_hours: float,
    ) -> PeriodLedger:
        start = self._scenario.start + timedelta(seconds=period * self._scenario.period_seconds)
        basis = Basis(scope=FactorScope.DIRECT)
        network = self._scenario.network
        return close(
            Period(start=start, end=start + timedelta(seconds=self._scenario.period_seconds)),
            rows,
            flows,
            [ZoneFactor(grid_zone=z, grams_per_kilowatt_hour=g, basis=basis) for z, g in intensity.items()],
            transit=Transit(
                watt_hours=transit_watt_hours,
                grams_per_kilowatt_hour=network.transit_intensity_grams_per_kilowatt_hour,
            ),
        )


def _worth_clearing(ran: Mapping[str, Ran]) -> bool:
    """Whether there is harvest to give and grid energy to replace."""
    harvest = sum(done.flows.harvest - done.flows.charged for done in ran.values())
    return harvest > _NOTHING_WATT_HOURS and sum(done.flows.grid for done in ran.values()) > _NOTHING_WATT_HOURS


def _alone(scenario: Scenario, name: str, done: Ran) -> NodePeriod:
    """A node that neither gave nor took: exactly what the physics balanced."""
    return _row(scenario, name, done, grid=done.flows.grid, drawn=done.flows.harvest - done.flows.curtailed)


def _row(scenario: Scenario, name: str, done: Ran, *, grid: float, drawn: float) -> NodePeriod:
    node, flows = scenario.nodes[name], done.flows
    battery, profile = node.battery, scenario.profiles[node.profile]
    return NodePeriod(
        node=name,
        grid_zone=node.zone,
        load_watt_hours=flows.load,
        harvest_watt_hours=flows.harvest,
        harvest_drawn_watt_hours=drawn,
        grid_watt_hours=grid,
        charge_watt_hours=flows.charged,
        discharge_watt_hours=flows.discharged,
        stored_change_watt_hours=_stored_change(scenario, name, done),
        charge_efficiency=1.0 if battery is None else battery.charge_efficiency,
        discharge_efficiency=1.0 if battery is None else battery.discharge_efficiency,
        reserved_hours=done.awake_hours,
        embodied_grams_per_hour=embodied_grams_per_hour(profile.embodied_grams, profile.embodied_lifetime_days),
    )


def _stored_change(scenario: Scenario, name: str, done: Ran) -> float:
    battery = scenario.nodes[name].battery
    if battery is None:
        return 0.0
    return battery.charge_efficiency * done.flows.charged - done.flows.discharged / battery.discharge_efficiency


def _flow(flow: SettledFlow) -> PoolFlow:
    return PoolFlow(
        pool=flow.pool,
        kind=PoolKind.PHYSICAL if flow.physical else PoolKind.CONTRACTUAL,
        node=flow.node,
        sent_watt_hours=flow.sent_watt_hours,
        drawn_watt_hours=flow.drawn_watt_hours,
        efficiency=flow.efficiency,
    )
