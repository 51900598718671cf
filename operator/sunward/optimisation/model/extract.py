"""From a solver's columns to a draft of the plan: clean, scaled so that every shard's work is complete, paired."""

import numpy as np

from sunward.optimisation.model.draft import Draft, Flow, NodePeriods
from sunward.optimisation.model.flows import transport
from sunward.optimisation.model.matrix import Integers, PerColumn
from sunward.optimisation.model.nodes import may_sleep
from sunward.optimisation.model.plan_model import Pair, PlanModel
from sunward.optimisation.problem.instance import Job, OnPattern

ZERO_TOLERANCE = 1e-9
"""Shares below this are a solver's rounding of zero."""


def draft_of(plan: PlanModel, values: PerColumn) -> Draft:
    """The plan that the columns describe; integers are read at one half."""
    shape = (len(plan.problem.nodes), plan.problem.period_count)
    flows: dict[Flow, float] = {}
    for j, job in enumerate(plan.problem.jobs):
        if job.total_batches > 0:
            _add_job(plan, values, j, job, flows)
    return Draft(
        flows=flows,
        on=_table(plan.on, values, shape) > 0.5,
        awake=_table(plan.awake, values, shape),
        harvest=_table(plan.harvest, values, shape),
        charge=_table(plan.charge, values, shape),
        discharge=_table(plan.discharge, values, shape),
        sends=_positive(plan, plan.sends, values),
        draws=_positive(plan, plan.draws, values),
    )


def _table(columns: dict[Pair, int], values: PerColumn, shape: tuple[int, int]) -> NodePeriods:
    table = np.zeros(shape)
    for (i, t), column in columns.items():
        table[i, t] = max(0.0, values[column])
    return table


def _positive(
    plan: PlanModel, columns: dict[tuple[int, int, int], int], values: PerColumn
) -> dict[tuple[int, int, int], float]:
    upper = plan.matrix.upper
    return {
        where: float(values[column])
        for where, column in columns.items()
        if values[column] > ZERO_TOLERANCE * upper[column]
    }


def _add_job(plan: PlanModel, values: PerColumn, j: int, job: Job, flows: dict[Flow, float]) -> None:
    window = tuple(job.window)
    if not job.synchronous:
        _add_round(plan, values, (j, -1, window), 1.0, flows)
        return
    shares = {t: max(0.0, float(values[plan.share[j, t]])) for t in window}
    shares = {t: share for t, share in shares.items() if share > ZERO_TOLERANCE}
    total = sum(shares.values())
    for t, share in shares.items():
        _add_round(plan, values, (j, t, (t,)), share / total, flows)


def _add_round(
    plan: PlanModel, values: PerColumn, which: tuple[int, int, tuple[int, ...]], share: float, flows: dict[Flow, float]
) -> None:
    """Flows of one job (`which`: job, key of its leaving columns, periods); a `share` of every shard is done."""
    j, left, periods = which
    job = plan.problem.jobs[j]
    leaving: list[tuple[int, float]] = []
    homes: dict[int, dict[int, float]] = {}
    for i, node in enumerate(plan.problem.nodes):
        batches = job.batches.get(node.name, 0.0) * share
        if batches > 0:
            home, away = _shard(plan, values, (j, i, left), periods, batches)
            homes[i] = home
            leaving.append((i, away))
    arriving = _arrivals(plan, values, j, periods, sum(away for _, away in leaving))
    if not arriving:
        _bring_home(homes, leaving, periods)
    for shipment in transport(leaving, arriving):
        _add(flows, (j, shipment.sender, shipment.receiver, shipment.slot), shipment.amount)
    for i, home in homes.items():
        for t, amount in home.items():
            _add(flows, (j, i, i, t), amount)


def _shard(
    plan: PlanModel, values: PerColumn, where: tuple[int, int, int], periods: tuple[int, ...], batches: float
) -> tuple[dict[int, float], float]:
    """What of a shard is done at home by period and what leaves, scaled to all its batches."""
    j, i, left = where
    home = {t: float(values[plan.at_home[j, i, t]]) for t in periods if (j, i, t) in plan.at_home}
    home = {t: amount for t, amount in home.items() if amount > ZERO_TOLERANCE * batches}
    away = float(values[plan.leaving[j, i, left]]) if (j, i, left) in plan.leaving else 0.0
    away = away if away > ZERO_TOLERANCE * batches else 0.0
    total = sum(home.values()) + away
    factor = batches / total if total > 0 else 0.0
    return {t: amount * factor for t, amount in home.items()}, away * factor


def _arrivals(
    plan: PlanModel, values: PerColumn, j: int, periods: tuple[int, ...], moved: float
) -> list[tuple[int, int, float]]:
    found = [
        (k, t, float(values[plan.arriving[j, k, t]]))
        for k in range(len(plan.problem.nodes))
        for t in periods
        if (j, k, t) in plan.arriving
    ]
    found = [(k, t, amount) for k, t, amount in found if amount > ZERO_TOLERANCE * moved]
    total = sum(amount for _, _, amount in found)
    return [(k, t, amount * moved / total) for k, t, amount in found] if total > 0 and moved > 0 else []


def _bring_home(homes: dict[int, dict[int, float]], leaving: list[tuple[int, float]], periods: tuple[int, ...]) -> None:
    """Nothing arrives, so what seemed to leave was rounding: it stays."""
    for i, away in leaving:
        if away > 0:
            t = max(homes[i], key=lambda period: homes[i][period], default=periods[-1])
            homes[i][t] = homes[i].get(t, 0.0) + away


def _add(flows: dict[Flow, float], where: Flow, amount: float) -> None:
    flows[where] = flows.get(where, 0.0) + amount


def implied_integers(plan: PlanModel, values: PerColumn, *, on_from: float) -> PerColumn:
    """Columns of a relaxation with every integer as its flows imply it: who works, exports or charges at all.

    Nodes count as on where they are for more than `on_from` of a period. Whether these integers fit together is for
    the next solve to say.
    """
    implied = np.round(values)
    for column in plan.on.values():
        implied[column] = values[column] > on_from
    done: dict[Pair, float] = {}
    sent: dict[Pair, float] = {}
    for flows in (plan.at_home, plan.arriving):
        for (j, k, _), column in flows.items():
            done[j, k] = done.get((j, k), 0.0) + float(values[column])
    for (_, i, t), column in plan.sends.items():
        sent[i, t] = sent.get((i, t), 0.0) + float(values[column])
    for (j, k), column in plan.works.items():
        implied[column] = done[j, k] > ZERO_TOLERANCE * plan.problem.jobs[j].total_batches
    for (i, t), column in plan.exports.items():
        implied[column] = sent[i, t] > ZERO_TOLERANCE * plan.problem.nodes[i].harvest_watt_hours[t]
    for place, column in plan.charging.items():
        implied[column] = values[plan.charge[place]] > ZERO_TOLERANCE * plan.matrix.upper[plan.charge[place]]
    return implied


def on_columns(plan: PlanModel, start: OnPattern, *, after: int) -> dict[int, bool]:
    """Columns that say whether nodes are on in the periods from `after` (counted from 0) on, as in `start`."""
    return {
        plan.on[i, t]: is_on
        for i, node in enumerate(plan.problem.nodes)
        for t, is_on in enumerate(start.get(node.name, ()))
        if after <= t < plan.problem.period_count
    }


def tidy_sleep(plan: PlanModel, draft: Draft) -> None:
    """Trim idle awake time and switch nodes off after their last use, where neither costs anything.

    Changes no energy price: in partial-period sleep `on` is free, and awake time beyond need only costs.
    """
    problem = plan.problem
    if not problem.policy.partial_period_sleep:
        return
    limit = problem.policy.maximum_asleep_nodes
    room = np.full(problem.period_count, len(problem.nodes) if limit is None else limit)
    room -= np.sum(~draft.on, axis=0)
    for i, node in enumerate(problem.nodes):
        if may_sleep(plan, node):
            used = np.flatnonzero(draft.awake[i] > ZERO_TOLERANCE * plan.hours)
            draft.awake[i][draft.awake[i] <= ZERO_TOLERANCE * plan.hours] = 0.0
            first = int(np.argmax(draft.on[i]))
            kept = 0 if node.initially_awake else first + node.minimum_awake_periods
            off = max(int(used[-1]) + 1 if len(used) else 0, kept)
            if node.maximum_sleeps != 0:
                _switch_off(draft, i, off, room)


def _switch_off(draft: Draft, i: int, off: int, room: Integers) -> None:
    """Off from period `off` on, or later where more may not sleep; `room` is how many more may, (periods,)."""
    tail = np.arange(len(room)) >= off
    full = np.flatnonzero(tail & (room <= 0) & draft.on[i])
    off = int(full[-1]) + 1 if len(full) else off
    room[off:] -= draft.on[i][off:]
    draft.on[i][off:] = False
