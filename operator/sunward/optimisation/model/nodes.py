"""Awake time, starts and stops: constraints 4 and 5 of the problem.

With partial-period sleep, being on costs nothing by itself: awake hours do. So a node that starts awake stays on, and
one that starts asleep is described by the period of its only start. Whole-period sleep needs the full on/off polytope
(Rajan and Takriti, 2005), in which starts and stops are integral as soon as `on` is.
"""

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.model.plan_model import Pair, PlanModel, Relaxed
from sunward.optimisation.problem.instance import Node

Terms = list[tuple[int, float]]


def may_sleep(plan: PlanModel, node: Node) -> bool:
    """Whether the plan may put the node to sleep at all."""
    return plan.problem.policy.sleep and node.can_sleep


def add_nodes(plan: PlanModel) -> None:
    """Columns and rows of every node's awake time and of the limit on sleeping nodes."""
    for i, node in enumerate(plan.problem.nodes):
        if not may_sleep(plan, node):
            _add_always_on(plan, i, node)
        elif plan.problem.policy.partial_period_sleep:
            _add_partial(plan, i, node)
        else:
            _add_whole(plan, i, node)
        for t in plan.periods:
            _add_awake_row(plan, i, node, t)
    _add_sleep_limit(plan)


def _fixed(plan: PlanModel, value: float) -> int:
    return plan.matrix.add_variable(value, lower=value)


def _add_always_on(plan: PlanModel, i: int, node: Node) -> None:
    for t in plan.periods:
        plan.on[i, t] = _fixed(plan, 1.0)
        plan.awake[i, t] = _fixed(plan, plan.hours)
    if not node.initially_awake:
        plan.start[i, 0] = _fixed(plan, 1.0)


def _add_partial(plan: PlanModel, i: int, node: Node) -> None:
    for t in plan.periods:
        plan.awake[i, t] = plan.matrix.add_variable(plan.hours)
        if node.initially_awake:
            plan.on[i, t] = _fixed(plan, 1.0)
        else:
            _add_only_start(plan, i, node, t)
        plan.matrix.add_row([(plan.awake[i, t], 1.0), (plan.on[i, t], -plan.hours)], upper=0.0)


def _add_only_start(plan: PlanModel, i: int, node: Node, t: int) -> None:
    """Once on, always on. `on` is the integer, not `start`: to decide it splits the horizon into before and after."""
    possible = node.wake_seconds <= plan.problem.period_seconds
    wakes_free = node.wake_watt_hours <= 0 and node.wake_seconds <= 0
    forced = 1.0 if wakes_free and t == 0 else 0.0
    plan.start[i, t] = plan.matrix.add_variable(float(possible), lower=forced)
    plan.on[i, t] = plan.matrix.add_variable(1.0, integer=True)
    before = [(plan.on[i, t - 1], -1.0)] if t > 0 else []
    plan.matrix.add_row([(plan.on[i, t], 1.0), *before, (plan.start[i, t], -1.0)], lower=0.0, upper=0.0)


def _add_whole(plan: PlanModel, i: int, node: Node) -> None:
    stop: dict[Pair, int] = {}
    for t in plan.periods:
        plan.awake[i, t] = plan.matrix.add_variable(plan.hours)
        plan.on[i, t] = plan.matrix.add_variable(1.0, integer=True)
        plan.start[i, t] = plan.matrix.add_variable(1.0)
        stop[i, t] = plan.matrix.add_variable(1.0)
        change: Terms = [(plan.on[i, t], 1.0), (plan.start[i, t], -1.0), (stop[i, t], 1.0)]
        if t > 0:
            change.append((plan.on[i, t - 1], -1.0))
        before = float(node.initially_awake) if t == 0 else 0.0
        plan.matrix.add_row(change, lower=before, upper=before)
        starts = [(plan.start[i, tau], 1.0) for tau in range(max(0, t + 1 - node.minimum_awake_periods), t + 1)]
        plan.matrix.add_row([*starts, (plan.on[i, t], -1.0)], upper=0.0)
        stops = [(stop[i, tau], 1.0) for tau in range(max(0, t + 1 - node.minimum_asleep_periods), t + 1)]
        plan.matrix.add_row([*stops, (plan.on[i, t], 1.0)], upper=1.0)
        plan.matrix.add_row([(plan.awake[i, t], 1.0), (plan.on[i, t], -plan.hours)], lower=0.0, upper=0.0)
    _add_most_sleeps(plan, node, list(stop.values()))


def _add_most_sleeps(plan: PlanModel, node: Node, stops: list[int]) -> None:
    if node.maximum_sleeps is not None and node.maximum_sleeps < len(stops):
        plan.matrix.add_row([(column, 1.0) for column in stops], upper=float(node.maximum_sleeps))


def _add_awake_row(plan: PlanModel, i: int, node: Node, t: int) -> None:
    busy: Terms = []
    for j, column in plan.work_terms(i, t):
        busy.append((column, -plan.problem.jobs[j].seconds_per_batch[node.name] / SECONDS_PER_HOUR))
    if (i, t) in plan.start:
        busy.append((plan.start[i, t], -node.wake_seconds / SECONDS_PER_HOUR))
    if t == 0:
        hours_per_gigabyte = plan.problem.network.seconds_per_gigabyte / SECONDS_PER_HOUR
        busy += [(column, -value * hours_per_gigabyte) for side in plan.moved_terms(i) for column, value in side]
    if not any(value for _, value in busy):
        return
    if t == 0 and not may_sleep(plan, node) and node.wake_seconds > plan.problem.period_seconds:
        spare = plan.slack(Relaxed.SLEEP_LIMIT, -1, i, node.wake_seconds / SECONDS_PER_HOUR)
    else:
        spare = plan.slack(Relaxed.TIME, -1, i, 1e6 * plan.hours)
    plan.matrix.add_row([(plan.awake[i, t], 1.0), *busy, *spare], lower=0.0)


def _add_sleep_limit(plan: PlanModel) -> None:
    limit = plan.problem.policy.maximum_asleep_nodes
    count = len(plan.problem.nodes)
    if limit is None or limit >= count:
        return
    for t in plan.periods:
        awake = [(plan.on[i, t], 1.0) for i in range(count)]
        spare = plan.slack(Relaxed.SLEEP_LIMIT, -1, -1, float(count))
        plan.matrix.add_row([*awake, *spare], lower=float(count - limit))
