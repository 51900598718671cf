"""The planning problem as a linear model that grows with nodes and jobs, never with pairs of nodes.

Batches that leave a node and batches that reach one are summed per job: no constraint and no cost of the problem looks
at a pair. A sum may not hide a node that sends to itself, so per job (and per period where the rounds are synchronous)
what a node sends plus what it receives stays within the total moved; then a transport without self-loops exists.
Periods and indices count from 0 here. `relaxed` names constraints that may be missed at a price of 1 per unit.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sunward.optimisation.model.matrix import MatrixModel
from sunward.optimisation.problem.instance import Problem

BOUND_SLACK = 2.0
"""Bounds that other rows imply are doubled: they only give units, and must not take over those rows' duals."""


class Relaxed(StrEnum):
    """What an elastic model may miss."""

    UNSERVED = "unserved"
    TIME = "time"
    NO_WORKER = "no-worker"
    OFFLOAD = "offload"
    STORAGE = "storage"
    WORKERS = "workers"
    SLEEP_LIMIT = "sleep-limit"
    BATTERY = "battery"


NOTHING: frozenset[Relaxed] = frozenset()
Triple = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class PlanModel:
    """Columns and rows by what they mean; every mapping holds column (or row) indices of `matrix`.

    Keys: j job, i or k node, p pool, t period. Absent keys are zero by construction.
    """

    problem: Problem
    relaxed: frozenset[Relaxed] = NOTHING
    matrix: MatrixModel = field(default_factory=MatrixModel)
    at_home: dict[Triple, int] = field(default_factory=dict)  # j, i, t
    leaving: dict[Triple, int] = field(default_factory=dict)  # j, i, t of synchronous rounds, else -1
    arriving: dict[Triple, int] = field(default_factory=dict)  # j, k, t
    share: dict[Pair, int] = field(default_factory=dict)  # j, t
    works: dict[Pair, int] = field(default_factory=dict)  # j, k
    awake: dict[Pair, int] = field(default_factory=dict)  # i, t; hours
    on: dict[Pair, int] = field(default_factory=dict)
    start: dict[Pair, int] = field(default_factory=dict)
    grid: dict[Pair, int] = field(default_factory=dict)
    harvest: dict[Pair, int] = field(default_factory=dict)
    charge: dict[Pair, int] = field(default_factory=dict)
    discharge: dict[Pair, int] = field(default_factory=dict)
    stored: dict[Pair, int] = field(default_factory=dict)
    sends: dict[Triple, int] = field(default_factory=dict)  # p, i, t
    draws: dict[Triple, int] = field(default_factory=dict)
    exports: dict[Pair, int] = field(default_factory=dict)
    charging: dict[Pair, int] = field(default_factory=dict)
    cap_rows: dict[Pair, int] = field(default_factory=dict)  # j, i
    pool_rows: dict[Pair, int] = field(default_factory=dict)  # p, t
    ratio_rows: dict[Pair, int] = field(default_factory=dict)  # i, t
    energy_rows: dict[Pair, int] = field(default_factory=dict)  # i, t
    slacks: dict[tuple[Relaxed, int, int], int] = field(default_factory=dict)  # kind, job or -1, node or -1
    wh_upper: dict[Pair, float] = field(default_factory=dict)  # largest demand of i in t, charging aside

    @property
    def periods(self) -> range:
        """Periods, counted from 0."""
        return range(self.problem.period_count)

    @property
    def hours(self) -> float:
        """D, hours per period."""
        return self.problem.period_hours

    def slack(self, kind: Relaxed, job: int, node: int, upper: float) -> list[tuple[int, float]]:
        """The term that lets a row be missed; empty unless the kind is relaxed. One column per kind, job and node."""
        if kind not in self.relaxed:
            return []
        where = (kind, job, node)
        if where not in self.slacks:
            self.slacks[where] = self.matrix.add_variable(max(upper, 1e-9), cost=1.0)
        return [(self.slacks[where], 1.0)]

    def work_terms(self, node: int, period: int) -> list[tuple[int, int]]:
        """(job, column) of every flow processed on the node in the period."""
        found = []
        for j in range(len(self.problem.jobs)):
            for flows in (self.at_home, self.arriving):
                column = flows.get((j, node, period))
                if column is not None:
                    found.append((j, column))
        return found

    def moved_terms(self, node: int) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Gigabytes that leave and that reach the node over the horizon, as terms."""
        sent: list[tuple[int, float]] = []
        received: list[tuple[int, float]] = []
        for j, job in enumerate(self.problem.jobs):
            for t in (-1, *job.window):
                for flows, terms in ((self.leaving, sent), (self.arriving, received)):
                    column = flows.get((j, node, t))
                    if column is not None:
                        terms.append((column, job.gigabytes_per_batch))
        return sent, received
