"""Ways to commit before the harvest is known, and what each emits once it is.

Everything known; work placed ahead and energy settled when the harvest is known; work and energy both promised ahead.
Where work is placed ahead, the belief about the harvest varies too: its true mean, the mean of a week's draws, or no
sun at all. The planner solves all of them. Knows nothing of claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.simulation.experiments.bench import Bench, Solver
from sunward.simulation.experiments.ensembles import CALIBRATED_HARVEST, Siting, ten_workers
from sunward.simulation.experiments.session import Mode, Session
from sunward.simulation.experiments.statistics import Estimate, points_gained, reduction_percent

BELIEFS: Final = ("settled after", "settled after, belief of a week", "settled after, no sun believed")
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Grams of every way to commit at one coefficient of variation of the harvest, one entry per seed."""

    variation: float
    grams: Mapping[str, tuple[float, ...]]

    @property
    def reductions(self) -> dict[str, Estimate]:
        """Reductions against none under the true harvest."""
        return {name: reduction_percent(self.grams["none"], self.grams[name]) for name in self.grams if name != "none"}

    def cost(self, name: str) -> Estimate:
        """Points of none's emissions that a way to commit loses against the oracle, on the same seeds."""
        return points_gained(self.grams["none"], self.grams[name], self.grams["oracle"])


def spread(variation: float, seeds: Sequence[int], bench: Bench, *, slack: float = 3.0) -> Spread:
    """Every way to commit at one coefficient of variation; all against none under the true harvest."""
    found = bench.each(_one_seed, [(variation, slack, seed) for seed in seeds])
    return Spread(variation=variation, grams={name: tuple(one[name] for one in found) for name in found[0]})


def _one_seed(solve: Solver, case: tuple[float, float, int]) -> dict[str, float]:
    """Grams under the true harvest for none and for each way to commit; a case is (variation, slack, seed)."""
    variation, slack, seed = case
    believed = ten_workers(Siting.FIVE, CALIBRATED_HARVEST, slack=slack)(seed)
    true = _realised(believed, variation, (seed, 77))
    plan_problem = believed.problem(Mode.DETA, slack)
    plan = solve(plan_problem)
    beliefs = {BELIEFS[1]: _week_of(believed, variation, seed), BELIEFS[2]: _without_sun(believed)}
    return {
        "none": true.emissions(Mode.NONE, solve).market_grams,
        "oracle": true.emissions(Mode.DETA, solve).market_grams,
        "settled after": _settled(true, node_loads(plan_problem, plan), solve),
        "committed ahead": _kept(plan_problem, plan, node_loads(plan_problem, plan), true),
        "DAT only": _alone(true, _planned_loads(believed, Mode.DAT, solve)),
        **{name: _settled(true, _planned_loads(one, Mode.DETA, solve), solve) for name, one in beliefs.items()},
    }


def _planned_loads(believed: Session, mode: Mode, solve: Solver) -> tuple[float, ...]:
    problem = believed.problem(mode, believed.slack)
    return node_loads(problem, solve(problem))


def _week_of(believed: Session, variation: float, seed: int) -> Session:
    """What a node knows that has seen seven other sessions: the mean of what it harvested in them."""
    seen = [_realised(believed, variation, (seed, 78, day)).harvest_ratios for day in range(_WEEK)]
    return replace(believed, harvest_ratios=tuple(float(np.mean(own)) for own in zip(*seen, strict=True)))


def _without_sun(believed: Session) -> Session:
    return replace(believed, harvest_ratios=(0.0,) * len(believed.harvest_ratios))


def node_loads(problem: Problem, solution: Solution) -> tuple[float, ...]:
    """Load of each node in a one-period solution, watt-hours: what its balance leaves."""
    efficiency = problem.energy_pools[0].efficiency
    sent = {row.node: row.watt_hours for row in solution.sends}
    drawn = {row.node: row.watt_hours for row in solution.draws}
    return tuple(
        max(
            0.0,
            row.grid_watt_hours[0]
            + row.harvest_used_watt_hours[0]
            + efficiency * drawn.get(row.name, 0.0)
            - sent.get(row.name, 0.0),
        )
        for row in solution.nodes
    )


def _realised(believed: Session, variation: float, stream: tuple[int, ...]) -> Session:
    """The same session with each harvest times a log-normal factor of mean one."""
    sigma = float(np.sqrt(np.log1p(variation**2)))
    generator = np.random.default_rng(stream)
    factors = np.exp(sigma * generator.standard_normal(len(believed.harvest_ratios)) - sigma**2 / 2)
    ratios = tuple(float(r * f) for r, f in zip(believed.harvest_ratios, factors, strict=True))
    return replace(believed, harvest_ratios=ratios)


def _settled(true: Session, loads: Sequence[float], solve: Callable[[Problem], Solution]) -> float:
    """Energy cleared after the fact: the planner's model with every load fixed."""
    problem = true.problem(Mode.DETA, 1.0)
    nodes = tuple(
        replace(node, idle_watts=load, can_sleep=False) for node, load in zip(problem.nodes, loads, strict=True)
    )
    policy = replace(problem.policy, offload_tasks=False, sleep=False)
    solution = solve(replace(problem, nodes=nodes, jobs=(), policy=policy))
    if solution.objective_grams is None:
        raise RuntimeError(f"settlement: {solution.status}")
    return solution.objective_grams


def _kept(problem: Problem, plan: Solution, loads: Sequence[float], true: Session) -> float:
    """Promised transfers are kept as far as the harvest allows; buyers share a shortfall alike."""
    promised = {row.node: row.watt_hours for row in plan.sends}
    harvest = dict(zip((node.name for node in problem.nodes), true.harvests, strict=True))
    sent = {name: min(amount, true.maximum_export_ratio * harvest[name]) for name, amount in promised.items()}
    total = sum(promised.values())
    share = sum(sent.values()) / total if total > 0.0 else 0.0
    drawn = {row.node: share * row.watt_hours for row in plan.draws}
    grams = 0.0
    for node, load, own in zip(problem.nodes, loads, true.harvests, strict=True):
        arrived = true.transfer_efficiency * drawn.get(node.name, 0.0)
        grid = max(0.0, load + sent.get(node.name, 0.0) - own - arrived)
        grams += grid * problem.intensity_grams_per_kilowatt_hour[node.grid_zone][0] / WATT_HOURS_PER_KILOWATT_HOUR
    return grams


def _alone(true: Session, loads: Sequence[float]) -> float:
    rows = zip(true.intensities, loads, true.harvests, strict=True)
    return sum(c / WATT_HOURS_PER_KILOWATT_HOUR * max(0.0, load - own) for c, load, own in rows)
