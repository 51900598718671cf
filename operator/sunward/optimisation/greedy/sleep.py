"""When nodes are on, by a small dynamic programme per node: the sleep half of the greedy plan. Knows no solver."""

import math

import numpy as np

from sunward.optimisation.model.matrix import Floats
from sunward.optimisation.problem.instance import Node, Problem

Flags = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


def on_periods(problem: Problem, busy: Floats, prices: list[list[float]]) -> Flags | None:
    """Which nodes are on in which periods so that all busy time fits; None where a start takes too long.

    `busy` are hours of work and transfers, node x period; waking is added here. Honours minimum periods, the limit
    on sleeping nodes and nodes that may not sleep.
    """
    on: Flags = np.ones((len(problem.nodes), problem.period_count), dtype=np.bool_)
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


def _from_first_use(problem: Problem, node: Node, busy: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """On from the last period that leaves time to wake before the first use; sleepers without use stay asleep."""
    on = np.ones(len(busy), dtype=bool)
    used = np.flatnonzero(busy > 0)
    if node.initially_awake:
        return on
    if not len(used):
        return ~on
    first = int(used[0])
    fits = busy[first] + node.wake_seconds / 3600.0 <= problem.period_hours * (1 + 1e-9)
    on[: first if fits or first == 0 else first - 1] = False
    return on


def _cheapest(
    problem: Problem, node: Node, busy: Floats, prices: list[float]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Least idle and wake emissions over all on/off patterns that respect the minimum periods."""
    wake_hours = node.wake_seconds / 3600.0
    extra = max(0.0, node.idle_watts - node.asleep_watts) * problem.period_hours
    long = max(node.minimum_awake_periods, node.minimum_asleep_periods)
    start: tuple[bool, int] = (node.initially_awake, long)
    best: dict[tuple[bool, int], tuple[float, tuple[bool, ...]]] = {start: (0.0, ())}
    for t, hours in enumerate(busy):
        reached: dict[tuple[bool, int], tuple[float, tuple[bool, ...]]] = {}
        for (on, age), (grams, path) in best.items():
            for now in (True, False):
                if (not now and hours > 0) or (now != on and age < _least(node, on)):
                    continue
                wakes = now and not on
                if wakes and hours + wake_hours > problem.period_hours * (1 + 1e-9):
                    continue
                cost = (
                    grams + (extra * prices[t] if now else 0.0) + (node.wake_watt_hours * prices[t] if wakes else 0.0)
                )
                state = (now, min(long, age + 1) if now == on else 1)
                if cost < reached.get(state, (math.inf, ()))[0]:
                    reached[state] = (cost, (*path, now))
        best = reached
    if not best:
        return np.ones(len(busy), dtype=bool)
    return np.array(min(best.values(), key=lambda entry: entry[0])[1], dtype=bool)


def _least(node: Node, on: bool) -> int:
    return node.minimum_awake_periods if on else node.minimum_asleep_periods


def _within_limit(problem: Problem, on: Flags, busy: Floats) -> Flags | None:
    limit = problem.policy.maximum_asleep_nodes
    if limit is None:
        return on
    order = sorted(range(len(problem.nodes)), key=lambda i: int(np.sum(~on[i])))
    for i in order:
        if np.max(np.sum(~on, axis=0), initial=0) <= limit:
            return on
        node = problem.nodes[i]
        wake = 0.0 if node.initially_awake else node.wake_seconds / 3600.0
        if busy[i][0] + wake <= problem.period_hours * (1 + 1e-9):
            on[i] = True
    return on if np.max(np.sum(~on, axis=0), initial=0) <= limit else None
