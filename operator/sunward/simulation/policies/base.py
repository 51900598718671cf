"""What every policy is given and must give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sunward.domain.plans import Plan
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.future import Outlook
from sunward.simulation.scenario import Scenario
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import Task, Work
from sunward.simulation.world import NodeState, Power


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the operator sees when it plans: its snapshot, its forecasts and the plan in force."""

    snapshot: Snapshot
    forecasts: Forecasts
    previous: Plan | None


NOTHING_YET = Outlook(harvest_watt_hours={}, intensity={})
"""What was observed before the first period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The start of a period as a policy sees it: beliefs from now on, and what was `observed` in the periods before.

    `observation` is there for policies that run the operator.
    """

    scenario: Scenario
    period: int
    outlook: Outlook
    states: Mapping[str, NodeState]
    tasks: Sequence[Task]
    observed: Outlook = NOTHING_YET
    observation: Observation | None = None

    @property
    def hours(self) -> float:
        """Length of a period."""
        return self.scenario.period_hours

    @property
    def count(self) -> int:
        """Periods that are forecast."""
        return len(next(iter(self.outlook.intensity.values())))

    def intensity(self, node: str, ahead: int = 0) -> float:
        """Forecast intensity at a node, grams per kilowatt-hour."""
        return float(self.outlook.intensity[self.scenario.nodes[node].zone][ahead])

    def harvest(self, node: str) -> tuple[float, ...]:
        """Forecast harvest of a node, watt-hours per period."""
        values = self.outlook.harvest_watt_hours.get(node)
        return (0.0,) * self.count if values is None else tuple(float(value) for value in values)

    def sleeps(self, node: str) -> bool:
        """Whether a node sleeps when the period begins."""
        return self.states[node].power is Power.ASLEEP

    def boot_hours(self, node: str) -> float:
        """Hours until a node can work that is switched on now: a whole boot, what is left of one, or none."""
        state = self.states[node]
        if state.power is Power.ASLEEP:
            return self.scenario.profiles[self.scenario.nodes[node].profile].boot_seconds / SECONDS_PER_HOUR
        return state.boot_seconds_left / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to do in one period: work, hours awake, and whether energy is shared.

    A node that is not in `awake_hours` stays awake all period; one at 0 sleeps, unless it has work to do. A `plan` is
    the operator's own answer and replaces all of these: its sleep machinery and the rounds of its jobs carry it out.
    """

    work: tuple[Work, ...] = ()
    awake_hours: Mapping[str, float] = field(default_factory=dict)
    share_energy: bool = False
    fallback: bool = False
    plan: Plan | None = None


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

    @property
    def allowed(self) -> Allowed | None:
        """What the operator may do where the policy runs it; None for all that order by themselves."""

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """Orders for the period that begins, and for as many of the following as wanted and thought ahead.

        At least one; the simulator asks again when they are used up.
        """
