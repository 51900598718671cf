"""From prices to a plan when nodes choose between modes or a job asks for whole workers.

With such choices the coordinator's lower bound still holds, because every node's reply is its true optimum, but the
mixture of replies may put a node half into each of two modes. Here every node is put into one mode, the prices run
once more for the rest, and the plan's distance from the bound is what the caller certifies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sunward.optimisation.decomposition.columnar import Columns, Floats, Integers
from sunward.optimisation.decomposition.fleet import ColumnFleet
from sunward.optimisation.decomposition.recovery import ColumnPlan, Mixture, repair
from sunward.optimisation.decomposition.reply import Detail
from sunward.optimisation.decomposition.rounds import Effort, Rounds
from sunward.optimisation.decomposition.rows import Group, fixed

WORKER_ATTEMPTS = 6
"""Runs in which nodes below the smallest amount are put above it or to zero; each run may bring new ones."""
LARGEST_SEARCH = 12
"""Undecided nodes whose other mode is tried as well; theory leaves only about one per coupling row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planned:
    """A plan, the rounds whose prices it follows, and each group's part of it before the repair."""

    plan: ColumnPlan
    rounds: Rounds[ColumnFleet]
    parts: tuple[tuple[Group, Detail], ...]


def plan_from(columns: Columns, first: Rounds[ColumnFleet], effort: Effort) -> Planned | None:
    """The best plan found for the problem that `first` has bounded; None if no whole plan was found."""
    mixtures = first.fleet.mixtures(first.coordinator.weights())
    if any(len(mixture.undecided) for mixture in mixtures):
        found = _searched(columns, first, mixtures, effort)
    else:
        found = _planned(columns, first, mixtures)
    return found if found is None else _with_workers(columns, found, effort)


def _planned(columns: Columns, rounds: Rounds[ColumnFleet], mixtures: Sequence[Mixture]) -> Planned:
    parts = tuple((group, mixture.detail) for group, mixture in zip(rounds.fleet.parts, mixtures, strict=True))
    return Planned(plan=repair(columns, parts), rounds=rounds, parts=parts)


def _searched(
    columns: Columns, first: Rounds[ColumnFleet], mixtures: Sequence[Mixture], effort: Effort
) -> Planned | None:
    """The majority's modes, else the most capable ones; then each undecided node's other modes, while time lasts."""
    modes = [mixture.detail.mode for mixture in mixtures]
    best = _held(columns, first, modes, effort)
    for fallback in _fallbacks(modes, mixtures):
        if best is None:
            modes = fallback
            best = _held(columns, first, modes, effort)
    if best is None or sum(len(mixture.undecided) for mixture in mixtures) > LARGEST_SEARCH:
        return best
    for neighbour in _neighbours(first, modes, mixtures):
        if effort.seconds_left < 0:
            break
        other = _held(columns, first, neighbour, effort)
        if other is not None and other.plan.objective_grams < best.plan.objective_grams:
            best = other
    return best


def _fallbacks(modes: Sequence[Integers], mixtures: Sequence[Mixture]) -> Iterator[list[Integers]]:
    """Undecided nodes awake and free to use the grid (mode 0); then all nodes so."""
    careful = [mode.copy() for mode in modes]
    for mode, mixture in zip(careful, mixtures, strict=True):
        mode[mixture.undecided] = 0
    yield careful
    yield [np.zeros_like(mode) for mode in modes]


def _neighbours(
    first: Rounds[ColumnFleet], modes: Sequence[Integers], mixtures: Sequence[Mixture]
) -> Iterator[list[Integers]]:
    """One undecided node at a time in another of its modes."""
    for index, (group, mixture) in enumerate(zip(first.fleet.parts, mixtures, strict=True)):
        for node in mixture.undecided.tolist():
            for other in range(len(group.modes)):
                if other != modes[index][node]:
                    changed = list(modes)
                    changed[index] = modes[index].copy()
                    changed[index][node] = other
                    yield changed


def _held(columns: Columns, first: Rounds[ColumnFleet], modes: Sequence[Integers], effort: Effort) -> Planned | None:
    """The best plan with every node in the given mode; None if there is none."""
    groups = [held for group, mode in zip(first.fleet.parts, modes, strict=True) for held in fixed(group, mode)]
    if any(bool(held.rows.impossible.any()) for held in groups):
        return None
    return _rerun(columns, groups, effort)


def _rerun(columns: Columns, groups: Sequence[Group], effort: Effort) -> Planned | None:
    rounds = Rounds(ColumnFleet(columns, groups, effort.workers), effort)
    rounds.go()
    if not np.isfinite(rounds.coordinator.bounds.upper):
        return None
    planned = _planned(columns, rounds, rounds.fleet.mixtures(rounds.coordinator.weights()))
    return planned if planned.plan.balanced else None


def _with_workers(columns: Columns, found: Planned, effort: Effort) -> Planned | None:
    """The plan with enough workers, each with enough batches or none (constraint 10)."""
    settings = columns.settings
    if settings.minimum_workers == 0 and settings.minimum_batches_per_worker == 0:
        return found
    least, most = np.zeros(len(columns)), np.full(len(columns), np.inf)
    for _ in range(WORKER_ATTEMPTS):
        missing = _tighten(columns, found.plan, least, most)
        if missing is None:
            return found
        groups = [_limited(columns, group, least, most) for group in _single_mode_groups(found)]
        if missing > 0 or any(bool(group.rows.impossible.any()) for group in groups):
            return None
        again = _rerun(columns, groups, effort)
        if again is None:
            return None
        found = again
    return None


def _single_mode_groups(found: Planned) -> list[Group]:
    return [held for group, detail in found.parts for held in fixed(group, detail.mode)]


def _tighten(columns: Columns, plan: ColumnPlan, least: Floats, most: Floats) -> int | None:
    """Tightens the batches each node may hold, in place; returns how many workers are missing even so.

    None when the plan is fine as it is. Without a smallest amount every node may be called a worker.
    """
    settings = columns.settings
    smallest = settings.minimum_batches_per_worker
    if smallest == 0:
        missing = settings.minimum_workers - len(columns)
        return missing if missing > 0 else None
    held = columns.batches + plan.received_batches - plan.sent_batches
    rounding = 1e-9 * max(1.0, smallest)
    partial = np.flatnonzero((held > rounding) & (held < smallest - rounding))
    keeps = columns.batches * (1 - settings.maximum_offload_ratio) > rounding
    for node in partial.tolist():
        stays = held[node] >= smallest / 2 or keeps[node]
        least[node], most[node] = (smallest, np.inf) if stays else (0.0, 0.0)
    works = (held >= smallest - rounding) | (least > 0)
    missing = max(0, settings.minimum_workers - int(works.sum()))
    spare = np.flatnonzero(columns.can_receive & ~works)
    chosen = spare[np.argsort(columns.intensity_grams_per_kilowatt_hour[spare], kind="stable")[:missing]]
    least[chosen], most[chosen] = smallest, np.inf
    return None if len(partial) == 0 and missing == 0 else missing - len(chosen)


def _limited(columns: Columns, group: Group, least: Floats, most: Floats) -> Group:
    """The group, already of one mode each, with at least and at most so many batches on each node."""
    rows, shard = group.rows, columns.batches[group.nodes]
    lower, upper = least[group.nodes], most[group.nodes]
    send_least = np.maximum(rows.send_least, shard - upper)
    send_most = np.minimum(rows.send_most, np.where(lower > 0, np.maximum(shard - lower, 0.0), np.inf))
    receive_least = np.maximum(rows.receive_least, lower - shard)
    receive_most = np.minimum(rows.receive_most, np.maximum(upper - shard, 0.0))
    impossible = (send_least > send_most * (1 + 1e-9) + 1e-9) | (receive_least > receive_most * (1 + 1e-9) + 1e-9)
    limits = {"send_least": send_least, "send_most": send_most, "receive_least": receive_least}
    return replace(group, rows=replace(rows, receive_most=receive_most, impossible=impossible, **limits))
