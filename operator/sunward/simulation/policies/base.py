"""What every policy is given and must give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sunward.optimisation.problem import Problem
from sunward.simulation.scenario import Scenario
from sunward.simulation.tasks import Task, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The start of a period as a policy sees it; `problem` holds the forecasts and allows everything."""

    scenario: Scenario
    period: int
    problem: Problem
    tasks: Sequence[Task]

    @property
    def hours(self) -> float:
        """Length of a period."""
        return self.scenario.period_hours

    def intensity(self, node: str, ahead: int = 0) -> float:
        """Forecast intensity at a node, grams per kilowatt-hour."""
        return self.problem.intensity_grams_per_kilowatt_hour[self.scenario.nodes[node].zone][ahead]

    def harvest(self, node: str) -> tuple[float, ...]:
        """Forecast harvest of a node, watt-hours per period."""
        return next(n.harvest_watt_hours for n in self.problem.nodes if n.name == node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to do in one period: work, hours awake, and whether energy is shared.

    A node that is not in `awake_hours` stays awake all period; one at 0 sleeps, unless it has work to do.
    """

    work: tuple[Work, ...] = ()
    awake_hours: Mapping[str, float] = field(default_factory=dict)
    share_energy: bool = False
    fallback: bool = False


class Policy(Protocol):
    """A way to run the cluster."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def source(self) -> str:
        """Where the rule was described."""

    @property
    def oracle(self) -> bool:
        """Whether its forecasts are the truth."""

    @property
    def unbounded(self) -> bool:
        """Whether it ignores that data may not move (only the trivial baseline does)."""

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """Orders for the period that begins, and for as many of the following as wanted and thought ahead.

        At least one; the simulator asks again when they are used up.
        """
