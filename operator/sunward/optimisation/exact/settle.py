"""The cheapest energy for work that is already decided: flows and on-periods fixed, everything else optimal."""

from dataclasses import replace

import numpy as np

from sunward.optimisation.model.build import build
from sunward.optimisation.model.draft import Flow, Label, OnOff, finish
from sunward.optimisation.model.extract import draft_of, tidy_sleep
from sunward.optimisation.model.matrix import scaled
from sunward.optimisation.model.nodes import may_sleep
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.model.solvers import Answer, Backend, solve_model
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.verification.plan import check_plan


def settle(problem: Problem, flows: dict[Flow, float], on: OnOff, label: Label, *, seconds: float) -> Solution | None:
    """A verified solution with exactly these flows, in batches; None where no energy, sleep or worker choice fits them.

    `on` counts where nodes sleep for whole periods only; in partial-period sleep being on is free and chosen anew.
    """
    # Whole batches keep only nearly to the shares of synchronous rounds, so these rows are left to the verifier.
    free = replace(problem, jobs=tuple(replace(job, synchronous=False) for job in problem.jobs))
    plan = build(free)
    _fix(plan, flows, on)
    model = plan.matrix.arrays()
    backend = Backend.GSCIP if model.integer.any() else Backend.GLOP
    largest = float(np.max(np.abs(model.cost) * model.upper, initial=0.0))
    answer = solve_model(scaled(model, largest), backend, seconds=seconds, relative_gap=1e-7)
    for tidy in (True, False):
        found = _written(problem, plan, answer, flows, label, tidy=tidy)
        if found is not None and not check_plan(problem, found):
            return found
    return None


def _written(
    problem: Problem, plan: PlanModel, answer: Answer, flows: dict[Flow, float], label: Label, *, tidy: bool
) -> Solution | None:
    if answer.values is None:
        return None
    draft = draft_of(plan, answer.values)
    draft.flows = dict(flows)
    if tidy:
        tidy_sleep(plan, draft)
    return finish(problem, draft, label)


def _fix(plan: PlanModel, flows: dict[Flow, float], on: OnOff) -> None:
    fixed = dict.fromkeys([*plan.at_home.values(), *plan.leaving.values(), *plan.arriving.values()], 0.0)
    for (j, i, k, t), batches in flows.items():
        if i == k:
            fixed[plan.at_home[j, i, t]] += batches
        else:
            fixed[plan.leaving[j, i, -1]] += batches
            fixed[plan.arriving[j, k, t]] += batches
    whole_periods = not plan.problem.policy.partial_period_sleep
    for (i, t), column in plan.on.items():
        if whole_periods and may_sleep(plan, plan.problem.nodes[i]):
            fixed[column] = float(on[i, t])
    for column, value in fixed.items():
        plan.matrix.lower[column] = plan.matrix.upper[column] = value
