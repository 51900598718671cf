"""One training session on the paper's testbed as a planning problem, under every mode and trading rule.

The setting (single period, ten workers, one per region) is the paper's Fig. 5; what the paper leaves open is
a named parameter here, with the value that its numbers imply (`docs/` tells which). The planner solves it;
nothing is optimised in this module except the length of the session.

A worker's own session takes an hour: it exchanges models for a tenth of it, which cannot be moved, and trains
for the rest. Whatever is moved to a worker prolongs its session, at most to `slack` hours. Nobody is billed
for waiting after the last worker is done, so the length of the session is itself chosen: where waiting costs
nothing (asleep at 0 W) it is `slack`, else it is found by golden section (the optimum is convex in it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.problem.instance import (
    EnergyPool,
    ExportRule,
    Job,
    Network,
    Node,
    Policy,
    PoolKind,
    Problem,
)
from sunward.optimisation.problem.solution import EnergyRow, Solution
from sunward.simulation.experiments.bench import Solver

_BATCHES = 50.0
"""A worker's session in the planner's unit of work; batches may be split, so the number only sets the scale."""
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_LENGTH_TOLERANCE_HOURS = 2e-3
"""Seven seconds of a session of one hour or more."""


class Mode(StrEnum):
    """The paper's four policies."""

    NONE = "none"
    DET = "DET"
    DAT = "DAT"
    DETA = "DETA"


class Trading(StrEnum):
    """Who may sell, and over what."""

    ANY_HARVEST = "any harvest"
    SURPLUS_ONLY = "surplus only"
    CO_LOCATED = "co-located"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The testbed of one seed.

    `intensities` (g/kWh) and `harvest_ratios` (harvest over a worker's own demand) are (workers,), in the same order.
    `slack` is the longest session in hours, `data_energy_ratio` the energy of moving all data of a worker over its own
    demand; other ratios, shares and efficiencies lie between 0 and 1.
    """

    intensities: tuple[float, ...]
    harvest_ratios: tuple[float, ...]
    trading: Trading = Trading.ANY_HARVEST
    slack: float = 3.0
    maximum_offload_ratio: float = 0.5
    maximum_export_ratio: float = 0.5
    transfer_efficiency: float = 0.95
    idle_watts: float = 2.7
    busy_watts: float = 6.4
    asleep_watts: float = 0.0
    sleeps: bool = True
    training_share: float = 0.9
    data_energy_ratio: float = 0.0

    @property
    def dynamic_watt_hours(self) -> float:
        """Energy of a worker's own training above idle, in a session of one hour."""
        return (self.busy_watts - self.idle_watts) * self.training_share

    @property
    def demand_watt_hours(self) -> float:
        """Energy of a worker's own session of one hour."""
        return self.idle_watts + self.dynamic_watt_hours

    @property
    def harvests(self) -> tuple[float, ...]:
        """Harvest of each worker over the session, watt-hours."""
        return tuple(ratio * self.demand_watt_hours for ratio in self.harvest_ratios)

    def emissions(self, mode: Mode, solve: Solver) -> Emissions:
        """The least emissions the mode allows, with the planner's own solver.

        Raises RuntimeError when the solver gave no optimum.
        """
        if mode in (Mode.NONE, Mode.DET):
            return self._solved(mode, 1.0, solve)
        if self.sleeps and self.asleep_watts == 0.0:
            return self._solved(mode, self.slack, solve)
        return _shortest_best(lambda hours: self._solved(mode, hours, solve), 1.0, self.slack)

    def problem(self, mode: Mode, hours: float) -> Problem:
        """The session as a planning problem of one period of this length."""
        names = tuple(f"worker-{k + 1:02d}" for k in range(len(self.intensities)))
        zones = {f"zone-{k + 1:02d}": (grams,) for k, grams in enumerate(self.intensities)}
        places = zip(names, zones, self.harvests, strict=True)
        return Problem(
            period_seconds=hours * SECONDS_PER_HOUR,
            intensity_grams_per_kilowatt_hour=zones,
            harvest_intensity_grams_per_kilowatt_hour=0.0,
            nodes=tuple(self._node(*place) for place in places),
            energy_pools=(self._pool(names),),
            jobs=(self._training(names), self._exchange(names)),
            network=self._network(),
            policy=self._policy(mode),
        )

    def _solved(self, mode: Mode, hours: float, solve: Solver) -> Emissions:
        problem = self.problem(mode, hours)
        solution = solve(problem)
        if solution.objective_grams is None or solution.status not in ("optimal", "feasible"):
            raise RuntimeError(f"{mode}: {solution.status} from {solution.found_by}")
        return Emissions(
            market_grams=solution.objective_grams, location_grams=_location(problem, solution), hours=hours
        )

    def _node(self, name: str, zone: str, harvest: float) -> Node:
        return Node(
            name=name,
            grid_zone=zone,
            idle_watts=self.idle_watts,
            asleep_watts=self.asleep_watts,
            can_sleep=True,
            initially_awake=True,
            wake_watt_hours=0.0,
            wake_seconds=0.0,
            minimum_awake_periods=1,
            minimum_asleep_periods=1,
            harvest_watt_hours=(harvest,),
            maximum_export_ratio=self.maximum_export_ratio,
            storage_gigabytes=1e6,
            embodied_grams_per_hour=0.0,
            battery=None,
        )

    def _pool(self, names: tuple[str, ...]) -> EnergyPool:
        kind = PoolKind.PHYSICAL if self.trading is Trading.CO_LOCATED else PoolKind.CONTRACTUAL
        return EnergyPool(name="all", kind=kind, members=names, efficiency=self.transfer_efficiency)

    def _training(self, names: tuple[str, ...]) -> Job:
        return Job(
            name="training",
            release_period=1,
            deadline_period=1,
            synchronous=False,
            batches=dict.fromkeys(names, _BATCHES),
            watt_hours_per_batch=dict.fromkeys(names, self.dynamic_watt_hours / _BATCHES),
            seconds_per_batch=dict.fromkeys(names, SECONDS_PER_HOUR * self.training_share / _BATCHES),
            gigabytes_per_batch=1.0 / _BATCHES,
            maximum_offload_ratio=self.maximum_offload_ratio,
            movable_to=None,
            minimum_workers=0,
            minimum_batches_per_worker=0.0,
        )

    def _exchange(self, names: tuple[str, ...]) -> Job:
        """Time awake for the exchange of models: no energy above idle, and no other node can do it."""
        return replace(
            self._training(names),
            name="exchange",
            batches=dict.fromkeys(names, 1.0),
            watt_hours_per_batch=dict.fromkeys(names, 0.0),
            seconds_per_batch=dict.fromkeys(names, SECONDS_PER_HOUR * (1.0 - self.training_share)),
            gigabytes_per_batch=0.0,
            maximum_offload_ratio=0.0,
        )

    def _network(self) -> Network:
        per_gigabyte = self.data_energy_ratio * self.demand_watt_hours
        return Network(
            send_watt_hours_per_gigabyte=per_gigabyte,
            receive_watt_hours_per_gigabyte=per_gigabyte,
            seconds_per_gigabyte=0.0,
            transit_watt_hours_per_gigabyte=0.0,
            transit_intensity_grams_per_kilowatt_hour=0.0,
        )

    def _policy(self, mode: Mode) -> Policy:
        surplus = self.trading is Trading.SURPLUS_ONLY
        return Policy(
            share_energy=mode in (Mode.DET, Mode.DETA),
            offload_tasks=mode in (Mode.DAT, Mode.DETA),
            sleep=self.sleeps and mode in (Mode.DAT, Mode.DETA),
            shift_in_time=True,
            partial_period_sleep=True,
            export_rule=ExportRule.SURPLUS_ONLY if surplus else ExportRule.ANY_HARVEST,
            maximum_asleep_nodes=None,
            include_embodied=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Emissions:
    """Grams of one session: with transfers (market-based) and as if none had been settled (location-based)."""

    market_grams: float
    location_grams: float
    hours: float


def _location(problem: Problem, solution: Solution) -> float:
    """Grams when every node may count only its own harvest; physical transfers keep their effect."""
    if problem.energy_pools[0].kind is PoolKind.PHYSICAL:
        return solution.objective_grams or 0.0
    sent = _by_node(solution.sends)
    drawn = _by_node(solution.draws)
    efficiency = problem.energy_pools[0].efficiency
    grams = 0.0
    for node, row in zip(problem.nodes, solution.nodes, strict=True):
        load = row.grid_watt_hours[0] + row.harvest_used_watt_hours[0]
        load += efficiency * drawn.get(node.name, 0.0) - sent.get(node.name, 0.0)
        intensity = problem.intensity_grams_per_kilowatt_hour[node.grid_zone][0]
        grams += intensity / WATT_HOURS_PER_KILOWATT_HOUR * max(0.0, load - node.harvest_watt_hours[0])
    return grams


def _by_node(rows: tuple[EnergyRow, ...]) -> dict[str, float]:
    total: dict[str, float] = {}
    for row in rows:
        total[row.node] = total.get(row.node, 0.0) + row.watt_hours
    return total


def _shortest_best(value: Callable[[float], Emissions], low: float, high: float) -> Emissions:
    """Golden section (Kiefer 1953) for the least market grams of a function convex in the session's length.

    Both ends are candidates too: where waiting only costs, the best length is the shortest.
    """
    ends = [value(low), value(high)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    while high - low > _LENGTH_TOLERANCE_HOURS:
        if at_left.market_grams <= at_right.market_grams:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
    return min([*ends, at_left, at_right], key=lambda found: found.market_grams)
