"""Who works on what, and when, by simple rules: the work half of the greedy plan. Knows no solver.

Work is first assigned (which node processes whose batches), then scheduled period by period. Indices count from 0.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.model.draft import Flow
from sunward.optimisation.problem.instance import Job, Problem

Pair = tuple[int, int]
ENOUGH = 1e-12
"""Shares of a shard below this are rounding."""


@dataclass(slots=True, kw_only=True)
class WorkSplit:
    """Batches of every job by (home, worker); what of a shard may still leave; what a node may still store."""

    problem: Problem
    moves: list[dict[Pair, float]]
    loads: list[dict[int, float]]  # job: worker: batches
    may_leave: dict[Pair, float]  # job, home
    may_store: list[float]

    def movable(self, j: int, home: int, receiver: int) -> float:
        """The most that may still move from a home (where it now stays) to a receiver."""
        job = self.problem.jobs[j]
        if home == receiver or not self.problem.policy.offload_tasks:
            return 0.0
        if not job.may_move_to(self.problem.nodes[receiver].name):
            return 0.0
        room = self.may_store[receiver] / job.gigabytes_per_batch if job.gigabytes_per_batch > 0 else float("inf")
        return max(0.0, min(self.moves[j].get((home, home), 0.0), self.may_leave[j, home], room))

    def move(self, j: int, home: int, receiver: int, amount: float) -> None:
        """Move batches from their home to a receiver."""
        stays = self.moves[j][home, home] - amount
        self.moves[j][home, home] = stays if stays > ENOUGH * amount else 0.0
        self.moves[j][home, receiver] = self.moves[j].get((home, receiver), 0.0) + amount
        left = self.loads[j].pop(home) - amount
        if left > ENOUGH * amount:
            self.loads[j][home] = left
        self.loads[j][receiver] = self.loads[j].get(receiver, 0.0) + amount
        self.may_leave[j, home] -= amount
        self.may_store[receiver] -= amount * self.problem.jobs[j].gigabytes_per_batch

    def copy(self) -> "WorkSplit":
        """An independent copy to try a change on."""
        return WorkSplit(
            problem=self.problem,
            moves=[dict(moves) for moves in self.moves],
            loads=[dict(loads) for loads in self.loads],
            may_leave=dict(self.may_leave),
            may_store=list(self.may_store),
        )


@dataclass(slots=True, kw_only=True)
class Schedule:
    """Flows in time, hours left on every node and period, and what of each job (by worker) found no time."""

    flows: dict[Flow, float]
    spare: list[list[float]]
    shards: dict[Pair, list[tuple[int, float]]]  # job, worker: home and share of the worker's load
    late: dict[Pair, float] = field(default_factory=dict)


def at_home(problem: Problem) -> WorkSplit:
    """Every batch at its home, whether or not the home can work on it."""
    moves: list[dict[Pair, float]] = []
    may_leave: dict[Pair, float] = {}
    for j, job in enumerate(problem.jobs):
        shards = {i: job.batches.get(node.name, 0.0) for i, node in enumerate(problem.nodes)}
        moves.append({(i, i): batches for i, batches in shards.items() if batches > 0})
        may_leave.update({(j, i): job.may_leave(problem.nodes[i].name) for i in shards})
    return WorkSplit(
        problem=problem,
        moves=moves,
        loads=[{i: batches for (i, _), batches in shards.items()} for shards in moves],
        may_leave=may_leave,
        may_store=[node.storage_gigabytes for node in problem.nodes],
    )


def hours_per_batch(problem: Problem, job: Job, node: int) -> float:
    """Hours one batch takes on the node; infinite where it cannot work."""
    name = problem.nodes[node].name
    return job.seconds_per_batch[name] / SECONDS_PER_HOUR if job.can_work(name) else float("inf")


def capacity(problem: Problem, assignment: WorkSplit) -> list[list[float]]:
    """Hours of every node and period that are free for work, after waking and moving data."""
    hours = problem.period_hours
    free = []
    for node in problem.nodes:
        wake = 0.0 if node.initially_awake else node.wake_seconds / SECONDS_PER_HOUR
        free.append([hours - wake if t == 0 else hours for t in range(problem.period_count)])
        if wake > hours:
            free[-1] = [0.0] * problem.period_count
    per_gigabyte = problem.network.seconds_per_gigabyte / SECONDS_PER_HOUR
    for j, job in enumerate(problem.jobs):
        for (home, worker), amount in assignment.moves[j].items():
            if home != worker:
                for k in (home, worker):
                    free[k][0] -= amount * job.gigabytes_per_batch * per_gigabyte
    return free


def schedule(assignment: WorkSplit, prices: list[list[float]] | None = None) -> Schedule:
    """Put assigned work in time, jobs by deadline: as soon as possible, or in the cheapest periods by `prices`.

    `prices` are per node and period. Earliest deadline first finds room for everything on a node if there is any.
    """
    problem = assignment.problem
    plan = Schedule(flows={}, spare=capacity(problem, assignment), shards=_shards(assignment))
    order = sorted(range(len(problem.jobs)), key=lambda j: problem.jobs[j].deadline_period)
    todo = {j: dict(assignment.loads[j]) for j in order}
    share = dict.fromkeys(order, 1.0)
    if prices is None:
        for t in range(problem.period_count):
            for j in order:
                if t in problem.jobs[j].window:
                    _work(assignment, plan, (j, t), todo[j], share)
    else:
        for j in order:
            _work_cheaply(assignment, plan, j, todo[j], share, prices)
    for j in order:
        for k, left in todo[j].items():
            left = left * share[j] if problem.jobs[j].synchronous else left
            if left > 1e-9 * assignment.loads[j][k]:
                plan.late[j, k] = left
    return plan


def _shards(assignment: WorkSplit) -> dict[Pair, list[tuple[int, float]]]:
    shards: dict[Pair, list[tuple[int, float]]] = defaultdict(list)
    for j, moves in enumerate(assignment.moves):
        for (home, worker), amount in moves.items():
            if amount > 0:
                shards[j, worker].append((home, amount / assignment.loads[j][worker]))
    return shards


def _work_cheaply(
    assignment: WorkSplit,
    plan: Schedule,
    j: int,
    todo: dict[int, float],
    share: dict[int, float],
    prices: list[list[float]],
) -> None:
    job = assignment.problem.jobs[j]
    if job.synchronous:
        weight = {
            k: batches * job.watt_hours_per_batch.get(assignment.problem.nodes[k].name, 0.0)
            for k, batches in todo.items()
        }
        for t in sorted(job.window, key=lambda t: sum(weight[k] * prices[k][t] for k in todo)):
            _work(assignment, plan, (j, t), todo, share)
        return
    for k in list(todo):
        for t in sorted(job.window, key=lambda t: prices[k][t]):
            _work(assignment, plan, (j, t), todo, share, only=k)


def _work(
    assignment: WorkSplit,
    plan: Schedule,
    where: Pair,
    todo: dict[int, float],
    share: dict[int, float],
    only: int | None = None,
) -> None:
    """Do as much of a job as fits into one period (on one node where `only` says so)."""
    j, t = where
    job = assignment.problem.jobs[j]
    hours = {k: hours_per_batch(assignment.problem, job, k) for k in ([only] if only is not None else todo)}
    if not job.synchronous:
        for k, each in hours.items():
            done = _fit(todo[k], each, plan.spare[k][t])
            _book(plan, (j, k, t), done, each)
            todo[k] -= done
        return
    part = min((_fit(share[j], todo[k] * each, plan.spare[k][t]) for k, each in hours.items()), default=share[j])
    for k, each in hours.items():
        _book(plan, (j, k, t), part * todo[k], each)
    share[j] -= part


def _fit(wanted: float, hours_each: float, spare: float) -> float:
    if wanted <= 0 or hours_each <= 0:
        return max(0.0, wanted)
    if spare <= 0 or hours_each == float("inf"):
        return 0.0
    return min(wanted, spare / hours_each)


def _book(plan: Schedule, where: tuple[int, int, int], amount: float, hours: float) -> None:
    j, k, t = where
    if amount <= 0:
        return
    plan.spare[k][t] -= amount * hours
    for home, share in plan.shards[j, k]:
        place = (j, home, k, t)
        plan.flows[place] = plan.flows.get(place, 0.0) + amount * share
