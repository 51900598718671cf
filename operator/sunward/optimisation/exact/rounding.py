"""Whole batches for execution: round a plan, repair it, settle its energy anew, and say what that costs.

Each shard keeps its total; a pair of nodes that the plan uses changes by at most one batch per period, except where no
pair in use has room. The loss is the gap to the bound of the plan that was rounded.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from sunward.domain.errors import SunwardError
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.exact.settle import settle
from sunward.optimisation.model.draft import Flow, Label, NodePeriods, OnOff
from sunward.optimisation.problem.instance import Job, Problem
from sunward.optimisation.problem.solution import Solution, Status

Group = tuple[int, int, int]
"""job, home, period; the period is -1 where the job's rounds are not synchronous."""
NEARLY = 1e-6
"""Shares of a batch, and of a period, that count as rounding of a solver."""
OFFSETS = (0.5, 0.0, 0.25, 0.75, 0.999)
"""Where cumulative shares of synchronous rounds are cut into whole batches; tried in turn."""


class RoundingError(SunwardError):
    """No plan in whole batches was found near the given one."""


@dataclass(slots=True, kw_only=True)
class _Table:
    """Whole batches so far, and the room that is left for more."""

    problem: Problem
    flows: dict[Flow, int] = field(default_factory=lambda: defaultdict(int))
    hours: NodePeriods  # free for work
    leave: dict[tuple[int, int], float]  # job, home: whole batches that may leave still
    store: list[float]  # gigabytes by node
    done: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))

    def room(self, where: Flow) -> bool:
        """Whether one more batch fits in time, offload cap and storage."""
        j, i, k, t = where
        job, network = self.problem.jobs[j], self.problem.network
        slack = NEARLY * self.problem.period_hours
        needed = job.seconds_per_batch[self.problem.nodes[k].name] / SECONDS_PER_HOUR
        if i == k:
            return bool(self.hours[k, t] + slack >= needed)
        moving = job.gigabytes_per_batch * network.seconds_per_gigabyte / SECONDS_PER_HOUR
        first = self.hours[k, 0] + slack >= moving + (needed if t == 0 else 0.0)
        return bool(
            first
            and self.hours[k, t] + slack >= needed
            and self.hours[i, 0] + slack >= moving
            and self.leave[j, i] >= 1 - NEARLY
            and self.store[k] >= job.gigabytes_per_batch * (1 - NEARLY)
        )

    def add(self, where: Flow, batches: int) -> None:
        """Book batches and take their room."""
        j, i, k, t = where
        job, network = self.problem.jobs[j], self.problem.network
        self.flows[where] += batches
        self.done[j, k] += batches
        self.hours[k, t] -= batches * job.seconds_per_batch[self.problem.nodes[k].name] / SECONDS_PER_HOUR
        if i != k:
            moving = batches * job.gigabytes_per_batch * network.seconds_per_gigabyte / SECONDS_PER_HOUR
            self.hours[i, 0] -= moving
            self.hours[k, 0] -= moving
            self.leave[j, i] -= batches
            self.store[k] -= batches * job.gigabytes_per_batch


def whole_batches(problem: Problem, solution: Solution, *, time_limit_seconds: float = 10.0) -> Solution:
    """The plan in whole batches: status feasible, `rounded`, with the bound of `solution` and its own gap.

    An infeasible solution comes back as it is. Raises RoundingError where a shard is not a whole number of batches, or
    no plan in whole batches was found.
    """
    if solution.status is Status.INFEASIBLE:
        return solution
    for job in problem.jobs:
        for home, batches in job.batches.items():
            if abs(batches - round(batches)) > NEARLY:
                raise RoundingError(f"{job.name}: {batches:g} batches on {home} are not a whole number")
    on = _on(problem, solution)
    label = Label(
        status=Status.FEASIBLE,
        solver=solution.solver,
        method=solution.method,
        bound=solution.lower_bound_grams,
        seconds=solution.solve_seconds,
        rounded=True,
        prices=solution.prices,
    )
    for flows in _attempts(problem, solution, on):
        found = settle(problem, flows, on, label, seconds=time_limit_seconds)
        if found is not None:
            is_fallback = solution.status is Status.FALLBACK
            return replace(found, status=Status.FALLBACK, fallback=solution.fallback) if is_fallback else found
    raise RoundingError("no plan in whole batches was found near this plan; give the jobs more time or smaller batches")


def _on(problem: Problem, solution: Solution) -> OnOff:
    rows = {row.name: row.on for row in solution.nodes}
    return np.array([rows[node.name] for node in problem.nodes], dtype=bool).reshape(-1, problem.period_count)


def _attempts(problem: Problem, solution: Solution, on: OnOff) -> Iterator[dict[Flow, float]]:
    offsets = OFFSETS if any(job.synchronous for job in problem.jobs) else OFFSETS[:1]
    for offset in offsets:
        table = _empty(problem, on)
        if _fill(table, _groups(problem, solution), offset):
            yield {where: float(batches) for where, batches in table.flows.items() if batches > 0}


def _empty(problem: Problem, on: OnOff) -> _Table:
    hours = np.where(on, problem.period_hours, 0.0)
    for i, node in enumerate(problem.nodes):
        before = node.initially_awake
        if problem.policy.partial_period_sleep and before:
            hours[i] = problem.period_hours  # being on is free, only awake hours cost
        for t in range(problem.period_count):
            if on[i, t] and not before:
                hours[i, t] -= node.wake_seconds / SECONDS_PER_HOUR
            before = bool(on[i, t])
    leave = {
        (j, i): 1.0 * math.floor(job.may_leave(node.name) + NEARLY)
        for j, job in enumerate(problem.jobs)
        for i, node in enumerate(problem.nodes)
    }
    return _Table(problem=problem, hours=hours, leave=leave, store=[node.storage_gigabytes for node in problem.nodes])


def _groups(problem: Problem, solution: Solution) -> dict[Group, dict[Flow, float]]:
    """The plan's flows by what has to stay whole: a shard, or a shard in one round."""
    nodes = {node.name: i for i, node in enumerate(problem.nodes)}
    jobs = {job.name: j for j, job in enumerate(problem.jobs)}
    groups: dict[Group, dict[Flow, float]] = defaultdict(dict)
    for row in solution.batches:
        j, t = jobs[row.job], row.period - 1
        group = (j, nodes[row.home], t if problem.jobs[j].synchronous else -1)
        groups[group][j, nodes[row.home], nodes[row.on], t] = row.batches
    return dict(sorted(groups.items()))


def _fill(table: _Table, groups: dict[Group, dict[Flow, float]], offset: float) -> bool:
    quotas = _quotas(table.problem, groups, offset)
    for rows in groups.values():
        for where, batches in rows.items():
            table.add(where, math.floor(batches + NEARLY))
    for group, rows in groups.items():
        missing = quotas[group] - sum(table.flows[where] for where in rows)
        order = dict(rows)
        for _ in range(missing):
            place = _next_place(table, group, order)
            if place is None:
                return False
            table.add(place, 1)
            order.pop(place, None)
        for _ in range(-missing):
            place = max(rows, key=lambda where: (table.flows[where] - rows[where], table.flows[where]))
            table.add(place, -1)
    return True


def _quotas(problem: Problem, groups: dict[Group, dict[Flow, float]], offset: float) -> dict[Group, int]:
    """Whole batches per group; shares of synchronous rounds are cut cumulatively, so each is off by less than one."""
    quotas: dict[Group, int] = {}
    so_far: dict[tuple[int, int], float] = defaultdict(float)
    for (j, i, t), rows in groups.items():
        job = problem.jobs[j]
        total = round(job.batches[problem.nodes[i].name])
        if not job.synchronous:
            quotas[j, i, t] = total
            continue
        before = so_far[j, i]
        so_far[j, i] = before + sum(rows.values())
        last = all((j, i, later) not in groups for later in range(t + 1, problem.period_count))
        upto = total if last else math.floor(so_far[j, i] + offset + NEARLY)
        quotas[j, i, t] = upto - (math.floor(before + offset + NEARLY) if before > 0 else 0)
    return quotas


def _next_place(table: _Table, group: Group, order: dict[Flow, float]) -> Flow | None:
    """Where one more batch goes: workers short of their minimum first, then the largest remainder, then anywhere."""

    def rank(where: Flow) -> tuple[bool, float, bool]:
        short = table.done[where[0], where[2]] < table.problem.jobs[where[0]].minimum_batches_per_worker
        return (not short, -(order[where] - math.floor(order[where] + NEARLY)), where[1] != where[2])

    for where in sorted(order, key=rank):
        if table.room(where):
            return where
    return next((where for where in _elsewhere(table, group) if table.room(where)), None)


def _elsewhere(table: _Table, group: Group) -> Iterator[Flow]:
    """Places that the plan did not use: home first, then nodes that already work on the job."""
    j, i, period = group
    job = table.problem.jobs[j]
    window = job.window if period < 0 else (period,)
    for k in _workers(table.problem, job, i):
        if k == i or table.done[j, k] > 0:
            for t in window:
                yield (j, i, k, t)


def _workers(problem: Problem, job: Job, home: int) -> list[int]:
    names = [node.name for node in problem.nodes]
    others = [k for k, name in enumerate(names) if k != home and problem.policy.offload_tasks and job.may_move_to(name)]
    return [home, *others] if job.can_work(names[home]) else others
