"""A finished period in the product's own words: settled by the planner's settlement, booked by the ledger.

Nothing is cleared or accounted here; this module only says in the domain's values what the physics did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from sunward.accounting.ledger import PeriodLedger, Transit, close
from sunward.accounting.values import Period, ZoneFactor
from sunward.domain.energy import MeteredNode, NodePeriod, PoolFlow
from sunward.domain.nodes import NodeSpec
from sunward.domain.policy import PolicySpec
from sunward.planning.settle import Settlement, clear
from sunward.simulation import snapshots
from sunward.simulation.machine import Ran
from sunward.simulation.scenario import BASIS, Scenario
from sunward.simulation.solving import Solve, SolverFunction

_NOTHING_WATT_HOURS = 1e-9


class SimulatedSettler:
    """Settles and books the periods of one scenario."""

    def __init__(self, scenario: Scenario, solve: Solve) -> None:
        """Describe nodes and pools once; `solve` is the planner's solver."""
        self._scenario = scenario
        self._solver = SolverFunction(solve)
        self._specs = snapshots.node_specs(scenario)
        self._policy = PolicySpec(pools=snapshots.pool_specs(scenario))

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
        rows = {name: self._alone(name, done) for name, done in ran.items()}
        flows: tuple[PoolFlow, ...] = ()
        if share and self._policy.pools and _worth_clearing(ran):
            metered = {name: done for name, done in ran.items() if name not in unmetered}
            settled = self._cleared(metered, intensity)
            rows |= {row.node: _shared(rows[row.node], row) for row in settled.nodes}
            flows = settled.flows
        return self._book(period, list(rows.values()), flows, intensity, transit_watt_hours)

    def _cleared(self, ran: Mapping[str, Ran], intensity: Mapping[str, float]) -> Settlement:
        metered = [
            MeteredNode(
                spec=self._specs[name],
                load_watt_hours=done.flows.load,
                harvest_watt_hours=done.flows.harvest,
                stored_change_watt_hours=_stored_change(self._specs[name], done),
            )
            for name, done in ran.items()
        ]
        length = timedelta(seconds=self._scenario.period_seconds)
        return clear(metered, length, intensity, self._policy, self._solver)

    def _alone(self, name: str, done: Ran) -> NodePeriod:
        """A node that neither gave nor took: exactly what the physics balanced."""
        spec, flows = self._specs[name], done.flows
        return NodePeriod(
            node=name,
            grid_zone=spec.grid_zone,
            load_watt_hours=flows.load,
            harvest_watt_hours=flows.harvest,
            harvest_drawn_watt_hours=flows.harvest - flows.curtailed,
            grid_watt_hours=flows.grid,
            charge_watt_hours=flows.charged,
            discharge_watt_hours=flows.discharged,
            stored_change_watt_hours=_stored_change(spec, done),
            charge_efficiency=spec.battery.charge_efficiency if spec.battery else 1.0,
            discharge_efficiency=spec.battery.discharge_efficiency if spec.battery else 1.0,
            reserved_hours=done.awake_hours,
            embodied_grams_per_hour=spec.embodied_grams_per_hour,
        )

    def _book(
        self,
        period: int,
        rows: list[NodePeriod],
        flows: tuple[PoolFlow, ...],
        intensity: Mapping[str, float],
        transit_watt_hours: float,
    ) -> PeriodLedger:
        start = self._scenario.start + timedelta(seconds=period * self._scenario.period_seconds)
        network = self._scenario.network
        return close(
            Period(start=start, end=start + timedelta(seconds=self._scenario.period_seconds)),
            rows,
            flows,
            [ZoneFactor(grid_zone=z, grams_per_kilowatt_hour=g, basis=BASIS) for z, g in intensity.items()],
            transit=Transit(
                watt_hours=transit_watt_hours,
                grams_per_kilowatt_hour=network.transit_intensity_grams_per_kilowatt_hour,
            ),
        )


def _worth_clearing(ran: Mapping[str, Ran]) -> bool:
    """Whether there is harvest to give and grid energy to replace."""
    harvest = sum(done.flows.harvest - done.flows.charged for done in ran.values())
    return harvest > _NOTHING_WATT_HOURS and sum(done.flows.grid for done in ran.values()) > _NOTHING_WATT_HOURS


def _shared(alone: NodePeriod, settled: NodePeriod) -> NodePeriod:
    """What the physics balanced, with the harvest and the grid energy as the clearing left them."""
    drawn = min(settled.harvest_drawn_watt_hours, alone.harvest_watt_hours)
    return replace(alone, grid_watt_hours=settled.grid_watt_hours, harvest_drawn_watt_hours=drawn)


def _stored_change(spec: NodeSpec, done: Ran) -> float:
    battery = spec.battery
    if battery is None:
        return 0.0
    return battery.charge_efficiency * done.flows.charged - done.flows.discharged / battery.discharge_efficiency
