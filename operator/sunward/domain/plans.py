"""What was decided, why, what it should save; and afterwards what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment
from sunward.domain.policy import PoolKind


class DecisionKind(StrEnum):
    """Kinds of decision, also the `action` label of the metric."""

    SLEEP = "Sleep"
    WAKE = "Wake"
    KEEP_AWAKE = "KeepAwake"
    KEEP_ASLEEP = "KeepAsleep"
    ASSIGN = "Assign"
    PAUSE = "Pause"
    TRANSFER = "Transfer"
    HOLD = "Hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing decided about one subject (a node, a job or a pool), and why."""

    kind: DecisionKind
    subject: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Energy that moves through a pool in one period: `received_watt_hours` is after losses."""

    pool: str
    from_node: str
    to_node: str
    sent_watt_hours: float
    received_watt_hours: float
    kind: PoolKind


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDirective:
    """What a job does in this period: `run` with its assignments, or wait, and why.

    `until_round` is the number of the last round that it may do under this directive; None sets no limit.
    """

    job: str
    run: bool
    cause: Cause
    assignments: tuple[Assignment, ...] = ()
    until_round: int | None = None


class SolverName(StrEnum):
    """Who found a plan, also the `solver` label of the metric."""

    EXACT = "exact"
    TWO_PRICE = "two-price"
    GREEDY = "greedy"


class PlanStatus(StrEnum):
    """How a plan came about, as written to `EnergyPlan.status.solution.status`."""

    OPTIMAL = "Optimal"
    FEASIBLE = "Feasible"
    FALLBACK = "Fallback"  # another solver's plan stands, because the one that was asked failed
    INFEASIBLE = "Infeasible"  # no plan meets every limit
    HELD = "Held"  # the data are too bad to decide by; no solver was asked

    @property
    def is_planned(self) -> bool:
        """Whether a solver found the plan. Otherwise everything stays as it is, and no emissions are known."""
        return self not in (PlanStatus.INFEASIBLE, PlanStatus.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverReport:
    """Who found the plan and how good it is known to be, over the horizon.

    What is not known is None and never zero: no solver found a plan, or it proved no bound. `solver` is None where none
    found it, `method` says how it went about it, for people. `cause` says why there is no plan, or why another solver's
    plan stands; raises ValueError where it is missing, or given without need. `infeasible_because` names what has to
    give before there is a plan.
    """

    status: PlanStatus
    cause: Cause | None = None
    solver: SolverName | None = None
    method: str | None = None
    objective_grams: float | None = None
    lower_bound_grams: float | None = None
    relative_gap: float | None = None
    solve_seconds: float | None = None
    infeasible_because: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        as_asked = self.status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE)
        if (self.cause is None) is not as_asked:
            raise ValueError(f"{self.status} {'needs no' if as_asked else 'needs a'} cause, got {self.cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSleep:
    """A time [start, until) in which a plan has a node asleep; `until` is None where it lasts beyond the horizon."""

    node: str
    start: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What the first period's limits are worth: g CO2e saved by one more Wh in a pool, and g CO2e by which the
    objective changes per unit of a job's offload ratio."""

    energy_grams_per_watt_hour: Mapping[str, float] = field(default_factory=dict)
    offload_grams: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decisions for the period [start, start + period), taken from one snapshot.

    `awake` tells for every node whether it should be awake in this period; `emissions_by_mode` has none, det, dat, deta
    in grams over the horizon under the same forecast. `made_at` is when the snapshot behind it was taken, `reach` the
    first instant that it says nothing of.
    """

    name: str
    start: datetime
    period: timedelta
    awake: Mapping[str, bool]
    jobs: tuple[JobDirective, ...]
    transfers: tuple[Transfer, ...]
    decisions: tuple[Decision, ...]
    solver: SolverReport
    emissions_by_mode_grams: Mapping[str, float] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    sleeps: tuple[PlannedSleep, ...] = ()
    input_digest: str = ""
    made_at: datetime | None = None
    reach: datetime | None = None

    @property
    def hold(self) -> Cause | None:
        """Why nothing is decided now, None unless the data are too bad to decide by."""
        return self.solver.cause if self.solver.status is PlanStatus.HELD else None

    @property
    def end(self) -> datetime:
        """First instant after the period."""
        return self.start + self.period
