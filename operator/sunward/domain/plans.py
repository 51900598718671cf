"""What was decided, why, what it should save; and afterwards what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sunward.domain.jobs import Assignment
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason


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
    """One thing decided about one subject (a node, a job or a pool), with its reason and a sentence for people."""

    kind: DecisionKind
    subject: str
    reason: Reason
    message: str


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
    """What a job does in this period: `run` with its assignments, or wait for the reason given."""

    job: str
    run: bool
    reason: Reason
    message: str
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverReport:
    """How good the plan is known to be."""

    solver: str
    status: str
    objective_grams: float
    lower_bound_grams: float
    relative_gap: float
    solve_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decisions for the period [start, start + period), taken from one snapshot.

    `awake` tells for every node whether it should be awake in this period; `emissions_by_mode` has none, det, dat, deta
    in grams over the horizon under the same forecast.
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
    prices: Mapping[str, float] = field(default_factory=dict)
    input_digest: str = ""
    hold: Reason | None = None

    @property
    def end(self) -> datetime:
        """First instant after the period."""
        return self.start + self.period
