"""The static part of a node's reply: where its cost bends and what it may do, computed once per problem.

A node without choices of on and off is one row. A node that may stay off, or may export only when it takes nothing
from the grid, is one row per mode, and the reply is its cheapest row. The derivation is in
docs/optimisation-model.md; the arrays here are its symbols. Knows columns, not prices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.decomposition.columnar import NO_POOL, Columns, Flags, Floats, Integers

SLACK = 1e-9
"""Share of a limit by which rounding may miss it."""
SMALLEST_HALF = 32
"""Nodes below which a group is not split, so that a sum never speaks of a few of them."""

Awake = Literal["free", "whole", "none"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Arrays (modes * nodes,): a stretch of all nodes per mode. Energy in Wh, emissions in grams, work in batches.

    Work is counted relative to doing one's own shard at home.

    With x batches received or y sent, the demand is `demand + per_received * x - per_sent * y` Wh and the fixed
    emissions are `grams + grams_received * x - grams_sent * y`. Of the `harvest`, `kept` Wh may never leave the node
    and `sellable` Wh may. `grid` is the grid's grams per Wh, infinite where the mode takes nothing from it. The
    inverses turn Wh into batches; `impossible` marks a mode that cannot hold its own shard.
    """

    grid: Floats
    kept: Floats
    harvest: Floats
    sellable: Floats
    demand: Floats
    grams: Floats
    per_received: Floats
    per_sent: Floats
    grams_received: Floats
    grams_sent: Floats
    receive_least: Floats
    receive_most: Floats
    send_least: Floats
    send_most: Floats
    asleep: Floats
    inverse_received: Floats
    inverse_sent: Floats
    impossible: Flags

    def __len__(self) -> int:
        return len(self.grid)

    def take(self, index: slice | Integers | Flags) -> "Rows":
        """The rows at `index`, (entries,), in that order."""
        return Rows(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Nodes that face the same prices and have the same modes; `rows` has a stretch of len(nodes) per mode."""

    nodes: Integers  # (nodes,), positions in the fleet
    pool: int
    efficiency: float
    modes: tuple[tuple[Awake, bool], ...]
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """A node that can do its shard neither at home nor by sending all it may: `shortfall` batches are too many."""

    node: int
    shortfall: float


def groups(columns: Columns) -> tuple[Group, ...]:
    """Splits the fleet by pool, by modes, and into a cleaner and a dirtier half; every node is in exactly one group.

    The halves are told apart because two sums that move differently with the prices save the coordinator about half
    of its rounds; groups below `SMALLEST_HALF` nodes stay whole, so that a sum never speaks of a few nodes.
    """
    found: list[Group] = []
    for pool, efficiency, members in _by_pool(columns):
        for modes, all_nodes in _by_modes(columns, members, pool):
            for nodes in _halves(columns, all_nodes):
                rows = [_rows(columns, nodes, awake=awake, exporting=exporting) for awake, exporting in modes]
                found.append(
                    Group(nodes=nodes, pool=pool, efficiency=efficiency, modes=modes, rows=_concatenated(rows))
                )
    return tuple(found)


def _halves(columns: Columns, nodes: Integers) -> Iterator[Integers]:
    if len(nodes) < 2 * SMALLEST_HALF:
        yield nodes
        return
    intensity = columns.intensity_grams_per_kilowatt_hour[nodes]
    dirty = intensity > np.partition(intensity, len(nodes) // 2)[len(nodes) // 2]
    yield from (half for half in (nodes[~dirty], nodes[dirty]) if len(half))


def overloads(group: Group) -> tuple[Overload, ...]:
    """The nodes of the group that no mode can serve, whatever the others do."""
    count = len(group.nodes)
    excess = (group.rows.send_least - group.rows.send_most).reshape(-1, count).min(axis=0)
    bad = np.flatnonzero(group.rows.impossible.reshape(-1, count).all(axis=0))
    return tuple(Overload(node=int(group.nodes[index]), shortfall=float(excess[index])) for index in bad)


def missing_workers(columns: Columns, parts: Sequence[Group]) -> int:
    """How many of the job's workers can certainly not be found, whatever the prices; 0 where that is not certain.

    Counts the nodes that can hold a worker's smallest amount, the ones that need the fewest moved batches first, as far
    as what the others may send and the job's batches go. Without a smallest amount every node may be called a worker.
    """
    smallest, wanted = columns.settings.minimum_batches_per_worker, columns.settings.minimum_workers
    if smallest <= 0:
        return max(0, wanted - len(columns))
    most, movable = np.zeros(len(columns)), 0.0
    for group in parts:
        rows, count = group.rows, len(group.nodes)
        net = np.where(rows.impossible, -np.inf, rows.receive_most - rows.send_least).reshape(-1, count).max(axis=0)
        most[group.nodes] = columns.batches[group.nodes] + net
        movable += float(np.where(rows.impossible, 0.0, rows.send_most).reshape(-1, count).max(axis=0).sum())
    needed = np.sort(np.maximum(smallest - columns.batches[most >= smallest * (1 - SLACK)], 0.0))
    served = int(np.count_nonzero(np.cumsum(needed) <= movable * (1 + SLACK) + SLACK))
    return max(0, wanted - min(served, int(columns.batches.sum() * (1 + SLACK) / smallest)))


def _by_pool(columns: Columns) -> Iterator[tuple[int, float, Integers]]:
    """Members by pool; a pool into which no node can send counts as none, for nothing can be drawn from it."""
    pool = np.full(len(columns), NO_POOL, np.int32)
    if columns.settings.share_energy and len(columns.pool_efficiency):
        sellable = columns.harvest_watt_hours * columns.maximum_export_ratio
        joined = columns.pool != NO_POOL
        supply = np.bincount(columns.pool[joined], sellable[joined], minlength=len(columns.pool_efficiency))
        pool[joined] = np.where(supply[columns.pool[joined]] > 0, columns.pool[joined], NO_POOL)
    if not len(pool):
        return
    order = np.argsort(pool, kind="stable").astype(np.int32)
    found, starts = np.unique(pool[order], return_index=True)
    for index, members in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
        yield index, 1.0 if index == NO_POOL else float(columns.pool_efficiency[index]), members


def _by_modes(
    columns: Columns, members: Integers, pool: int
) -> Iterator[tuple[tuple[tuple[Awake, bool], ...], Integers]]:
    settings = columns.settings
    sleepable = columns.can_sleep[members] if settings.sleep else np.zeros(len(members), np.bool_)
    chooses = sleepable & ~columns.initially_awake[members] if settings.partial_period_sleep else sleepable
    exports: tuple[bool, ...] = (pool != NO_POOL,)
    if settings.surplus_only and pool != NO_POOL:
        exports = (False, True)
    cases: tuple[tuple[tuple[Awake, ...], Flags], ...] = (
        (("free",), sleepable & ~chooses),
        (("whole",), ~sleepable),
        (("free", "none") if settings.partial_period_sleep else ("whole", "none"), chooses),
    )
    for awakes, where in cases:
        if where.any():
            yield tuple((awake, export) for awake in awakes for export in exports), members[where]


def _rows(columns: Columns, nodes: Integers, *, awake: Awake, exporting: bool) -> Rows:
    settings, hours = columns.settings, columns.settings.period_hours
    surplus_rule = settings.surplus_only and exporting
    grid = columns.intensity_grams_per_kilowatt_hour[nodes] / WATT_HOURS_PER_KILOWATT_HOUR
    harvest = columns.harvest_watt_hours[nodes]
    sellable = harvest * columns.maximum_export_ratio[nodes] if exporting else np.zeros(len(nodes))
    limits = _limits(columns, nodes, 0.0 if awake == "none" else hours)
    work = _work(columns, nodes, awake)
    return Rows(
        grid=np.full(len(nodes), np.inf) if surplus_rule else grid,
        kept=harvest - sellable,
        harvest=harvest,
        sellable=sellable,
        asleep=np.full(len(nodes), 1.0 if awake == "none" else 0.0),
        inverse_received=_inverse(work["per_received"]),
        inverse_sent=_inverse(work["per_sent"]),
        impossible=limits["send_least"] > limits["send_most"] * (1 + SLACK) + SLACK,
        **work,
        **limits,
    )


def _inverse(slope: Floats) -> Floats:
    """1/slope; 1 where the slope is not positive, because the reply is then at a bound whatever its scale."""
    return np.divide(1.0, slope, out=np.ones_like(slope), where=slope > 0)


def _work(columns: Columns, nodes: Integers, awake: Awake) -> dict[str, Floats]:
    """Demand and fixed emissions of a mode (constraints 4 and 6, and the embodied term of the objective)."""
    settings, hours = columns.settings, columns.settings.period_hours
    works = columns.can_work[nodes]
    energy = np.where(works, columns.watt_hours_per_batch[nodes], 0.0)
    time, transfer = _hours_per_batch(columns, nodes)
    batches = np.where(works, columns.batches[nodes], 0.0)
    waking = ~columns.initially_awake[nodes] & (awake != "none")
    wake_hours = np.where(waking, columns.wake_seconds[nodes] / SECONDS_PER_HOUR, 0.0)
    asleep = columns.asleep_watts[nodes]
    extra = columns.idle_watts[nodes] - asleep
    embodied = columns.embodied_grams_per_hour[nodes] if settings.include_embodied else np.zeros(len(nodes))
    fixed_hours = {"free": time * batches + wake_hours, "whole": np.full(len(nodes), hours), "none": 0.0 * time}[awake]
    own = 1.0 if awake == "free" else 0.0
    size = settings.gigabytes_per_batch
    transit = (
        size * settings.transit_watt_hours_per_gigabyte * settings.transit_intensity_grams_per_kilowatt_hour
    ) / WATT_HOURS_PER_KILOWATT_HOUR
    return {
        "demand": asleep * hours
        + extra * fixed_hours
        + energy * batches
        + np.where(waking, columns.wake_watt_hours[nodes], 0.0),
        "grams": embodied * fixed_hours,
        "per_received": energy + size * settings.receive_watt_hours_per_gigabyte + own * extra * (time + transfer),
        "per_sent": energy - size * settings.send_watt_hours_per_gigabyte + own * extra * (time - transfer),
        "grams_received": own * embodied * (time + transfer),
        "grams_sent": own * embodied * (time - transfer) - transit,
    }


def _hours_per_batch(columns: Columns, nodes: Integers) -> tuple[Floats, float]:
    time = np.where(columns.can_work[nodes], columns.seconds_per_batch[nodes], 0.0) / SECONDS_PER_HOUR
    settings = columns.settings
    return time, settings.seconds_per_gigabyte * settings.gigabytes_per_batch / SECONDS_PER_HOUR


def _limits(columns: Columns, nodes: Integers, hours: float) -> dict[str, Floats]:
    """How many batches a mode with `hours` awake can receive and must or may send (constraints 2 and 4)."""
    settings = columns.settings
    ratio = settings.maximum_offload_ratio if settings.offload_tasks else 0.0
    works, batches = columns.can_work[nodes], columns.batches[nodes]
    time, transfer = _hours_per_batch(columns, nodes)
    wakes = ~columns.initially_awake[nodes] & (hours > 0)
    spare = hours - np.where(wakes, columns.wake_seconds[nodes] / SECONDS_PER_HOUR, 0.0) - time * batches
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(time + transfer > 0, spare / (time + transfer), np.where(spare >= 0, np.inf, -np.inf))
        gained = np.where(time != transfer, spare / (transfer - time), np.where(spare >= 0, 0.0, np.inf))
    least = np.where(works, np.where((time >= transfer) | (spare < 0), np.maximum(gained, 0.0), 0.0), batches)
    least = np.where((spare < -SLACK * hours) & (time <= transfer), np.inf, least)
    most = np.where((time < transfer) & (spare >= 0), np.minimum(ratio * batches, gained), ratio * batches)
    held = columns.storage_gigabytes[nodes]
    stored = held / settings.gigabytes_per_batch if settings.gigabytes_per_batch > 0 else np.full(len(nodes), np.inf)
    receive = np.minimum(np.minimum(room, stored), ratio * columns.batches.sum())
    may = columns.can_receive[nodes] & works
    return {
        "receive_least": np.zeros(len(nodes)),
        "receive_most": np.where(may, np.maximum(receive, 0.0), 0.0),
        "send_least": least,
        "send_most": most,
    }


def _concatenated(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return Rows(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)})


def fixed(group: Group, mode: Integers) -> tuple[Group, ...]:
    """The group with every node held to its entry of `mode`, (nodes,): one group per mode in use."""
    held = []
    for index in np.unique(mode):
        chosen = np.flatnonzero(mode == index).astype(np.int32)
        rows = group.rows.take((index * len(group.nodes) + chosen).astype(np.int32))
        held.append(replace(group, nodes=group.nodes[chosen], modes=(group.modes[int(index)],), rows=rows))
    return tuple(held)
