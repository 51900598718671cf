"""Work into the cleanest hours of the cleanest nodes, one slot after another. Knows no solver.

A slot is a node in a period, in up to three tiers of energy: the node's own spare harvest, what its pools have to
spare, and the grid. Shares of a shard that must stay home are placed first.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.greedy.work import Pair, Schedule, WorkSplit, at_home, capacity, hours_per_batch
from sunward.optimisation.problem.instance import Job, Node, Problem


class Tier(IntEnum):
    """Where the energy of a slot comes from; of slots that cost the same the lower ones are filled first."""

    OWN = 0
    POOLED = 1
    GRID = 2


@dataclass(slots=True, kw_only=True)
class _Slots:
    """Time and energy that is left, by node and period."""

    problem: Problem
    plan: Schedule
    assignment: WorkSplit
    own: list[list[float]]  # spare harvest of the node, Wh
    pooled: list[list[float]]  # spare harvest of the pools together, Wh; one row per pool
    pools_of: list[list[int]]
    kept: list[float]  # hours of the first period that only moving data may use
    todo: dict[int, float] = field(default_factory=dict)  # home: batches of the job at hand that may be anywhere
    stay: dict[int, float] = field(default_factory=dict)  # home: batches that must be done at home
    load: dict[int, float] = field(default_factory=dict)  # worker: batches of the job at hand


def slot_schedule(problem: Problem) -> Schedule:
    """A schedule of all work, jobs by deadline; what found no room is in `late`. Synchronous jobs do not move here."""
    assignment = at_home(problem)
    slots = _open(problem, assignment)
    for j in sorted(range(len(problem.jobs)), key=lambda j: problem.jobs[j].deadline_period):
        job = problem.jobs[j]
        if job.synchronous:
            _place_rounds(slots, j, job)
        else:
            _place(slots, j, job)
    return slots.plan


def _open(problem: Problem, assignment: WorkSplit) -> _Slots:
    own = [_spare_harvest(problem, node) for node in problem.nodes]
    index = {node.name: i for i, node in enumerate(problem.nodes)}
    pools = problem.energy_pools if problem.policy.share_energy else ()
    members = [[index[name] for name in pool.members] for pool in pools]
    pools_of: list[list[int]] = [[] for _ in problem.nodes]
    for p, nodes in enumerate(members):
        for i in nodes:
            pools_of[i].append(p)
    plan = Schedule(flows={}, spare=capacity(problem, assignment), shards={})
    return _Slots(
        problem=problem,
        plan=plan,
        assignment=assignment,
        own=own,
        pooled=[_pooled_harvest(problem, own, nodes) for nodes in members],
        pools_of=pools_of,
        kept=_keep_for_moving(problem, assignment, plan.spare),
    )


def _spare_harvest(problem: Problem, node: Node) -> list[float]:
    """Wh of a node's harvest by period that it does not draw itself, asleep where it may be, else idle."""
    watts = node.asleep_watts if problem.policy.sleep and node.can_sleep else node.idle_watts
    return [max(0.0, harvest - watts * problem.period_hours) for harvest in node.harvest_watt_hours]


def _pooled_harvest(problem: Problem, own: list[list[float]], members: list[int]) -> list[float]:
    """Wh of a pool by period that its members could send: spare, and no more than they may export."""

    def may_send(i: int, t: int) -> float:
        node = problem.nodes[i]
        return min(own[i][t], node.maximum_export_ratio * node.harvest_watt_hours[t])

    return [sum(may_send(i, t) for i in members) for t in range(problem.period_count)]


def _keep_for_moving(problem: Problem, assignment: WorkSplit, spare: list[list[float]]) -> list[float]:
    """Set hours of the first period aside on every node, as much as all moves together could take, at most a fifth.

    Data move in the first period: work that filled it would leave no time for them, and more than a fifth would be
    kept from work that may never move.
    """
    if not problem.policy.offload_tasks:
        return [0.0] * len(problem.nodes)
    gigabytes = sum(batches * problem.jobs[j].gigabytes_per_batch for (j, _), batches in assignment.may_leave.items())
    most = gigabytes * problem.network.seconds_per_gigabyte / SECONDS_PER_HOUR
    kept = [min(most, 0.2 * max(0.0, hours[0])) for hours in spare]
    for hours, keep in zip(spare, kept, strict=True):
        hours[0] -= keep
    return kept


def watt_hours_per_batch(problem: Problem, job: Job, k: int) -> float:
    """Energy a batch adds on a node: its own and, where the node would sleep otherwise, idle power while it runs."""
    node = problem.nodes[k]
    energy = job.watt_hours_per_batch[node.name]
    if problem.policy.sleep and node.can_sleep:
        energy += max(0.0, node.idle_watts - node.asleep_watts) * hours_per_batch(problem, job, k)
    return energy


class Entry(NamedTuple):
    """A slot that a batch may take, and what it costs there; ordered by cost."""

    grams_per_batch: float
    node: int
    period: int
    tier: Tier
    away: bool  # for batches of other nodes


def _entries(slots: _Slots, job: Job) -> list[Entry]:
    """All slots of a job, the cheapest first; of equal ones those on harvest first, and those at home first."""
    problem = slots.problem
    spare = problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
    found: list[Entry] = []
    for k, node in enumerate(problem.nodes):
        if not job.can_work(node.name):
            continue
        zone = problem.intensity_grams_per_kilowatt_hour[node.grid_zone]
        energy, moving = watt_hours_per_batch(problem, job, k), _moving_grams(problem, job, zone[0])
        away = problem.policy.offload_tasks and job.may_move_to(node.name)
        for t in job.window:
            for tier, price in (
                (Tier.OWN, spare),
                (Tier.POOLED, spare),
                (Tier.GRID, zone[t] / WATT_HOURS_PER_KILOWATT_HOUR),
            ):
                if (tier is Tier.OWN and slots.own[k][t] <= 0) or (tier is Tier.POOLED and not slots.pools_of[k]):
                    continue
                found.append(Entry(energy * price, k, t, tier, away=False))
                if away:
                    found.append(Entry(energy * price + moving, k, t, tier, away=True))
    found.sort(key=lambda entry: (entry.grams_per_batch, entry.tier, entry.away))
    return found


def _moving_grams(problem: Problem, job: Job, grid_grams_per_kilowatt_hour: float) -> float:
    """Grams of moving one batch to a node with this grid, as if both ends drew from it."""
    network = problem.network
    transit = (
        network.transit_watt_hours_per_gigabyte
        * network.transit_intensity_grams_per_kilowatt_hour
        / WATT_HOURS_PER_KILOWATT_HOUR
    )
    ends = network.send_watt_hours_per_gigabyte + network.receive_watt_hours_per_gigabyte
    return job.gigabytes_per_batch * (transit + ends * grid_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR)


def _place(slots: _Slots, j: int, job: Job) -> None:
    """Batches into slots, the cheapest first: those that must stay at home, then all others."""
    _divide(slots, j, job)
    entries = _entries(slots, job)
    for entry in entries:
        if not entry.away:
            _take(slots, j, entry, entry.node, slots.stay)
    dirtiest_last = sorted(slots.todo, key=lambda i: _dirt(slots.problem, job, i))
    for entry in entries:
        if entry.away:
            _take_from_dirtiest(slots, j, entry, dirtiest_last)
        else:
            _take(slots, j, entry, entry.node, slots.todo)
    for home in slots.stay:
        late = slots.stay[home] + slots.todo[home]
        if late > 1e-9 * slots.assignment.loads[j][home]:
            slots.plan.late[j, home] = late


def _divide(slots: _Slots, j: int, job: Job) -> None:
    """What of every shard must stay at home, and what may be anywhere."""
    slots.stay, slots.todo, slots.load = {}, {}, {}
    problem = slots.problem
    can_move = problem.policy.offload_tasks and any(job.may_move_to(node.name) for node in problem.nodes)
    for home, batches in slots.assignment.loads[j].items():
        leave = min(batches, job.may_leave(problem.nodes[home].name)) if can_move else 0.0
        if job.can_work(problem.nodes[home].name):
            leave = min(leave, max(0.0, batches - job.minimum_batches_per_worker))
        slots.stay[home], slots.todo[home] = batches - leave, leave


def _take_from_dirtiest(slots: _Slots, j: int, entry: Entry, dirtiest_last: list[int]) -> None:
    """Fill a slot with batches of other nodes, those of the dirtiest home first; homes without any left go."""
    while dirtiest_last:
        home = dirtiest_last[-1]
        if home == entry.node and len(dirtiest_last) > 1:
            home = dirtiest_last[-2]
        if home == entry.node or not _take(slots, j, entry, home, slots.todo):
            return
        if slots.todo[home] <= 0:
            dirtiest_last.remove(home)


def _dirt(problem: Problem, job: Job, home: int) -> float:
    node = problem.nodes[home]
    if not job.can_work(node.name):
        return float("inf")
    zone = problem.intensity_grams_per_kilowatt_hour[node.grid_zone]
    return min(zone[t] for t in job.window) * watt_hours_per_batch(problem, job, home)


def _take(slots: _Slots, j: int, entry: Entry, home: int, source: dict[int, float]) -> bool:
    """Put batches of a home into a slot; tells whether the slot may have room for more of another home."""
    k, t, tier = entry.node, entry.period, entry.tier
    wanted = source.get(home, 0.0)
    if wanted <= 0:
        return home != k
    job = slots.problem.jobs[j]
    each = hours_per_batch(slots.problem, job, k)
    energy = watt_hours_per_batch(slots.problem, job, k)
    room = slots.plan.spare[k][t] / each if each > 0 else float("inf")
    if tier is not Tier.GRID and energy > 0:
        room = min(room, _spare_energy(slots, k, t, tier) / energy)
    if home != k:
        room = min(room, _room_to_move(slots, j, home, (k, t)))
    part = min(wanted, room)
    if part <= 0 or (home != k and slots.load.get(k, 0.0) + part < job.minimum_batches_per_worker):
        return False
    _book(slots, j, (home, k, t, tier), part)
    source[home] = wanted - part
    return part >= wanted


def _spare_energy(slots: _Slots, k: int, t: int, tier: Tier) -> float:
    """Watt-hours of spare harvest that a slot of this tier still has."""
    if tier is Tier.OWN:
        return slots.own[k][t]
    return max((slots.pooled[p][t] * slots.problem.energy_pools[p].efficiency for p in slots.pools_of[k]), default=0.0)


def _room_to_move(slots: _Slots, j: int, home: int, where: Pair) -> float:
    k, t = where
    job, network = slots.problem.jobs[j], slots.problem.network
    room = slots.assignment.may_leave[j, home]
    if job.gigabytes_per_batch > 0:
        room = min(room, slots.assignment.may_store[k] / job.gigabytes_per_batch)
        hours = job.gigabytes_per_batch * network.seconds_per_gigabyte / SECONDS_PER_HOUR
        if hours > 0:
            work = hours_per_batch(slots.problem, job, k) if t == 0 else 0.0
            room = min(room, (slots.plan.spare[home][0] + slots.kept[home]) / hours)
            room = min(room, (slots.plan.spare[k][0] + slots.kept[k]) / (hours + work))
    return max(0.0, room)


def _book(slots: _Slots, j: int, where: tuple[int, int, int, Tier], part: float) -> None:
    home, k, t, tier = where
    job = slots.problem.jobs[j]
    energy = watt_hours_per_batch(slots.problem, job, k) * part
    place = (j, home, k, t)
    slots.plan.flows[place] = slots.plan.flows.get(place, 0.0) + part
    slots.plan.spare[k][t] -= part * hours_per_batch(slots.problem, job, k)
    slots.load[k] = slots.load.get(k, 0.0) + part
    if tier is Tier.OWN:
        slots.own[k][t] = max(0.0, slots.own[k][t] - energy)
        for p in slots.pools_of[k]:
            slots.pooled[p][t] = max(0.0, slots.pooled[p][t] - energy)
    elif tier is Tier.POOLED:
        p = max(slots.pools_of[k], key=lambda p: slots.pooled[p][t] * slots.problem.energy_pools[p].efficiency)
        slots.pooled[p][t] = max(0.0, slots.pooled[p][t] - energy / slots.problem.energy_pools[p].efficiency)
    if home != k:
        volume = part * job.gigabytes_per_batch
        moving = volume * slots.problem.network.seconds_per_gigabyte / SECONDS_PER_HOUR
        for end in (home, k):
            from_kept = min(slots.kept[end], moving)
            slots.kept[end] -= from_kept
            slots.plan.spare[end][0] -= moving - from_kept
        slots.assignment.may_leave[j, home] -= part
        slots.assignment.may_store[k] -= volume


def _place_rounds(slots: _Slots, j: int, job: Job) -> None:
    """Rounds of a synchronous job at home, cheapest periods first."""
    problem = slots.problem
    shards = slots.assignment.loads[j]
    left = 1.0
    for t in sorted(job.window, key=lambda t: _round_grams(slots, job, shards, t)):
        part = left
        for home, batches in shards.items():
            hours = batches * hours_per_batch(problem, job, home)
            if hours > 0:
                part = min(part, max(0.0, slots.plan.spare[home][t]) / hours)
        for home, batches in shards.items():
            if part > 0:
                tier = Tier.OWN if slots.own[home][t] > 0 else Tier.GRID
                _book(slots, j, (home, home, t, tier), part * batches)
        left -= max(0.0, part)
    if left > 1e-9:
        for home, batches in shards.items():
            slots.plan.late[j, home] = left * batches


def _round_grams(slots: _Slots, job: Job, shards: dict[int, float], t: int) -> float:
    """Grams that a whole round would cost in a period, after spare harvest."""
    problem = slots.problem
    grams = 0.0
    for home, batches in shards.items():
        node = problem.nodes[home]
        if job.can_work(node.name):
            energy = batches * watt_hours_per_batch(problem, job, home)
            grid = max(
                0.0, energy - _spare_energy(slots, home, t, Tier.OWN) - _spare_energy(slots, home, t, Tier.POOLED)
            )
            grams += grid * problem.intensity_grams_per_kilowatt_hour[node.grid_zone][t]
    return grams
