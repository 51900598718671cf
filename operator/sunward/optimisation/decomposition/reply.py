"""A fleet's reply to prices: every node's own optimum in closed form, over whole arrays at once.

A node is offered an energy price (grams per Wh in its pool), a task price (grams per batch received) and a price of
staying asleep. Its cost is convex and piecewise linear in the batches it moves, with at most three slopes on either
side, so its best answer is where the marginal cost passes the task price: no solver is needed. The derivation is in
docs/optimisation-model.md. Knows nothing of the other nodes; only `Sums` leave this module for the coordinator.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.decomposition.columnar import NO_POOL, Floats, Integers, PerNode
from sunward.optimisation.decomposition.rows import Group, Rows

CHUNK = 8192
"""Rows answered together: the working set of about forty such arrays stays in a core's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Prices that one group sees: grams per Wh, grams per batch, grams per node asleep. All >= 0."""

    energy: float
    task: float
    asleep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a group reveals: its best cost at the prices, and its net supply of energy, batches and sleepers.

    `grams` is the cost less the payments (the value of the group's part of the Lagrangian). `energy` is sent minus
    drawn Wh, `tasks` received minus sent batches, `asleep` the nodes that stay off.
    """

    grams: float
    energy: float
    tasks: float
    asleep: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detail:
    """Every node's own reply, private to the nodes: batches (+ received, - sent), Wh sent and drawn, chosen mode."""

    moved: PerNode
    sent: PerNode
    drawn: PerNode
    mode: Integers  # (nodes,), positions in the group's modes


@dataclass(frozen=True, slots=True, eq=False)
class _Replies:
    """Grams less payments, batches, Wh sent and drawn of a stretch of nodes."""

    value: PerNode
    moved: PerNode
    sent: PerNode
    drawn: PerNode


def group_sums(group: Group, offer: Offer, harvest_price: float, workers: Executor | None = None) -> Sums:
    """The sums of all nodes' best replies to `offer`; `harvest_price` is grams per harvested Wh."""

    def answer(bounds: tuple[int, int]) -> tuple[float, float, float, float]:
        return _sums(group, *_best(group, offer, harvest_price, bounds))

    parts = tuple((workers.map if workers else map)(answer, _bounds(len(group.nodes))))
    grams, energy, tasks, asleep = np.sum(parts, axis=0).tolist()
    return Sums(grams=grams, energy=energy, tasks=tasks, asleep=asleep)


def group_detail(group: Group, offer: Offer, harvest_price: float) -> Detail:
    """Every node's best reply to `offer`, in the order of `group.nodes`."""
    parts = [_best(group, offer, harvest_price, bounds) for bounds in _bounds(len(group.nodes))]
    return Detail(
        moved=np.concatenate([replies.moved for replies, _ in parts]),
        sent=np.concatenate([replies.sent for replies, _ in parts]),
        drawn=np.concatenate([replies.drawn for replies, _ in parts]),
        mode=np.concatenate([mode for _, mode in parts]),
    )


def _bounds(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, CHUNK):
        yield start, min(start + CHUNK, count)


def _sums(group: Group, replies: _Replies, mode: Integers) -> tuple[float, float, float, float]:
    off = [index for index, (awake, _) in enumerate(group.modes) if awake == "none"]
    return (
        float(replies.value.sum()),
        float(replies.sent.sum() - replies.drawn.sum()),
        float(replies.moved.sum()),
        float(np.isin(mode, off).sum()) if off else 0.0,
    )


def _best(group: Group, offer: Offer, harvest_price: float, bounds: tuple[int, int]) -> tuple[_Replies, Integers]:
    """Replies of the nodes start..stop, each in its cheapest mode, and the index of that mode."""
    start, stop = bounds
    count = len(group.nodes)
    mode = np.zeros(stop - start, np.int32)
    best = _replies(group, slice(start, stop), offer, harvest_price)
    for index in range(1, len(group.modes)):
        found = _replies(group, slice(index * count + start, index * count + stop), offer, harvest_price)
        better = found.value < best.value
        mode[better] = index
        best = _Replies(*(np.where(better, getattr(found, name), getattr(best, name)) for name in _Replies.__slots__))
    return best, mode


def _replies(group: Group, where: slice, offer: Offer, harvest_price: float) -> _Replies:
    """The closed form for one mode of a stretch of nodes."""
    rows = group.rows.take(where)
    pooled = group.pool != NO_POOL
    selling = offer.energy if pooled else 0.0
    pool_price = offer.energy / group.efficiency if pooled else np.inf
    third = np.minimum(rows.grid, pool_price)
    slopes = (np.minimum(third, harvest_price), np.minimum(third, max(selling, harvest_price)), third)
    received = _received(rows, offer.task, slopes)
    dispatched = _dispatched(rows, offer.task, slopes)
    demand = rows.demand + rows.per_received * received - rows.per_sent * dispatched
    uses = _uses(rows, demand)
    moved = received - dispatched
    value = rows.grams + rows.grams_received * received - rows.grams_sent * dispatched - offer.task * moved
    value += slopes[0] * uses[0] + slopes[1] * uses[1] + slopes[2] * uses[2] + offer.asleep * rows.asleep
    value -= max(selling - harvest_price, 0.0) * rows.sellable
    value[rows.impossible] = np.inf
    sent = drawn = np.zeros(len(rows))
    if pooled:
        sent = _sent(rows, uses, third, selling, harvest_price)
        drawn = np.where(rows.grid > pool_price, _bought(uses, third, selling, harvest_price), 0.0) / group.efficiency
    return _Replies(value, moved, sent, drawn)


def _received(rows: Rows, task_price: float, slopes: tuple[Floats, Floats, Floats]) -> Floats:
    """Receive until the next batch would cost more than the task price pays."""
    gain = task_price - rows.grams_received
    first, second, third = (slope * rows.per_received < gain for slope in slopes)
    target = np.where(third, np.inf, np.where(second, rows.harvest, np.where(first, rows.kept, 0.0)))
    target -= rows.demand
    target *= rows.inverse_received
    return np.minimum(np.maximum(target, rows.receive_least), rows.receive_most)


def _dispatched(rows: Rows, task_price: float, slopes: tuple[Floats, Floats, Floats]) -> Floats:
    """Send until the next batch would save less than the task price charges."""
    charge = task_price - rows.grams_sent
    first, second, third = (slope * rows.per_sent > charge for slope in slopes)
    target = np.where(first, 0.0, np.where(second, rows.kept, np.where(third, rows.harvest, np.inf)))
    np.subtract(rows.demand, target, out=target)
    target *= rows.inverse_sent
    return np.minimum(np.maximum(target, rows.send_least), rows.send_most)


def _uses(rows: Rows, demand: Floats) -> tuple[Floats, Floats, Floats]:
    """The demand split over the three slopes: harvest that must stay, harvest that could be sold, the rest."""
    first = np.minimum(demand, rows.kept)
    covered = np.minimum(demand, rows.harvest)
    return first, covered - first, demand - covered


def _sent(
    rows: Rows, uses: tuple[Floats, Floats, Floats], third: Floats, selling: float, harvest_price: float
) -> Floats:
    if selling <= harvest_price:
        return np.zeros(len(rows))
    return rows.sellable - np.where(third < selling, 0.0, uses[1])


def _bought(uses: tuple[Floats, Floats, Floats], third: Floats, selling: float, harvest_price: float) -> Floats:
    """Demand met from outside: beyond the harvest, and in place of harvest that is dearer than what is bought."""
    bought = uses[2] + np.where(third < max(selling, harvest_price), uses[1], 0.0)
    return bought + np.where(third < harvest_price, uses[0], 0.0) if harvest_price > 0 else bought


def offload_saving(group: Group, offer: Offer, harvest_price: float, detail: Detail, ratio_limit: PerNode) -> float:
    """Grams saved per unit of a larger offload ratio: what each node held back by it would still save by sending.

    `ratio_limit` is each node's batches times the ratio, `detail` the plan at hand. 0 where no node is held back.
    """
    rows = group.rows.take((detail.mode * len(group.nodes) + np.arange(len(group.nodes))).astype(np.int32))
    pooled = group.pool != NO_POOL
    selling = offer.energy if pooled else 0.0
    third = np.minimum(rows.grid, offer.energy / group.efficiency if pooled else np.inf)
    second, first = np.minimum(third, max(selling, harvest_price)), np.minimum(third, harvest_price)
    demand = rows.demand + rows.per_sent * detail.moved
    slope = np.where(demand <= rows.kept, first, np.where(demand <= rows.harvest, second, third))
    saving = np.maximum(rows.grams_sent + rows.per_sent * slope - offer.task, 0.0)
    held_back = (detail.moved < 0) & (-detail.moved >= ratio_limit * (1 - 1e-9))
    return float(saving[held_back] @ ratio_limit[held_back])
