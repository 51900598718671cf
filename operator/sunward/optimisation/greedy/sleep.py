"""When nodes are on, by a small dynamic programme per node: the sleep half of the greedy plan. Knows no solver."""

import math

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.model.draft import NodePeriods, OnOff, PerPeriod, PerPeriodFlags
from sunward.optimisation.problem.instance import Node, Problem

FITS = 1 + 1e-9
"""Work that exceeds a period by no more than a solver's rounding fits into it."""

State = tuple[bool, int]
"""Whether a node is on, and for how many periods it has been so, up to the longest minimum."""
Path = tuple[float, tuple[bool, ...]]
"""Grams so far, and on or off in every period so far."""


def on_periods(problem: Problem, busy: NodePeriods, prices: list[list[float]]) -> OnOff | None:
    """Which nodes are on in which periods so that all busy time fits; None where a start takes too long.

    `busy` are hours of work and transfers, (nodes, periods), waking not included; `prices` are grams per watt-hour of
    the grid, a row per node. Honours minimum periods, the limit on sleeping nodes and nodes that may not sleep.
    """
    on: OnOff = np.ones((len(problem.nodes), problem.period_count), dtype=np.bool_)
    for i, node in enumerate(problem.nodes):
        startable = node.initially_awake or node.wake_seconds <= problem.period_seconds
        may_sleep = problem.policy.sleep and node.can_sleep
        if not startable and (not may_sleep or busy[i].any()):
            return None
        if not startable:
            on[i] = False
        elif may_sleep and problem.policy.partial_period_sleep:
            on[i] = _from_first_use(problem, node, busy[i])
        elif may_sleep:
            on[i] = _cheapest(problem, node, busy[i], prices[i])
    return _within_limit(problem, on, busy)


def _from_first_use(problem: Problem, node: Node, busy: PerPeriod) -> PerPeriodFlags:
    """On from the last period that leaves time to wake before the first use; sleepers without use stay asleep."""
    on = np.ones(len(busy), dtype=bool)
    used = np.flatnonzero(busy > 0)
    if node.initially_awake:
        return on
    if not len(used):
        return ~on
    first = int(used[0])
    fits = busy[first] + node.wake_seconds / SECONDS_PER_HOUR <= problem.period_hours * FITS
    on[: first if fits or first == 0 else first - 1] = False
    return on


def _cheapest(problem: Problem, node: Node, busy: PerPeriod, prices: list[float]) -> PerPeriodFlags:
    """Least idle and wake emissions over all on/off patterns that respect the minimum periods.

    Dynamic programming: of all patterns that end in the same state, whose future is the same, only the cheapest counts.
    """
    extra = max(0.0, node.idle_watts - node.asleep_watts) * problem.period_hours
    oldest = max(node.minimum_awake_periods, node.minimum_asleep_periods)
    best: dict[State, Path] = {(node.initially_awake, oldest): (0.0, ())}
    for hours, price in zip(busy, prices, strict=True):
        reached: dict[State, Path] = {}
        for (on, age), (grams, path) in best.items():
            for now in (now for now in (True, False) if _may_be(problem, node, (on, age), now, hours)):
                cost = (
                    grams + (extra * price if now else 0.0) + (node.wake_watt_hours * price if now and not on else 0.0)
                )
                state = (now, min(oldest, age + 1) if now == on else 1)
                if cost < reached.get(state, (math.inf, ()))[0]:
                    reached[state] = (cost, (*path, now))
        best = reached
    if not best:
        return np.ones(len(busy), dtype=bool)
    cheapest = min(best.values(), key=lambda entry: entry[0])[1]
    sleeps = sum(was and not now for was, now in zip((node.initially_awake, *cheapest), cheapest, strict=False))
    too_many = node.maximum_sleeps is not None and sleeps > node.maximum_sleeps
    return np.ones(len(busy), dtype=bool) if too_many else np.array(cheapest, dtype=bool)


def _may_be(problem: Problem, node: Node, state: State, now: bool, busy_hours: float) -> bool:
    """Whether a node in this state may be on (or off) in the next period, in which it is busy for so long."""
    on, age = state
    if not now and busy_hours > 0:
        return False
    if now != on and age < (node.minimum_awake_periods if on else node.minimum_asleep_periods):
        return False
    return on or not now or busy_hours + node.wake_seconds / SECONDS_PER_HOUR <= problem.period_hours * FITS


def _within_limit(problem: Problem, on: OnOff, busy: NodePeriods) -> OnOff | None:
    """The same with nodes kept on until no more sleep than may, those that sleep least first; None if too many must."""
    limit = problem.policy.maximum_asleep_nodes
    if limit is None:
        return on
    order = sorted(range(len(problem.nodes)), key=lambda i: int(np.sum(~on[i])))
    for i in order:
        if np.max(np.sum(~on, axis=0), initial=0) <= limit:
            return on
        node = problem.nodes[i]
        wake = 0.0 if node.initially_awake else node.wake_seconds / SECONDS_PER_HOUR
        if busy[i][0] + wake <= problem.period_hours * FITS:
            on[i] = True
    return on if np.max(np.sum(~on, axis=0), initial=0) <= limit else None
