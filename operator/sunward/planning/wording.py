"""Decisions with their reasons, and sentences that a person can check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView, OverridePower, PowerState
from sunward.domain.plans import Decision, DecisionKind, JobDirective, Transfer
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme
from sunward.optimisation.problem.solution import Solution
from sunward.planning.compile import Compiled, must_stay_asleep
from sunward.planning.guards.case import Case
from sunward.planning.guards.rules_node import wants
from sunward.planning.stability import Pattern


def node_decisions(snapshot: Snapshot, compiled: Compiled, solution: Solution, pattern: Pattern) -> list[Decision]:
    """One decision per node, in name order."""
    texts = _Texts(snapshot, compiled, solution, pattern)
    return [texts.decide(node) for node in sorted(snapshot.nodes, key=lambda node: node.name)]


def job_decisions(jobs: Iterable[JobDirective]) -> list[Decision]:
    """One decision per job."""
    return [
        Decision(
            kind=DecisionKind.ASSIGN if directive.run else DecisionKind.PAUSE,
            subject=directive.job,
            cause=directive.cause,
        )
        for directive in sorted(jobs, key=lambda directive: directive.job)
    ]


def transfer_decisions(transfers: Sequence[Transfer]) -> list[Decision]:
    """One decision per pool that carries something."""
    pools: dict[str, list[Transfer]] = defaultdict(list)
    for transfer in transfers:
        pools[transfer.pool].append(transfer)
    return [
        Decision(kind=DecisionKind.TRANSFER, subject=pool, cause=Cause(Reason.SURPLUS_SHARED, _sentence(moved)))
        for pool, moved in sorted(pools.items())
    ]


def _sentence(moved: Sequence[Transfer]) -> str:
    how = "send" if moved[0].kind is PoolKind.PHYSICAL else "credit"
    sent, received = sum(t.sent_watt_hours for t in moved), sum(t.received_watt_hours for t in moved)
    givers, takers = ({t.from_node for t in moved}, {t.to_node for t in moved})
    most = max(moved, key=lambda t: (t.sent_watt_hours, t.from_node, t.to_node))
    whole = f"{len(givers)} nodes {how} {sent:.3f} Wh to {len(takers)}, {received:.3f} Wh arrive"
    return f"{whole}; most from {most.from_node} to {most.to_node}"


def held_decisions(snapshot: Snapshot, pattern: Pattern, why: Cause) -> list[Decision]:
    """The hold itself, and what it means for each node."""
    hold = Decision(kind=DecisionKind.HOLD, subject="cluster", cause=why.prefixed("no change: "))
    nodes = [
        Decision(
            kind=kind_of(node, pattern.awake[node.name]),
            subject=node.name,
            cause=why.prefixed(f"{node.name} stays as it is: "),
        )
        for node in sorted(snapshot.nodes, key=lambda node: node.name)
    ]
    return [hold, *nodes]


def kind_of(node: NodeView, awake: bool) -> DecisionKind:
    """What a wish means for a node in its present state."""
    asleep = node.record.power_state is PowerState.ASLEEP
    if awake:
        return DecisionKind.WAKE if asleep else DecisionKind.KEEP_AWAKE
    return DecisionKind.KEEP_ASLEEP if asleep else DecisionKind.SLEEP


class _Texts:
    """Figures that sentences quote, computed once per plan."""

    def __init__(self, snapshot: Snapshot, compiled: Compiled, solution: Solution, pattern: Pattern) -> None:
        self._snapshot = snapshot
        self._compiled = compiled
        self._pattern = pattern
        self._problem: Problem = compiled.problem
        self._nodes = {node.name: node for node in compiled.problem.nodes}
        self._on = {row.name: row.on for row in solution.nodes}
        self._work: dict[str, int] = defaultdict(int)
        self._moved: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for directive in pattern.jobs:
            for row in directive.assignments:
                self._work[row.node] += row.batches
                if row.node != row.from_node:
                    self._moved[row.from_node][row.node] += row.batches

    def decide(self, node: NodeView) -> Decision:
        """The decision about one node."""
        kind = kind_of(node, self._pattern.awake[node.name])
        why = self._why(node, kind)
        return Decision(kind=kind, subject=node.name, cause=why.prefixed(f"{node.name} "))

    def _why(self, node: NodeView, kind: DecisionKind) -> Cause:
        if node.name in self._compiled.left_out:
            return self._compiled.left_out[node.name].prefixed("is excluded from planning: ")
        match kind:
            case DecisionKind.SLEEP:
                return self._why_sleep(node)
            case DecisionKind.KEEP_ASLEEP:
                return self._why_keep_asleep(node)
            case DecisionKind.WAKE:
                return self._why_awake(node, "wakes")
            case _:
                return self._why_awake(node, "stays awake")

    def _why_sleep(self, node: NodeView) -> Cause:
        if self._held(node, OverridePower.ASLEEP):
            return Cause(Reason.OVERRIDDEN, "sleeps: requested by spec.override")
        saved = f"saves {self._idle_saving_grams(node.name):.3g} g over the horizon"
        moved = self._moved.get(node.name)
        where = self._supply(node.name)
        if not moved:
            return Cause(Reason.NO_WORK_PLANNED, f"sleeps: {where} and no work planned; {saved}")
        ways = ", ".join(f"{n} batches a round run on {to} ({self._supply(to)})" for to, n in sorted(moved.items()))
        return Cause(Reason.LOWER_EMISSIONS, f"sleeps: {where}, its {ways}; {saved}")

    def _why_keep_asleep(self, node: NodeView) -> Cause:
        if self._held(node, OverridePower.ASLEEP):
            return Cause(Reason.OVERRIDDEN, "stays asleep: requested by spec.override")
        if must_stay_asleep(node, self._snapshot):
            return Cause(Reason.MINIMUM_ASLEEP_TIME, "stays asleep: its minimum time asleep has not passed")
        return Cause(Reason.NO_WORK_PLANNED, f"stays asleep: {self._supply(node.name)} and no work planned")

    def _why_awake(self, node: NodeView, verb: str) -> Cause:
        batches = self._work.get(node.name, 0)
        obstacles = self._compiled.obstacles[node.name]
        if batches:
            return Cause(Reason.WORK_PLANNED, f"{verb}: {batches} batches a round at {self._supply(node.name)}")
        if obstacles:
            forbids = obstacles[0].cause
            return forbids.prefixed(f"{verb}: ")
        if self._is_limit_reached():
            return Cause(Reason.SLEEP_LIMIT, f"{verb}: the limit of sleeping nodes is reached")
        if any(not on for on in self._on.get(node.name, ())):
            return Cause(Reason.KEPT_FOR_STABILITY, f"{verb}: the node is needed again soon")
        return Cause(Reason.LOWER_EMISSIONS, f"{verb}: sleeping now would save less than waking costs")

    def _is_limit_reached(self) -> bool:
        limit = self._problem.policy.maximum_asleep_nodes
        asleep = sum(1 for name in self._nodes if not self._pattern.awake[name])
        return limit is not None and asleep >= limit

    def _held(self, node: NodeView, power: OverridePower) -> bool:
        return wants(Case(node=node, snapshot=self._snapshot, now=self._snapshot.taken_at), power)

    def _supply(self, name: str) -> str:
        """Where a node's energy comes from in this period, as people say it."""
        node = self._nodes.get(name)
        if node is None:
            return "not counted on"
        grams = f"{self._problem.intensity_grams_per_kilowatt_hour[node.grid_zone][0]:.0f} g/kWh"
        harvest = node.harvest_watt_hours[0] / self._problem.period_hours
        return f"{grams}, {harvest:.1f} W harvest" if harvest > 0 else grams

    def _idle_saving_grams(self, name: str) -> float:
        """Grid emissions of idling through the periods that the node sleeps, its own harvest not counted."""
        node = self._nodes[name]
        grams = self._problem.intensity_grams_per_kilowatt_hour[node.grid_zone]
        on = self._on.get(name, ())
        per_period = (node.idle_watts - node.asleep_watts) * self._problem.period_hours / WATT_HOURS_PER_KILOWATT_HOUR
        return sum(per_period * value for value, is_on in zip(grams, on, strict=False) if not is_on)


def by_mode(solutions: Mapping[Scheme, Solution]) -> dict[str, float]:
    """Emissions of the modes that have a plan."""
    return {
        mode.value: solution.objective_grams
        for mode, solution in solutions.items()
        if solution.objective_grams is not None
    }
