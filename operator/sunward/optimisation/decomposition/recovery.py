"""From a mixture of replies to a plan that meets every constraint, by columns.

The mixture of the nodes' replies meets the coupling rows up to the master's rounding. Here the rounding is removed:
batches and energy are balanced by scaling, a node never sends and receives the same thing, and the grid fills what
is left. Each step keeps every node's own constraints and none raises emissions beyond the rounding it removes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.decomposition.columnar import NO_POOL, Columns, Integers, PerNode
from sunward.optimisation.decomposition.reply import Detail
from sunward.optimisation.decomposition.rows import Awake, Group, Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture:
    """One group's replies mixed with the master's weights, and the mode that weighs most at each node."""

    detail: Detail
    undecided: Integers
    """Positions in the group of nodes whose replies mix several modes, (entries,)."""


def mix(group: Group, details: Sequence[Detail], weights: Sequence[float]) -> Mixture:
    """The weighted sum of replies; weights sum to 1."""
    share = np.zeros((len(group.modes), len(group.nodes)))
    moved, sent, drawn = (np.zeros(len(group.nodes)) for _ in range(3))
    for detail, weight in zip(details, weights, strict=True):
        moved += weight * detail.moved
        sent += weight * detail.sent
        drawn += weight * detail.drawn
        if len(group.modes) > 1:
            share[detail.mode, np.arange(len(group.nodes))] += weight
    undecided = np.flatnonzero(share.max(axis=0) < 1 - 1e-9) if len(group.modes) > 1 else np.zeros(0, np.int64)
    mode = share.argmax(axis=0) if len(group.modes) > 1 else np.zeros(len(group.nodes))
    detail = Detail(moved=moved, sent=sent, drawn=drawn, mode=mode.astype(np.int32))
    return Mixture(detail=detail, undecided=undecided.astype(np.int32))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnPlan:
    """A complete plan by columns, one entry per node in the order of the problem. Units as in the names."""

    received_batches: PerNode
    sent_batches: PerNode
    sent_watt_hours: PerNode
    drawn_watt_hours: PerNode
    grid_watt_hours: PerNode
    harvest_used_watt_hours: PerNode
    awake_hours: PerNode
    on: Integers  # (nodes,), 1 where the node is on
    objective_grams: float

    @property
    def balanced(self) -> bool:
        """Whether all that is sent is received; only forced workers can leave too few batches to go round."""
        sent, received = float(self.sent_batches.sum()), float(self.received_batches.sum())
        return abs(sent - received) <= 1e-9 * max(sent, received)


def repair(columns: Columns, parts: Sequence[tuple[Group, Detail]]) -> ColumnPlan:
    """The plan that a decided mixture stands for: every node in one mode, every row balanced."""
    rows = _scatter_rows(columns, parts)
    moved = _balanced_batches(rows, _scatter(columns, parts, "moved"))
    demand = np.maximum(
        rows.demand + np.maximum(moved, 0.0) * rows.per_received + np.minimum(moved, 0.0) * rows.per_sent, 0.0
    )
    sent, drawn = _balanced_energy(
        columns, rows, demand, _scatter(columns, parts, "sent"), _scatter(columns, parts, "drawn")
    )
    own, grid = _filled(columns, rows, demand, sent, drawn)
    awake = _awake(columns, parts, moved)
    plan = ColumnPlan(
        received_batches=np.maximum(moved, 0.0),
        sent_batches=np.maximum(-moved, 0.0),
        sent_watt_hours=sent,
        drawn_watt_hours=drawn,
        grid_watt_hours=grid,
        harvest_used_watt_hours=own + sent,
        awake_hours=awake,
        on=(1 - rows.asleep).astype(np.int32),
        objective_grams=_emissions(columns, moved, grid, own + sent, awake),
    )
    return plan


def _scatter(columns: Columns, parts: Sequence[tuple[Group, Detail]], name: str) -> PerNode:
    whole = np.zeros(len(columns))
    for group, detail in parts:
        whole[group.nodes] = getattr(detail, name)
    return whole


def _scatter_rows(columns: Columns, parts: Sequence[tuple[Group, Detail]]) -> Rows:
    """The row of every node in its decided mode, in the order of the problem."""
    whole: dict[str, Any] = {
        name: np.zeros(len(columns), np.bool_ if name == "impossible" else np.float64) for name in Rows.__slots__
    }
    for group, detail in parts:
        chosen = group.rows
        if len(group.modes) > 1:
            chosen = group.rows.take((detail.mode * len(group.nodes) + np.arange(len(group.nodes))).astype(np.int32))
        for name, column in whole.items():
            column[group.nodes] = getattr(chosen, name)
    return Rows(**whole)


def _balanced_batches(rows: Rows, moved: PerNode) -> PerNode:
    """Received and sent batches within their bounds and equal in total."""
    received = np.clip(moved, rows.receive_least, rows.receive_most)
    sent = np.clip(-moved, rows.send_least, rows.send_most)
    received[sent > 0] = 0.0
    surplus = received.sum() - sent.sum()
    if surplus > 0:
        received = _lowered(received, rows.receive_least, surplus)
        sent = _raised(sent, np.where(received > 0, 0.0, rows.send_most), received.sum() - sent.sum())
    elif surplus < 0:
        sent = _lowered(sent, rows.send_least, -surplus)
        received = _raised(received, np.where(sent > 0, 0.0, rows.receive_most), sent.sum() - received.sum())
    return np.asarray(received - sent)


def _lowered(amounts: PerNode, least: PerNode, excess: float) -> PerNode:
    """Takes `excess` from the amounts, in proportion to what each has above its least, as far as it goes."""
    spare = amounts - least
    total = spare.sum()
    return np.asarray(amounts - spare * min(1.0, excess / total)) if total > 0 else amounts


def _raised(amounts: PerNode, most: PerNode, missing: float) -> PerNode:
    room = np.maximum(most - amounts, 0.0)
    total = room.sum()
    return np.asarray(amounts + room * min(1.0, max(missing, 0.0) / total)) if total > 0 else amounts


def _balanced_energy(
    columns: Columns, rows: Rows, demand: PerNode, sent: PerNode, drawn: PerNode
) -> tuple[PerNode, PerNode]:
    """Wh sent and drawn, equal in every pool; what a node would both send and draw it uses itself."""
    sent = np.clip(sent, 0.0, rows.sellable)
    drawn = np.maximum(drawn, 0.0)
    pooled = columns.pool != NO_POOL
    if not len(columns.pool_efficiency) or not columns.settings.share_energy:
        return np.zeros_like(sent), np.zeros_like(drawn)
    efficiency = np.where(pooled, columns.pool_efficiency[columns.pool], 1.0)
    drawn = np.minimum(drawn, demand / efficiency)
    both = np.minimum(sent, drawn * efficiency)
    sent, drawn = sent - both, drawn - both / efficiency
    index = np.where(pooled, columns.pool, len(columns.pool_efficiency))
    slots = len(columns.pool_efficiency) + 1
    sums = [np.bincount(index, amounts, slots).astype(np.float64) for amounts in (sent, drawn)]  # no node: integers
    common = np.minimum(*sums)
    common[-1] = 0.0
    shares = [np.divide(common, total, out=np.zeros_like(common), where=total > 0) for total in sums]
    return sent * shares[0][index], drawn * shares[1][index]


def _filled(columns: Columns, rows: Rows, demand: PerNode, sent: PerNode, drawn: PerNode) -> tuple[PerNode, PerNode]:
    """Own harvest and grid that meet the rest of the demand, the cheaper first."""
    settings = columns.settings
    pooled = columns.pool != NO_POOL
    efficiency = np.ones(len(columns))
    if len(columns.pool_efficiency):
        efficiency = np.where(pooled, columns.pool_efficiency[columns.pool], 1.0)
    need = np.maximum(demand - drawn * efficiency, 0.0)
    own = np.minimum(need, np.maximum(rows.harvest - sent, 0.0))
    grid_is_cheaper = columns.intensity_grams_per_kilowatt_hour < settings.harvest_intensity_grams_per_kilowatt_hour
    if settings.surplus_only:
        grid_is_cheaper &= sent <= 0
    own[grid_is_cheaper] = 0.0
    return own, need - own


def _awake(columns: Columns, parts: Sequence[tuple[Group, Detail]], moved: PerNode) -> PerNode:
    """Hours awake of every node in its mode."""
    settings = columns.settings
    transfer = settings.seconds_per_gigabyte * settings.gigabytes_per_batch
    seconds = np.where(columns.can_work, columns.seconds_per_batch, 0.0) * (columns.batches + moved)
    seconds += transfer * np.abs(moved) + np.where(columns.initially_awake, 0.0, columns.wake_seconds)
    awake = np.minimum(seconds / SECONDS_PER_HOUR, settings.period_hours)
    for group, detail in parts:
        for index, (kind, _) in enumerate(group.modes):
            _override(awake, kind, group.nodes[detail.mode == index], settings.period_hours)
    return awake


def _override(awake: PerNode, kind: Awake, nodes: Integers, hours: float) -> None:
    if kind != "free":
        awake[nodes] = hours if kind == "whole" else 0.0


def _emissions(columns: Columns, moved: PerNode, grid: PerNode, harvest: PerNode, awake: PerNode) -> float:
    """The objective of the problem, recomputed from the plan."""
    settings = columns.settings
    grams = float(columns.intensity_grams_per_kilowatt_hour @ grid)
    grams += settings.harvest_intensity_grams_per_kilowatt_hour * float(harvest.sum())
    transit = settings.transit_watt_hours_per_gigabyte * settings.transit_intensity_grams_per_kilowatt_hour
    grams += transit * settings.gigabytes_per_batch * float(np.maximum(-moved, 0.0).sum())
    embodied = float(columns.embodied_grams_per_hour @ awake) if settings.include_embodied else 0.0
    return grams / WATT_HOURS_PER_KILOWATT_HOUR + embodied
