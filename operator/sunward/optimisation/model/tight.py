"""Rows that every plan meets anyway, for the sake of the bound: who is off neither works nor moves data.

The rows of time say so too, but only in proportion: a thousandth of an hour awake would pay for a thousandth of the
hour's work, and data take so little time that a relaxation moves all of them in a sliver of the first period. And what
has to be done at home takes whole periods. Added to exact models only; an elastic model may miss the rows of time, and
must not be held by these instead.
"""

import math
from dataclasses import dataclass
from itertools import product

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.model.work import movable
from sunward.optimisation.problem.instance import Job

WORTHWHILE = 0.999
"""A flow's limit below this share of what fits into a period is tighter than the row of time."""
ROUNDING = 1e-6
"""Share of a period that does not count when periods are rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Periods first to end (half-open, from 0) and the hours that every node has to work at home within them."""

    first: int
    end: int
    hours: tuple[float, ...]


def add_tightening(plan: PlanModel) -> None:
    """Rows between flows and the integers that say who is on; none for nodes that are always on."""
    choosers = [i for i in range(len(plan.problem.nodes)) if any(_is_choice(plan, i, t) for t in plan.periods)]
    if plan.relaxed or not choosers:
        return
    for j, job in enumerate(plan.problem.jobs):
        if job.total_batches > 0:
            _add_moves(plan, j, job)
    _add_work(plan)
    spans = _spans(plan)
    for i in choosers:
        _add_whole_periods(plan, i, spans)


def _is_choice(plan: PlanModel, i: int, t: int) -> bool:
    return plan.matrix.integer[plan.on[i, t]]


def _add_moves(plan: PlanModel, j: int, job: Job) -> None:
    """Data leave and reach a node only if it is on in the first period, all of them."""
    if job.gigabytes_per_batch * plan.problem.network.seconds_per_gigabyte <= 0:
        return
    move = movable(plan, job)
    for flows, limits in ((plan.leaving, move.leave), (plan.arriving, move.arrive)):
        for i, most in limits.items():
            terms = [(flows[j, i, t], 1.0) for t in (-1, *job.window) if (j, i, t) in flows]
            if _is_choice(plan, i, 0):
                plan.matrix.add_row([*terms, (plan.on[i, 0], -most)], upper=0.0)


def _add_work(plan: PlanModel) -> None:
    """A shard smaller than a period's work still needs its node on for it."""
    for (j, i, t), column in plan.at_home.items():
        seconds = plan.problem.jobs[j].seconds_per_batch[plan.problem.nodes[i].name]
        most = plan.matrix.upper[column]
        if 0 < most * seconds < WORTHWHILE * plan.problem.period_seconds and _is_choice(plan, i, t):
            plan.matrix.add_row([(column, 1.0), (plan.on[i, t], -most)], upper=0.0)


def _add_whole_periods(plan: PlanModel, i: int, spans: list[_Span]) -> None:
    """In every span a node is on for at least the whole periods that its own share of the work takes there.

    A node that starts once stays on: if k periods are needed by the end of a span, it is on k periods before that.
    """
    once = plan.problem.policy.partial_period_sleep
    wake = plan.problem.nodes[i].wake_seconds / SECONDS_PER_HOUR if once else 0.0
    for span in spans:
        hours = span.hours[i]
        count = math.ceil((hours + wake) / plan.hours - ROUNDING) if hours > 0 else 0
        if not 0 < count <= span.end - span.first:
            continue
        if once:
            plan.matrix.add_row([(plan.on[i, span.end - count], 1.0)], lower=1.0)
        else:
            plan.matrix.add_row([(plan.on[i, t], 1.0) for t in range(span.first, span.end)], lower=float(count))


def _spans(plan: PlanModel) -> list[_Span]:
    """Every span from the release of one job to the deadline of one, with the work that cannot leave it."""
    jobs = plan.problem.jobs
    windows = [job.window for job in jobs]
    at_home = [_hours_at_home(plan, job) for job in jobs]
    pairs = product({window.start for window in windows}, {window.stop for window in windows})
    found = []
    for first, end in sorted((first, end) for first, end in pairs if first < end):
        inside = [
            hours for hours, window in zip(at_home, windows, strict=True) if first <= window[0] < window.stop <= end
        ]
        found.append(_Span(first=first, end=end, hours=tuple(sum(column) for column in zip(*inside, strict=True))))
    return [span for span in found if span.hours]


def _hours_at_home(plan: PlanModel, job: Job) -> tuple[float, ...]:
    """Hours of work that every node has to do on its own shard, whatever may leave."""
    move = movable(plan, job)
    hours = []
    for i, node in enumerate(plan.problem.nodes):
        stays = job.batches.get(node.name, 0.0) - move.leave.get(i, 0.0)
        seconds = job.seconds_per_batch[node.name] if job.can_work(node.name) else 0.0
        hours.append(max(0.0, stays) * seconds / SECONDS_PER_HOUR)
    return tuple(hours)
