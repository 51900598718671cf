"""Moving work by simple rules: because it must (no time, no worker at home) or because it pays. Knows no solver."""

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.greedy.work import ENOUGH, Schedule, WorkSplit, hours_per_batch, schedule
from sunward.optimisation.problem.instance import Problem

ROUNDS = 12
"""Attempts to find room for late work; each halves what is left or ends."""


def with_room(assignment: WorkSplit) -> WorkSplit:
    """Move work that its home cannot do, or not in time, to nodes with time left; may not succeed."""
    found = assignment.copy()
    _move_orphans(found)
    _fill_workers(found)
    for _ in range(ROUNDS):
        plan = schedule(found)
        if not plan.late or not _relieve(found, plan):
            break
    return found


def _move_orphans(assignment: WorkSplit) -> None:
    problem = assignment.problem
    spare = schedule(assignment).spare
    for j, job in enumerate(problem.jobs):
        orphans = [i for i, _ in assignment.moves[j] if not job.can_work(problem.nodes[i].name)]
        if orphans:
            room = _Room(assignment, j, spare)
            for home in orphans:
                room.take(home, assignment.moves[j][home, home])


def _relieve(assignment: WorkSplit, plan: Schedule) -> bool:
    """Move late work away; tells whether anything moved."""
    moved = 0.0
    rooms: dict[int, _Room] = {}
    for (j, k), late in sorted(plan.late.items()):
        if assignment.problem.jobs[j].synchronous:
            moved += _level(assignment, j, plan)
        else:
            rooms.setdefault(j, _Room(assignment, j, plan.spare))
            moved += rooms[j].take(k, late)
    return moved > 0


class _Room:
    """Nodes by the time they have left in a job's window; emptied from the largest."""

    def __init__(self, assignment: WorkSplit, j: int, spare: list[list[float]]) -> None:
        job = assignment.problem.jobs[j]
        self._assignment, self._j = assignment, j
        self._hours = {k: sum(max(0.0, spare[k][t]) for t in job.window) for k in range(len(spare))}
        self._each = {k: hours_per_batch(assignment.problem, job, k) for k in self._hours}
        useful = (k for k in self._hours if self._hours[k] > 0 and self._each[k] < float("inf"))
        self._order = sorted(useful, key=lambda k: (self._hours[k], -k))

    def take(self, home: int, amount: float) -> float:
        """Move up to `amount` batches of a home's shard to the nodes with most time left; tells how many moved."""
        moved = 0.0
        for k in reversed(list(self._order)):
            each = self._each[k]
            room = self._hours[k] / each if each > 0 else float("inf")
            part = min(amount - moved, self._assignment.movable(self._j, home, k), room)
            if part > 0:
                self._assignment.move(self._j, home, k, part)
                self._hours[k] -= part * each
                moved += part
            if self._hours[k] <= 0 or self._assignment.may_store[k] <= 0:
                self._order.remove(k)
            if moved >= amount or self._assignment.may_leave[self._j, home] <= 0:
                break
        return moved


def _level(assignment: WorkSplit, j: int, plan: Schedule) -> float:
    """Synchronous rounds go at the pace of the slowest node: move work from it to the fastest that may take some."""
    problem, job = assignment.problem, assignment.problem.jobs[j]
    loads = assignment.loads[j]
    done = {k: sum(b for (jj, _, kk, _), b in plan.flows.items() if (jj, kk) == (j, k)) for k in loads}
    pace = {}
    for k in range(len(problem.nodes)):
        each = hours_per_batch(problem, job, k)
        if each < float("inf"):
            free = sum(max(0.0, plan.spare[k][t]) for t in job.window) + done.get(k, 0.0) * each
            pace[k] = (loads.get(k, 0.0) * each, each, max(free, 1e-12))
    slow = max(loads, key=lambda k: pace[k][0] / pace[k][2] if k in pace else float("inf"))
    if slow not in pace:
        return 0.0
    moved = 0.0
    for k in sorted(pace, key=lambda k: pace[k][0] / pace[k][2]):
        busy, each, free = pace[slow]
        other_busy, other_each, other_free = pace[k]
        gap = busy / free - other_busy / other_free
        if k == slow or gap <= 0:
            continue
        amount = gap / max(each / free + other_each / other_free, 1e-300)
        part = min(assignment.movable(j, slow, k), amount)
        if part > 0:
            assignment.move(j, slow, k, part)
            moved += part
            pace[slow] = (busy - part * each, each, free)
    return moved


def _fill_workers(assignment: WorkSplit) -> None:
    """Bring every worker to the least number of batches, and enough workers to work, where data may move."""
    problem = assignment.problem
    for j, job in enumerate(problem.jobs):
        least = job.minimum_batches_per_worker
        if least <= 0 or job.total_batches <= 0:
            continue
        for k, load in sorted(assignment.loads[j].items(), key=lambda entry: -entry[1]):
            if 0 < load < least and not _empty(assignment, j, k):
                _gather(assignment, j, k, least)
        idle = [k for k, node in enumerate(problem.nodes) if job.may_move_to(node.name)]
        for k in idle:
            working = [w for w, load in assignment.loads[j].items() if load >= least]
            if len(working) >= job.minimum_workers:
                break
            if k not in working:
                _gather(assignment, j, k, least)


def _empty(assignment: WorkSplit, j: int, worker: int) -> bool:
    """Move all of a small worker's own shard to the others, if all of it may go."""
    least = assignment.problem.jobs[j].minimum_batches_per_worker
    amount = assignment.loads[j].get(worker, 0.0)
    for k, load in sorted(assignment.loads[j].items(), key=lambda entry: -entry[1]):
        if k != worker and load >= least and assignment.movable(j, worker, k) >= amount:
            assignment.move(j, worker, k, amount)
            assignment.moves[j].pop((worker, worker), None)
            return True
    return False


def _gather(assignment: WorkSplit, j: int, worker: int, least: float) -> None:
    """Move batches to a worker from nodes that keep enough for themselves."""
    for home, load in sorted(assignment.loads[j].items(), key=lambda entry: -entry[1]):
        missing = least - assignment.loads[j].get(worker, 0.0)
        if missing <= 0:
            return
        part = min(missing, load - least, assignment.movable(j, home, worker))
        if part > 0:
            assignment.move(j, home, worker, part)


def to_cleaner(assignment: WorkSplit, prices: list[list[float]], *, share: float) -> WorkSplit:
    """Move up to `share` of what may move from dear nodes to cheap ones that have time; `prices` in grams per Wh."""
    found = assignment.copy()
    problem = found.problem
    plan = schedule(found)
    for j, job in enumerate(problem.jobs):
        cost = {k: _grams_per_batch(problem, j, k, prices) for k in range(len(problem.nodes))}
        spare = {k: sum(max(0.0, plan.spare[k][t]) for t in job.window) for k in cost}
        receivers = sorted((k for k in cost if cost[k] < float("inf")), key=lambda k: cost[k])
        for home in sorted((i for i, _ in assignment.moves[j]), key=lambda i: -cost[i]):
            _shed(found, (j, home), receivers, cost, spare, share)
    return found


def _shed(
    assignment: WorkSplit,
    shard: tuple[int, int],
    receivers: list[int],
    cost: dict[int, float],
    spare: dict[int, float],
    share: float,
) -> None:
    j, home = shard
    job = assignment.problem.jobs[j]
    network = assignment.problem.network
    transit = job.gigabytes_per_batch * network.transit_watt_hours_per_gigabyte
    transit *= network.transit_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
    budget = share * assignment.may_leave.get((j, home), 0.0)
    keep = job.minimum_batches_per_worker
    for k in list(receivers):
        if cost[k] + transit >= cost[home] or budget <= 0:
            return
        each = hours_per_batch(assignment.problem, job, k)
        room = spare[k] / each if each > 0 else float("inf")
        part = min(budget, assignment.movable(j, home, k), room)
        stays = assignment.loads[j].get(home, 0.0) - part
        if 0 < stays < keep:
            part -= keep - stays
        if part <= 0 or assignment.loads[j].get(k, 0.0) + part < keep:
            continue
        assignment.move(j, home, k, part)
        budget -= part
        spare[k] -= part * each
        if spare[k] <= ENOUGH * part * each or assignment.may_store[k] <= 0:
            receivers.remove(k)


def _grams_per_batch(problem: Problem, j: int, k: int, prices: list[list[float]]) -> float:
    """Grams a batch costs on a node at its average price, idle power of the time it takes included."""
    job, node = problem.jobs[j], problem.nodes[k]
    if not job.can_work(node.name):
        return float("inf")
    price = sum(prices[k][t] for t in job.window) / len(job.window)
    watt_hours = job.watt_hours_per_batch[node.name]
    if problem.policy.sleep and node.can_sleep:
        watt_hours += (node.idle_watts - node.asleep_watts) * hours_per_batch(problem, job, k)
    return watt_hours * price
