"""Removes from a mixture of linear replies what only the mixing left: detours of batches, offers that were not taken.

Works on the columns of the whole model and on the draft made of them. Knows no prices.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from sunward.optimisation.model.draft import Draft, loads, needs
from sunward.optimisation.model.matrix import PerColumn
from sunward.optimisation.model.nodes import may_sleep
from sunward.optimisation.model.plan_model import Pair, PlanModel


def settle(plan: PlanModel, values: PerColumn, shares: Mapping[Pair, float]) -> None:
    """Fills the columns that belong to no node and takes home what a node would both send and receive, in place."""
    for where, column in plan.share.items():
        values[column] = shares.get(where, 1.0)
    back: defaultdict[Pair, dict[int, int]] = defaultdict(dict)
    for (j, i, t), column in plan.arriving.items():
        back[j, i][t] = column
    for (j, i, t), column in plan.leaving.items():
        periods = [t] if plan.problem.jobs[j].synchronous else list(back[j, i])
        own = {
            period: (back[j, i][period], plan.at_home[j, i, period])
            for period in periods
            if period in back[j, i] and (j, i, period) in plan.at_home
        }
        _bring_home(values, [column], own)


def trim(plan: PlanModel, draft: Draft) -> None:
    """No node stays awake, harvests or draws for batches that it offered to take and that were not sent; in place."""
    problem = plan.problem
    for i, node in enumerate(problem.nodes):
        if may_sleep(plan, node) and problem.policy.partial_period_sleep and node.idle_watts >= node.asleep_watts:
            draft.awake[i] = 0.0
    need = needs(problem, draft)
    draft.awake = np.maximum(draft.awake, need.hours)
    excess = draft.harvest + draft.discharge - draft.charge - loads(problem, draft, need)
    for (_, i, t), sent in draft.sends.items():
        excess[i, t] -= sent
    for (p, i, t), drawn in draft.draws.items():
        excess[i, t] += problem.energy_pools[p].efficiency * drawn
    excess = np.maximum(excess, 0.0)
    for (p, i, t), drawn in draft.draws.items():
        efficiency = problem.energy_pools[p].efficiency
        less = min(drawn, excess[i, t] / efficiency)
        draft.draws[p, i, t] = drawn - less
        excess[i, t] -= less * efficiency
    draft.harvest = np.maximum(draft.harvest - excess, 0.0)
    _level(draft)


def _bring_home(values: PerColumn, away: list[int], back: dict[int, tuple[int, int]]) -> None:
    """A batch that leaves and one that arrives at the same node cancel: the own one is done in the other's place.

    `away` are the node's leaving columns of a job, `back` its arriving and home columns by period; in place.
    """
    sent = sum(values[column] for column in away)
    taken = sum(values[column] for column, _ in back.values())
    both = min(sent, taken)
    if both <= 0:
        return
    for column in away:
        values[column] *= 1 - both / sent
    for column, home in back.values():
        values[home] += values[column] * both / taken
        values[column] *= 1 - both / taken


def _level(draft: Draft) -> None:
    """No more is sent into a pool than is drawn; what is not sent is not harvested for sending either, in place."""
    sent: defaultdict[tuple[int, int], float] = defaultdict(float)
    drawn: defaultdict[tuple[int, int], float] = defaultdict(float)
    for rows, sums in ((draft.sends, sent), (draft.draws, drawn)):
        for (p, _, t), amount in rows.items():
            sums[p, t] += amount
    for (p, i, t), amount in draft.sends.items():
        if sent[p, t] > drawn[p, t]:
            unused = amount * (1 - drawn[p, t] / sent[p, t])
            draft.sends[p, i, t] = amount - unused
            draft.harvest[i, t] = max(0.0, draft.harvest[i, t] - unused)
